"""How far upkeep is: numbers for a progress bar, and the same in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext

from ..models import UpkeepKind, UpkeepRun, UpkeepStatus


class UpkeepProgress(TypedDict):
    """One run; ready for JSON, its sentence in the active language.

    `whole` is 0 where it is not known: of a sample.
    """

    run: int
    account: str
    is_active: bool
    is_stopping: bool
    is_stoppable: bool
    done: int
    whole: int
    problems: int
    sentence: str


def progress(runs: Iterable[UpkeepRun]) -> list[UpkeepProgress]:
    """Return how far each of `runs` is; no query, if they were read with their folders."""
    return [_progress(run) for run in runs]


def name_of(run: UpkeepRun) -> str:
    """Return what the run does, and where."""
    kind = capfirst(UpkeepKind(run.kind).label)
    if run.folder is not None:
        title = run.folder.get_admin_display_title()
    elif run.kind == UpkeepKind.MOVE:
        title = ", ".join(title for _key, title, *_ in run.plan["pages"])
    else:
        return str(kind)
    return gettext("%(kind)s: %(folder)s") % {"kind": kind, "folder": title}


def _progress(run: UpkeepRun) -> UpkeepProgress:
    whole = 0 if run.kind == UpkeepKind.SAMPLE else max(run.total, run.done)
    return {
        "run": run.pk,
        "account": name_of(run),
        "is_active": run.is_active,
        "is_stopping": run.is_active and run.stop_requested,
        "is_stoppable": run.is_stoppable,
        "done": run.done,
        "whole": whole,
        "problems": run.problems,
        "sentence": _sentence(run, whole),
    }


def _sentence(run: UpkeepRun, whole: int) -> str:
    if run.status == UpkeepStatus.FAILED:
        return f"{run.error} {_erased_so_far(run)}" if run.kind == UpkeepKind.ERASE else run.error
    if run.status == UpkeepStatus.STOPPED:
        if run.kind == UpkeepKind.ERASE:
            return _erased_so_far(run)
        return gettext("Stopped after %(number)s.") % {"number": _number(run.done)}
    if run.status == UpkeepStatus.DONE:
        return _done(run)
    if run.stop_requested:
        return gettext("Stops in a moment.")
    if run.started_at is None:
        return gettext("Queued; begins in a moment.")
    if not whole:
        return gettext("%(done)s done.") % {"done": _number(run.done)}
    return gettext("%(done)s of %(whole)s done.") % {
        "done": _number(run.done),
        "whole": _number(whole),
    }


def _done(run: UpkeepRun) -> str:
    numbers = {"number": _number(run.done), "problems": _number(run.problems)}
    if run.kind in (UpkeepKind.VERIFY, UpkeepKind.SAMPLE):
        if not run.problems:
            return gettext("Done: %(number)s checked, all as it was archived.") % numbers
        told = ngettext(
            "Done: %(number)s checked, %(problems)s is not as it was archived.",
            "Done: %(number)s checked, %(problems)s are not as they were archived.",
            run.problems,
        )
        return told % numbers
    if run.kind == UpkeepKind.CONTENTS:
        return _attachments_read(run.done, run.problems) % numbers
    if run.kind == UpkeepKind.DKIM:
        return _signatures_checked(run.done, run.problems) % numbers
    if run.kind == UpkeepKind.CLUSTER:
        return _cluster_told(run.done, run.problems) % numbers
    if run.kind == UpkeepKind.TRASH:
        return _put_into_trash(run.done) % numbers
    if run.kind == UpkeepKind.RESTORE:
        return _restored(run.done) % numbers
    if run.kind in (UpkeepKind.ERASE, UpkeepKind.EMPTY):
        return _erased(run.done) % numbers
    if run.kind == UpkeepKind.MOVE:
        return _moved(run.done) % numbers
    if run.kind == UpkeepKind.READDRESS:
        return _readdressed(run.done) % numbers
    read = ngettext(
        "Done: %(number)s message read again.",
        "Done: %(number)s messages read again.",
        run.done,
    )
    told = read % numbers
    if not run.problems:
        return told
    if run.kind == UpkeepKind.RETRY:
        left = ngettext(
            "%(problems)s stays in quarantine.",
            "%(problems)s stay in quarantine.",
            run.problems,
        )
    else:
        left = ngettext(
            "%(problems)s could not be read and stays as it was.",
            "%(problems)s could not be read and stay as they were.",
            run.problems,
        )
    return f"{told} {left % numbers}"


def _attachments_read(done: int, problems: int) -> str:
    told = ngettext("Done: %(number)s attachment read.", "Done: %(number)s attachments read.", done)
    if not problems:
        return told
    left = ngettext("%(problems)s could not be read.", "%(problems)s could not be read.", problems)
    return f"{told} {left}"


def _signatures_checked(done: int, problems: int) -> str:
    told = ngettext(
        "Done: %(number)s message looked at.", "Done: %(number)s messages looked at.", done
    )
    if not problems:
        return told
    left = ngettext(
        "%(problems)s signature could not be checked.",
        "%(problems)s signatures could not be checked.",
        problems,
    )
    return f"{told} {left}"


def _cluster_told(done: int, problems: int) -> str:
    told = ngettext("Done: %(number)s change told.", "Done: %(number)s changes told.", done)
    if not problems:
        return told
    left = ngettext(
        "%(problems)s message was refused.", "%(problems)s messages were refused.", problems
    )
    return f"{told} {left}"


def _put_into_trash(done: int) -> str:
    return ngettext(
        "Done: %(number)s message moved to the trash.",
        "Done: %(number)s messages moved to the trash.",
        done,
    )


def _moved(done: int) -> str:
    return ngettext(
        "Done: moved with %(number)s message.", "Done: moved with %(number)s messages.", done
    )


def _readdressed(done: int) -> str:
    return ngettext(
        "Done: %(number)s message is at its new address.",
        "Done: %(number)s messages are at their new address.",
        done,
    )


def _restored(done: int) -> str:
    return ngettext(
        "Done: %(number)s message restored.", "Done: %(number)s messages restored.", done
    )


def _erased(done: int) -> str:
    return ngettext("Done: %(number)s message erased.", "Done: %(number)s messages erased.", done)


def _erased_so_far(run: UpkeepRun) -> str:
    """Return what became of a run that ended early, and how to go on."""
    left = max(run.total - run.done, 0)
    numbers = {"number": _number(run.done), "left": _number(left)}
    told = (
        ngettext(
            "Stopped: %(number)s message erased.",
            "Stopped: %(number)s messages erased.",
            run.done,
        )
        % numbers
    )
    if not left:
        return told
    stays = ngettext(
        "%(left)s message stays. To erase it as well, ask for that again in the folder’s trash.",
        "%(left)s messages stay. To erase them as well, ask for that again in the folder’s trash.",
        left,
    )
    return f"{told} {stays % numbers}"


def _number(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)
