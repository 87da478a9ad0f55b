"""A run of upkeep that a worker is at: what moves it on, and what ends the worker's part of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from ..exceptions import TooManyProblems
from ..models import UpkeepKind, UpkeepRun, UpkeepStatus

CHECKS: Final = (UpkeepKind.VERIFY, UpkeepKind.SAMPLE)
# Beyond that something is wrong with the whole, and a list of everything helps nobody.
MOST_PROBLEMS: Final = 1000


class TimeIsUp(Exception):
    """The task has to end; the run goes on in the next one."""


class Stopped(Exception):
    """Somebody wants it to end."""


class TakenOver(Exception):
    """Another worker moved the run on."""


class Held:
    """A run that this worker is at."""

    def __init__(
        self, run: UpkeepRun, seconds: float, after_batch: Callable[[UpkeepRun], None]
    ) -> None:
        self.run = run
        self._end = time.monotonic() + seconds
        self._after_batch = after_batch
        self._position = run.position

    def renew(self) -> None:
        """Say that this worker is alive; as a transaction's first statement, fence it.

        Raises:
            TakenOver.
        """
        self._change(worked_at=Now())

    def advance(self, position: int, *, done: int, problems: int, size: int = 0) -> None:
        """Move the run on, in the present transaction; `committed` has to be called after it.

        Args:
            size: bytes read.

        Raises:
            TakenOver.
        """
        self._change(
            worked_at=Now(),
            position=position,
            done=F("done") + done,
            problems=F("problems") + problems,
            bytes_read=F("bytes_read") + size,
        )
        # Until that is committed the run stands where it stood, for another try or an end.
        self._position = position

    def committed(self) -> None:
        """Tell of a batch, and go on if there is time and it is still wanted.

        Raises:
            Stopped, TimeIsUp.
        """
        self.run.position = self._position
        # All but the position, which is another worker's where it is not ours.
        self.run.refresh_from_db(fields=["stop_requested", "done", "problems", "bytes_read"])
        self._after_batch(self.run)
        if self.run.stop_requested:
            raise Stopped
        if self.run.problems >= MOST_PROBLEMS and self.run.kind in CHECKS:
            raise TooManyProblems(number=self.run.problems)
        if time.monotonic() > self._end:
            raise TimeIsUp

    def stop_if_asked(self) -> None:
        """Go on only if it is still wanted, between two batches.

        Raises:
            Stopped.
        """
        self.run.refresh_from_db(fields=["stop_requested"])
        if self.run.stop_requested:
            raise Stopped

    def finish(self) -> None:
        """End the run as done in the present transaction, which has found nothing left to do.

        Raises:
            TakenOver.
        """
        self._change(status=UpkeepStatus.DONE, finished_at=timezone.now())

    def _change(self, **values: Any) -> None:
        mine = UpkeepRun.objects.filter(
            pk=self.run.pk, status=UpkeepStatus.RUNNING, position=self.run.position
        )
        if not mine.update(**values):
            raise TakenOver
