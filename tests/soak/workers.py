"""The workers, and how they die."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.db.models.functions import Now

from wagtail_mailarchive.models import Lease

_ROOT = Path(__file__).resolve().parents[2]


class WorkerEnded(RuntimeError):
    """A `qcluster` ended by itself; the message is what it wrote."""


class Worker:
    """One `qcluster`, as on a machine of its own: its processes are a group of their own."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "django", "qcluster"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill all its processes at once, as a power cut does."""
        if self._process is not None:
            process, self._process = self._process, None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def require_alive(self) -> None:
        """
        Raises:
            WorkerEnded: by no doing of ours.
        """
        if self._process is not None and self._process.poll() is not None:
            raise WorkerEnded(self._log.read_text(errors="replace"))

    def has(self, pid: int) -> bool:
        """Whether `pid` is one of its processes, and alive."""
        try:
            return self._process is not None and os.getpgid(pid) == self._process.pid
        except ProcessLookupError:
            return False

    def kill_process(self, pid: int) -> None:
        """Kill one of its processes; django-q starts another."""
        if self.has(pid):
            os.kill(pid, signal.SIGKILL)


class Killer:
    """Kills workers at random, preferably in the middle of a fetch, and starts them again.

    A process is killed alone only while it fetches. Killed while it waits for a task, it would
    take a lock of django-q's queue with it, and its successor would wait for that forever: a
    weakness of `multiprocessing.Queue` that says nothing of us.

    Attributes:
        kills: how many there were so far.
    """

    def __init__(self, workers: Sequence[Worker], rng: random.Random, *, every: float) -> None:
        """
        Args:
            every: seconds between two kills, on average.
        """
        self._workers = workers
        self._rng = rng
        self._every = every
        self._next = time.monotonic() + every
        self.kills = 0

    def tick(self) -> None:
        """Kill somebody, if it is time."""
        if time.monotonic() < self._next:
            return
        busy = self._busy()
        if not busy:
            # Then it is tried again soon.
            return
        pid = self._rng.choice(sorted(busy))
        worker = busy[pid]
        # Somewhere in what it is doing.
        time.sleep(self._rng.uniform(0, 0.4))
        chance = self._rng.random()
        if chance < 0.4:
            if pid not in self._busy():
                return
            worker.kill_process(pid)
        else:
            if chance > 0.8:
                worker = self._rng.choice(self._workers)
            worker.kill()
            worker.start()
        self.kills += 1
        self._next = time.monotonic() + self._rng.uniform(0.5, 1.5) * self._every

    def _busy(self) -> dict[int, Worker]:
        """Return whose worker they are by the ids of the processes that hold an account."""
        holders = Lease.objects.filter(expires_at__gt=Now()).values_list("holder", flat=True)
        pids = {int(holder.rpartition(":")[2]) for holder in holders}
        return {pid: worker for worker in self._workers for pid in pids if worker.has(pid)}
