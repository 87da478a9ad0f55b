"""How far fetch runs are: numbers for a progress bar, and the same in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from ..models import FetchRun, RunStatus
from .waiting import left_of_limit

# Below that a rate says more about the first batch than about the run.
_LEAST_SECONDS = 3.0


class Progress(TypedDict):
    """One run; ready for JSON, its sentences in the active language.

    `done` and `whole` count the messages of this run, `whole` being 0 while it is not known.
    `rate` is in messages a second, null where nothing can be said yet, as is `seconds_left`.
    `after_fetch` is what the account does with archived mail, "" if it was removed.
    """

    run: int
    account: str
    status: str
    is_active: bool
    is_stopping: bool
    mailbox: str
    done: int
    whole: int
    archived: int
    duplicates: int
    excluded: int
    quarantined: int
    too_large: int
    erased: int
    waiting: int
    after_fetch: str
    marked_read: int
    moved: int
    deleted: int
    not_proven: int
    rate: float | None
    seconds_left: int | None
    sentence: str
    pace: str


def progress(runs: Iterable[FetchRun]) -> list[Progress]:
    """Return how far each of `runs` is; no query, if they were read with their accounts."""
    return [_progress(run) for run in runs]


def handled(run: FetchRun) -> int:
    """Return how many messages got an outcome in this run."""
    return (
        run.archived + run.duplicates + run.excluded + run.quarantined + run.too_large + run.erased
    )


def _progress(run: FetchRun) -> Progress:
    done = handled(run)
    left = _left(run) if run.is_active and run.fetched_at is None else 0
    rate = _rate(run, done)
    seconds_left = round(left / rate) if rate and left else None
    return {
        "run": run.pk,
        "account": run.account_name,
        "status": run.status,
        "is_active": run.is_active,
        "is_stopping": run.is_active and run.stop_requested,
        "mailbox": run.current_mailbox,
        "done": done,
        "whole": done + left,
        "archived": run.archived,
        "duplicates": run.duplicates,
        "excluded": run.excluded,
        "quarantined": run.quarantined,
        "too_large": run.too_large,
        "erased": run.erased,
        "waiting": run.waiting,
        "after_fetch": run.account.after_fetch if run.account else "",
        "marked_read": run.marked_read,
        "moved": run.moved,
        "deleted": run.deleted,
        "not_proven": run.not_proven,
        "rate": rate,
        "seconds_left": seconds_left,
        "sentence": _sentence(run, done, done + left),
        "pace": _pace(run, rate, seconds_left),
    }


def _left(run: FetchRun) -> int:
    """Return how many messages this run still handles, as far as is known."""
    most = left_of_limit(run, run.account) if run.account else None
    return run.waiting if most is None else min(run.waiting, most)


def _rate(run: FetchRun, done: int) -> float | None:
    if not done or run.started_at is None:
        return None
    elapsed = ((run.finished_at or timezone.now()) - run.started_at).total_seconds()
    return round(done / elapsed, 1) if elapsed >= _LEAST_SECONDS else None


def _sentence(run: FetchRun, done: int, whole: int) -> str:
    if run.status == RunStatus.SUCCEEDED:
        return _succeeded(run)
    if run.status == RunStatus.FAILED:
        return run.error
    if run.status == RunStatus.STOPPED:
        told = ngettext(
            "Stopped after %(number)s new message.",
            "Stopped after %(number)s new messages.",
            run.archived,
        )
        return _with_treated(told % {"number": _number(run.archived)}, run)
    if run.stop_requested:
        return gettext("Stops after the messages under way.")
    if run.status == RunStatus.QUEUED and not done:
        return gettext("Queued; begins in a moment.")
    if run.fetched_at is not None:
        return _with_treated(
            gettext("All new mail is fetched; archived mail is being treated."), run
        )
    if not whole:
        return gettext("Looking for new mail in %(mailbox)s.") % {"mailbox": run.current_mailbox}
    told = ngettext(
        "%(done)s of %(whole)s message done.", "%(done)s of %(whole)s messages done.", whole
    )
    return told % {"done": _number(done), "whole": _number(whole)}


def _succeeded(run: FetchRun) -> str:
    if not run.archived:
        told = gettext("Done: nothing new.")
    else:
        told = ngettext(
            "Done: %(number)s new message.", "Done: %(number)s new messages.", run.archived
        ) % {"number": _number(run.archived)}
    told = _with_treated(told, run)
    if not run.waiting:
        return told
    waits = ngettext(
        "%(number)s more waits on the server for the next fetch.",
        "%(number)s more wait on the server for the next fetch.",
        run.waiting,
    )
    told = f"{told} {waits % {'number': _number(run.waiting)}}"
    if not run.not_read:
        return told
    refused = ngettext(
        "The server lists %(number)s of them and does not hand it over.",
        "The server lists %(number)s of them and does not hand them over.",
        run.not_read,
    )
    return f"{told} {refused % {'number': _number(run.not_read)}}"


def treated(run: FetchRun) -> str:
    """Return what `run` did on the server, e.g. "5 deleted on the server"; "" for nothing."""
    counted = [
        (gettext("%(number)s marked as read"), run.marked_read),
        (gettext("%(number)s moved on the server"), run.moved),
        (gettext("%(number)s deleted on the server"), run.deleted),
    ]
    return ", ".join(told % {"number": _number(number)} for told, number in counted if number)


def _with_treated(told: str, run: FetchRun) -> str:
    done = treated(run)
    return f"{told} {done[0].upper()}{done[1:]}." if done else told


def _pace(run: FetchRun, rate: float | None, seconds_left: int | None) -> str:
    """Return speed and time left in words; "" where nothing can be said."""
    if rate is None or run.status != RunStatus.RUNNING:
        return ""
    if rate >= 1:
        speed = gettext("%(number)s messages a second") % {"number": _number(round(rate))}
    else:
        speed = gettext("%(number)s messages a minute") % {"number": _number(round(rate * 60))}
    if seconds_left is None:
        return speed
    return f"{speed}, {_time_left(seconds_left)}"


def _time_left(seconds: int) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return gettext("less than a minute left")
    if minutes < 90:
        told = ngettext("about %(number)d minute left", "about %(number)d minutes left", minutes)
        return told % {"number": minutes}
    hours = round(minutes / 60)
    told = ngettext("about %(number)d hour left", "about %(number)d hours left", hours)
    return told % {"number": hours}


def _number(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)
