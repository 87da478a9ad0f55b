"""What is told of fetching: one sentence for every state, and the next step where there is one.

Pages, the admin and the answer to “Fetch new mail” all say it in these words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from ..models import AccountHealth, EmailFolderPage, FetchRun, MailAccount, RunStatus
from ..sources.base import Login
from .progress import progress, treated

WORKER_COMMAND = "python manage.py qcluster"


class Tone(StrEnum):
    """How a state is dressed; its sentence says the same in words."""

    NOTE = "note"
    PROGRESS = "progress"
    WARNING = "warning"
    FAILURE = "failure"


class Goal(StrEnum):
    """Where a step is taken; whoever shows it knows the address."""

    CONNECT = "connect"  # the form for a new mail account
    ACCOUNT = "account"  # the form of a mail account
    RECONCILE = "reconcile"  # where a mail account is compared with the ledger


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a state is told to.

    Attributes:
        may_fetch: may fetch by hand, and so is told of reasons.
        may_connect: manages mail accounts.
    """

    may_fetch: bool
    may_connect: bool


@dataclass(frozen=True, slots=True)
class State:
    """One sentence about a folder or a mail account, in the active language.

    Attributes:
        at: when it came to be; None where that does not matter.
        step: what to do about it; "" where nothing has to be done.
        goal: where to do it; None if no page of ours is for it.
        target: the id of the goal's folder (CONNECT) or mail account (the others).
        command: to be typed on the server; "" if none.
        done, whole: messages, for a progress bar; `whole` is 0 where the sum is not known.
    """

    tone: Tone
    sentence: str
    at: datetime | None = None
    step: str = ""
    goal: Goal | None = None
    target: int = 0
    command: str = ""
    done: int = 0
    whole: int = 0

    def __str__(self) -> str:
        return f"{self.sentence} {self.command}".rstrip()


def no_account(folder: EmailFolderPage, reader: Reader) -> State:
    state = State(Tone.NOTE, gettext("No mail account is connected to this folder yet."))
    if reader.may_connect:
        step = gettext("Connect a mail account")
        return replace(state, step=step, goal=Goal.CONNECT, target=folder.pk)
    return _for_fetchers(state, reader, gettext("Ask an administrator to connect one."))


def site_off(reader: Reader) -> State:
    tone = Tone.WARNING if reader.may_fetch else Tone.NOTE
    sentence = gettext("Mail archiving is switched off for this site; what is archived stays.")
    step = gettext("The site owner can switch it on in Settings > Mail archive.")
    return _for_fetchers(State(tone, sentence), reader, step)


def switched_off(account: MailAccount, reader: Reader) -> State:
    tone = Tone.WARNING if reader.may_fetch else Tone.NOTE
    state = State(tone, gettext("Fetching is switched off; what is archived stays."))
    return for_managers(state, account, reader, gettext("Switch it on"))


def not_tested(account: MailAccount, reader: Reader) -> State:
    """Tell of an account that was never switched on, because nobody knows whether it works."""
    if not reader.may_fetch:
        return switched_off(account, reader)
    sentence = gettext(
        "%(account)s is switched off, because its connection has not been tested yet."
    )
    state = State(Tone.WARNING, sentence % {"account": account.name})
    return for_managers(state, account, reader, gettext("Test the connection"))


def held(account: MailAccount, health: AccountHealth, reader: Reader) -> State:
    """Tell that nothing is fetched until somebody acts."""
    if not reader.may_fetch:
        return _not_fetched()
    sentence = gettext("Mail of %(account)s is not fetched any more. %(reason)s") % {
        "account": account.name,
        "reason": health.held_because,
    }
    is_signed_in = account.login == Login.OAUTH2
    step = gettext("Sign in again") if is_signed_in else gettext("Enter the password again")
    return for_managers(State(Tone.FAILURE, sentence), account, reader, step)


def partly_off(number: int) -> State:
    sentence = ngettext(
        "%(number)d mail account of this folder is switched off.",
        "%(number)d mail accounts of this folder are switched off.",
        number,
    )
    return State(Tone.NOTE, sentence % {"number": number})


def nothing_to_fetch_from() -> State:
    return State(Tone.WARNING, gettext("There is no enabled mail account to fetch from."))


def requested(number: int) -> State:
    sentence = ngettext(
        "Fetching new mail from %(number)d account.",
        "Fetching new mail from %(number)d accounts.",
        number,
    )
    return State(Tone.PROGRESS, sentence % {"number": number})


def no_worker(*, waits: bool) -> State:
    """Tell that nobody works on the queue; `waits` says whether a fetch is in it."""
    if waits:
        sentence = gettext(
            "The fetch waits, because no worker is running. Start one on the server:"
        )
    else:
        sentence = gettext(
            "No mail is fetched on schedule, because no worker is running. Start one on the server:"
        )
    return State(Tone.WARNING, sentence, command=WORKER_COMMAND)


def trial_waits() -> State:
    sentence = gettext("This waits, because no worker is running. Start one on the server:")
    return State(Tone.WARNING, sentence, command=WORKER_COMMAND)


def never_fetched(reader: Reader) -> State:
    sentence = gettext("The mail account is connected, and its mail has not been fetched yet.")
    step = gettext("It is fetched on schedule, or at once with “Fetch new mail”.")
    return _for_fetchers(State(Tone.NOTE, sentence), reader, step)


def fetching(active: Sequence[FetchRun]) -> State:
    running = [run for run in active if run.status == RunStatus.RUNNING]
    if not running:
        return State(Tone.PROGRESS, gettext("A fetch is queued and begins in a moment."))
    archived = sum(run.archived for run in running)
    sentence = ngettext(
        "Fetching mail now: %(number)d new message so far.",
        "Fetching mail now: %(number)d new messages so far.",
        archived,
    )
    far = progress(running)
    return State(
        Tone.PROGRESS,
        sentence % {"number": archived},
        step=gettext("Reload this page to see how far it is."),
        done=sum(each["done"] for each in far),
        whole=sum(each["whole"] for each in far),
    )


def backing_off(failures: int, until: datetime) -> State:
    """Tell why the next try is later than the interval says."""
    sentence = ngettext(
        "The last fetch failed. It is tried again at %(time)s.",
        "The last %(number)d fetches failed. It is tried again at %(time)s.",
        failures,
    )
    return State(Tone.NOTE, sentence % {"number": failures, "time": clock(until)})


def waits_on_server(number: int, next_fetch_at: datetime | None) -> State:
    """Tell of mail that a fetch left, for its limit or because it could not be read."""
    if next_fetch_at is None:
        sentence = ngettext(
            "%(number)d message waits on the server.",
            "%(number)d messages wait on the server.",
            number,
        )
        return State(Tone.NOTE, sentence % {"number": number})
    sentence = ngettext(
        "%(number)d message waits on the server; the next fetch is at %(time)s.",
        "%(number)d messages wait on the server; the next fetch is at %(time)s.",
        number,
    )
    return State(Tone.NOTE, sentence % {"number": number, "time": clock(next_fetch_at)})


def clock(moment: datetime) -> str:
    """Return `moment` in the active language and zone; without its date if that is today."""
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate()
    return date_format(local, "TIME_FORMAT" if is_today else "DATETIME_FORMAT")


def held_no_mail() -> State:
    return State(Tone.NOTE, gettext("The mailbox was read and held no mail."))


def failures(failed: Sequence[FetchRun], reader: Reader) -> list[State]:
    """Tell of each failed run; without its reason, and once, to those who may not fetch."""
    if failed and not reader.may_fetch:
        return [_not_fetched()]
    return [_failure(run, reader) for run in failed]


def _failure(run: FetchRun, reader: Reader) -> State:
    sentence = gettext("New mail of %(account)s could not be fetched. %(reason)s") % {
        "account": run.account_name,
        "reason": run.error,
    }
    state = State(Tone.FAILURE, sentence, at=run.finished_at)
    if run.account is None:
        return state
    return for_managers(state, run.account, reader, gettext("Open the mail account"))


def does_not_add_up() -> State:
    return State(
        Tone.WARNING, gettext("What is archived does not add up to what the server holds.")
    )


def to_reconcile(state: State, account_id: int, reader: Reader) -> State:
    """Add to `state` the step to compare server and ledger, for those who may."""
    if not reader.may_connect:
        return state
    step = gettext("Compare server and ledger")
    return replace(state, step=step, goal=Goal.RECONCILE, target=account_id)


def left_out(account: MailAccount, number: int) -> State:
    """Tell of mailboxes that the server lists and lets this user not read."""
    sentence = ngettext(
        "%(number)d mailbox of %(account)s is left out, because the server does not open it.",
        "%(number)d mailboxes of %(account)s are left out, because the server does not open them.",
        number,
    )
    return State(Tone.NOTE, sentence % {"number": number, "account": account.name})


def differs(account: MailAccount, number: int, at: datetime, reader: Reader) -> State:
    """Tell what the last reconciliation found."""
    sentence = ngettext(
        "Server and ledger of %(account)s were compared and differ at %(number)d place.",
        "Server and ledger of %(account)s were compared and differ at %(number)d places.",
        number,
    )
    told = sentence % {"account": account.name, "number": number}
    return to_reconcile(State(Tone.WARNING, told, at=at), account.pk, reader)


def news(succeeded: Sequence[FetchRun]) -> str:
    """Return what these runs brought, to follow “last checked”; "" if there are none."""
    if not succeeded:
        return ""
    archived = sum(run.archived for run in succeeded)
    told = ngettext("%(number)d new message", "%(number)d new messages", archived)
    brought = told % {"number": archived} if archived else gettext("nothing new")
    return ", ".join([brought, *filter(None, map(treated, succeeded))])


def _not_fetched() -> State:
    return State(Tone.FAILURE, gettext("New mail could not be fetched at the last try."))


def for_managers(state: State, account: MailAccount, reader: Reader, step: str) -> State:
    """Add a step that is taken in the account's form; whoever may not is told whom to ask."""
    if reader.may_connect:
        return _leading_to(state, account.pk, step)
    return _for_fetchers(state, reader, whom_to_ask(account))


def whom_to_ask(account: MailAccount) -> str:
    """Return who connected `account`, for those who may not manage it."""
    if account.created_by is None or not account.created_by.is_active:
        return gettext("Ask an administrator.")
    name = account.created_by.get_full_name() or account.created_by.get_username()
    return gettext("Connected by %(name)s: ask them.") % {"name": name}


def _leading_to(state: State, account_id: int, step: str) -> State:
    return replace(state, step=step, goal=Goal.ACCOUNT, target=account_id)


def _for_fetchers(state: State, reader: Reader, step: str) -> State:
    """Add a step that only those who may fetch have a use for."""
    return replace(state, step=step) if reader.may_fetch else state
