"""Upkeep in the caller's own process, to the end of the run; what both commands share."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.management.base import CommandError

from ..fetching.upkeep import Verdict, work_on
from ..models import EmailFolderPage, UpkeepRun

_TELL_EVERY = 5.0  # seconds


def folder_of(number: int | None) -> EmailFolderPage | None:
    """Return the email folder of that number; None for none.

    Raises:
        CommandError: there is no such folder.
    """
    if number is None:
        return None
    folder: EmailFolderPage | None = EmailFolderPage.objects.filter(pk=number).first()
    if folder is None:
        raise CommandError("There is no email folder of that number.")
    return folder


def work_to_the_end(run: UpkeepRun, tell: Callable[[str], None]) -> None:
    """Work on `run` until it is done, failed or stopped, and read it anew.

    Args:
        tell: given a line now and then on how far it is.

    Raises:
        CommandError: interrupted, or under way elsewhere.
    """
    told = time.monotonic()

    def after_batch(run: UpkeepRun) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY:
            told = time.monotonic()
            tell(f"{run.done} of {run.total} done, {run.problems} problems ...")

    if run.done:
        tell(f"Going on after {run.done} of {run.total}.")
    try:
        while (verdict := work_on(run.pk, after_batch=after_batch)) is Verdict.CONTINUES:
            pass
    except KeyboardInterrupt:
        raise CommandError(
            "Interrupted. The same command goes on where it stopped; if it is not called within "
            "ten minutes, the worker goes on."
        ) from None
    if verdict is Verdict.BUSY:
        raise CommandError(
            "This is under way elsewhere: in the worker, or it was killed in the last ten "
            "minutes. Wait for it, or stop it in Reports > Mail integrity."
        )
    run.refresh_from_db()
