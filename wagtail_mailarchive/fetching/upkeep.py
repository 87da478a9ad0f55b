"""Upkeep: work on what is archived already, in as many tasks as it takes.

A run's position moves on with each batch, in the batch's own transaction, and only from where the
worker found it: whoever was thought dead and wakes up moves nothing. Everything a batch does may be
done twice. What is done is in `upkeep_work`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from ..archive import problems
from ..exceptions import MailArchiveError, UnexpectedUpkeepError
from ..models import UpkeepKind, UpkeepRun, UpkeepStatus
from . import trash_work
from .held_run import CHECKS, Held, Stopped, TakenOver, TimeIsUp
from .upkeep_work import WORK, total

logger = logging.getLogger("wagtail_mailarchive.fetching")

TASK_SECONDS = 300
# Longer than any batch takes; a worker that committed nothing for so long is dead.
STALE = timedelta(minutes=10)


class Verdict(Enum):
    FINISHED = "finished"  # done, failed or stopped; the run says which
    CONTINUES = "continues"  # time is up; call again
    BUSY = "busy"  # another worker is at it


def work_on(
    run_id: int,
    *,
    seconds: float = TASK_SECONDS,
    after_batch: Callable[[UpkeepRun], None] = lambda run: None,
) -> Verdict:
    """Work on a run for at most `seconds`, and the batch under way then.

    Errors of ours end in the run, where people see them. An error nobody foresaw is noted there
    too and raised.

    Args:
        after_batch: called with the run after each commit.
    """
    run = _claimed(run_id)
    if run is None:
        active = UpkeepRun.objects.filter(pk=run_id, status=UpkeepStatus.RUNNING)
        return Verdict.BUSY if active.exists() else Verdict.FINISHED
    try:
        WORK[UpkeepKind(run.kind)](Held(run, seconds, after_batch))
    except TakenOver:
        logger.warning("Upkeep %s: another worker has taken it over", run.pk)
        return Verdict.BUSY
    except TimeIsUp:
        _end(run, UpkeepStatus.QUEUED)
        return Verdict.CONTINUES
    except Stopped:
        _end(run, UpkeepStatus.STOPPED)
    except MailArchiveError as error:
        logger.warning("Upkeep %s failed: %s", run.pk, error)
        _end(run, UpkeepStatus.FAILED, error)
    except Exception:
        _end(run, UpkeepStatus.FAILED, UnexpectedUpkeepError())
        raise
    except BaseException:
        # Interrupted, not broken: whoever comes next goes on.
        _end(run, UpkeepStatus.QUEUED)
        raise
    else:
        _end(run, UpkeepStatus.DONE)
    return Verdict.FINISHED


def _claimed(run_id: int) -> UpkeepRun | None:
    """Return the run if nobody works on it, begun and marked as worked on."""
    this = UpkeepRun.objects.filter(pk=run_id)
    abandoned = Q(status=UpkeepStatus.RUNNING, worked_at__lt=Now() - STALE)
    free = this.filter(Q(status=UpkeepStatus.QUEUED) | abandoned)
    if not free.update(status=UpkeepStatus.RUNNING, worked_at=Now()):
        return None
    run = this.get()
    if run.started_at is None:
        this.update(started_at=timezone.now(), total=total(run))
        run.refresh_from_db()
    return run


def _end(run: UpkeepRun, status: UpkeepStatus, error: MailArchiveError | None = None) -> None:
    """Note how this worker's share of the run ended, unless it is another's by now."""
    values: dict[str, Any] = {"status": status}
    if status == UpkeepStatus.QUEUED:
        # Queued again by whoever called; the date keeps the schedule from doing so as well.
        values["queued_at"] = timezone.now()
    else:
        values["finished_at"] = timezone.now()
    if error is not None:
        values |= {"error_code": error.code, "error_params": error.params}
    mine = UpkeepRun.objects.filter(pk=run.pk, status=UpkeepStatus.RUNNING, position=run.position)
    with transaction.atomic():
        if not mine.update(**values):
            return
        if status == UpkeepStatus.FAILED and run.kind == UpkeepKind.ERASE:
            trash_work.unmark(run)
        if run.kind not in CHECKS:
            return
        subject = f"check {run.kind}" + (f" {run.folder_id}" if run.folder_id else "")
        if error is not None:
            problems.note([problems.Found(subject, run.folder_id, error)])
        elif status == UpkeepStatus.DONE:
            problems.settle([subject])
