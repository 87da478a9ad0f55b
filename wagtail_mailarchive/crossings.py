"""The numbered points of a fetch at which anything may die, and nothing may be lost by it.

The tests of faults end the process, or raise, at each of them; see docs/explanation/durability.md.
Passing one costs a comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class Crossing(IntEnum):
    """In the order in which a message meets them."""

    LEASE_TAKEN = 1


interrupt: Callable[[Crossing], None] | None = None


def cross(crossing: Crossing) -> None:
    """Tell that the work under way has come to `crossing`."""
    if interrupt is not None:
        interrupt(crossing)
