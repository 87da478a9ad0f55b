"""What a folder's reader is told: one sentence for every state, and the next step where one is.

Readers learn whether the folder is up to date; whoever may fetch also learns why it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, ngettext

from ..models import EmailFolderPage, FetchRun, MailAccount, RunStatus, WorkerHeartbeat

WORKER_COMMAND = "python manage.py qcluster"


class Tone(StrEnum):
    """How a state is dressed; its sentence says the same in words."""

    NOTE = "note"
    PROGRESS = "progress"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class State:
    """One sentence about a folder.

    Attributes:
        step: what to do about it; "" where nothing has to be done.
        address: where to do it, "" if there is no such page.
        command: to be typed on the server; "" if none.
        done, whole: messages, for a progress bar; `whole` is 0 where the sum is not known.
    """

    tone: Tone
    sentence: str
    step: str = ""
    address: str = ""
    command: str = ""
    done: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A folder's states.

    Attributes:
        checked_at: when mail was last fetched without an error; None if never.
        can_fetch: whether the reader is offered to fetch new mail now.
    """

    states: list[State]
    checked_at: datetime | None
    can_fetch: bool


def fetchable_accounts(folder: EmailFolderPage) -> QuerySet[MailAccount]:
    """Return the accounts that a click on "Fetch new mail" means."""
    return MailAccount.objects.filter(folder=folder, enabled=True)


def condition_of(
    folder: EmailFolderPage, *, may_fetch: bool, may_connect: bool, is_empty: bool
) -> Condition:
    """Return what to say of `folder`, in four questions to the database at most.

    Args:
        may_fetch: whether the reader may fetch, and so is told of reasons.
        may_connect: whether the reader manages mail accounts.
        is_empty: whether the reader sees no message in it.
    """
    runs_of = FetchRun.objects.filter(account=OuterRef("pk")).order_by("-pk")
    succeeded = runs_of.filter(status=RunStatus.SUCCEEDED)
    accounts = list(
        MailAccount.objects.filter(folder=folder)
        .only("name", "enabled")
        .annotate(
            latest=Subquery(runs_of.values("pk")[:1]),
            checked_at=Subquery(succeeded.values("finished_at")[:1]),
        )
    )
    enabled = [each for each in accounts if each.enabled]
    runs = FetchRun.objects.in_bulk([each.latest for each in enabled if each.latest])
    latest = list(runs.values())
    active = [run for run in latest if run.is_active]
    checked_at = max((each.checked_at for each in accounts if each.checked_at), default=None)

    states: list[State] = []
    if not accounts:
        states.append(_no_account(folder, may_fetch=may_fetch, may_connect=may_connect))
    elif not enabled:
        states.append(_switched_off(may_fetch=may_fetch))
    else:
        if active:
            states.append(_fetching(active))
        elif not latest:
            states.append(_never_fetched(may_fetch=may_fetch))
        elif is_empty and checked_at:
            states.append(State(Tone.NOTE, gettext("The mailbox was read and held no mail.")))
        states += _failures(latest, may_fetch=may_fetch)
        off = len(accounts) - len(enabled)
        if may_fetch and off:
            states.append(_partly_off(off))
        if may_fetch and not WorkerHeartbeat.is_alive():
            states.append(_no_worker())
    return Condition(states, checked_at, can_fetch=may_fetch and len(active) < len(enabled))


def _no_account(folder: EmailFolderPage, *, may_fetch: bool, may_connect: bool) -> State:
    sentence = gettext("No mail account is connected to this folder yet.")
    if may_connect:
        address = _account_form(folder)
        return State(Tone.NOTE, sentence, gettext("Connect a mail account"), address)
    if may_fetch:
        return State(Tone.NOTE, sentence, gettext("Ask an administrator to connect one."))
    return State(Tone.NOTE, sentence)


def _account_form(folder: EmailFolderPage) -> str:
    try:
        return f"{reverse('mailarchive_accounts:add')}?folder={folder.pk}"
    except NoReverseMatch:
        # Some sites serve Wagtail's admin from another host.
        return ""


def _switched_off(*, may_fetch: bool) -> State:
    step = gettext("Enable a mail account of this folder in the admin to go on.")
    return State(
        Tone.NOTE,
        gettext("Fetching is switched off for this folder; what is archived stays."),
        step if may_fetch else "",
    )


def _partly_off(number: int) -> State:
    sentence = ngettext(
        "%(number)d mail account of this folder is switched off.",
        "%(number)d mail accounts of this folder are switched off.",
        number,
    )
    return State(Tone.NOTE, sentence % {"number": number})


def _never_fetched(*, may_fetch: bool) -> State:
    step = gettext("It is fetched on schedule, or at once with “Fetch new mail”.")
    return State(
        Tone.NOTE,
        gettext("The mail account is connected, and its mail has not been fetched yet."),
        step if may_fetch else "",
    )


def _fetching(active: list[FetchRun]) -> State:
    running = [run for run in active if run.status == RunStatus.RUNNING]
    if not running:
        return State(Tone.PROGRESS, gettext("A fetch is queued and begins in a moment."))
    archived = sum(run.archived for run in running)
    waiting = sum(run.waiting for run in running)
    sentence = ngettext(
        "Fetching mail now: %(number)d new message so far.",
        "Fetching mail now: %(number)d new messages so far.",
        archived,
    )
    whole = sum(run.on_server for run in running)
    return State(
        Tone.PROGRESS,
        sentence % {"number": archived},
        gettext("Reload this page to see how far it is."),
        done=max(0, whole - waiting),
        whole=whole,
    )


def _failures(latest: list[FetchRun], *, may_fetch: bool) -> list[State]:
    failed = [run for run in latest if run.status == RunStatus.FAILED]
    if may_fetch:
        return [
            State(
                Tone.WARNING,
                gettext("New mail of %(account)s could not be fetched.")
                % {"account": run.account_name},
                run.error,
            )
            for run in failed
        ]
    if failed:
        return [State(Tone.WARNING, gettext("New mail could not be fetched at the last try."))]
    return []


def _no_worker() -> State:
    return State(
        Tone.WARNING,
        gettext("No worker is running, so no mail is fetched."),
        gettext("Start one on the server:"),
        command=WORKER_COMMAND,
    )
