"""How long we wait for a mail server: never without an end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Limits in seconds.

    Attributes:
        connect: from looking up the name to being logged in, all together.
        silence: one socket operation, i.e. how long the server may say nothing.
        command: one command from its first byte sent to the last byte of its answer, so that
            a server dripping a byte now and then cannot hold us.
        change: what changes something on the server. Less than a lease lasts, so that nobody else
            works on the account while it is under way.
    """

    connect: float = 30
    silence: float = 60
    command: float = 300
    change: float = 90


class Deadline:
    """A moment on the monotonic clock, and the seconds that were granted until then."""

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self._moment = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, never less than 0."""
        return max(0.0, self._moment - time.monotonic())

    def sooner(self, other: Deadline) -> Deadline:
        """Return whichever of the two comes first."""
        return self if self._moment <= other._moment else other

    @property
    def shown_seconds(self) -> int:
        """The seconds granted, as a whole number that makes sense in a sentence."""
        return max(1, round(self.seconds)) if math.isfinite(self.seconds) else 0
