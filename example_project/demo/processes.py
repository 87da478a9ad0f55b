"""The demo's children: each in a session of its own, none left behind.

A session of its own, because Ctrl-C in a terminal, and SIGTERM to a group, reach every process of
the group; django-q2's cluster waits for ever when its workers get the signal as well as itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
ENDING = 12.0  # seconds that children get to end by themselves
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class Child:
    """A process that serves the demo.

    Attributes:
        name: for sentences, e.g. "The worker".
        log: file of its output, that of the present run alone.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_ends_with_parent(os.getpid()),
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def last_lines(self, number: int = 5) -> str:
        """Return the end of its log, indented."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-number:]
        return "\n".join(f"    {line}" for line in lines)

    def ask_to_end(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, then end what is left of its session."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def end_all(children: Sequence[Child]) -> None:
    """End all children at once; those that do not within `ENDING` are killed."""
    for child in children:
        child.ask_to_end()
    deadline = time.monotonic() + ENDING
    for child in children:
        child.wait(deadline - time.monotonic())


def _ends_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what makes a child get SIGTERM when its parent is killed; Linux alone has a way."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent died before it was asked.
            os._exit(1)

    return ask
