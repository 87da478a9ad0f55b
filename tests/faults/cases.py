"""What is tried: each fault at each crossing, with each protocol, action and database."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations, product

from wagtail_mailarchive.crossings import Crossing

FAULTS = ("kill", "fail")
PROTOCOLS = ("imap", "pop3")
DATABASES = ("sqlite", "postgresql")
ACTIONS = ("leave", "mark_read", "move", "delete")

# POP3 has neither flags nor other mailboxes.
_ACTIONS_OF = {"imap": ACTIONS, "pop3": ("leave", "delete")}
_ONCE = {
    *(Crossing.LEASE_TAKEN, Crossing.RUN_BEGUN, Crossing.CONNECTED, Crossing.MAILBOXES_CHOSEN),
    *(Crossing.CONNECTION_ENDED, Crossing.RUN_TALLIED, Crossing.RUN_ENDED),
    *(Crossing.LEASE_RELEASED, Crossing.FETCHING_NOTED),
}
_ONCE_A_MAILBOX = {
    *(Crossing.MAILBOX_NOTED, Crossing.MAILBOX_OPENED, Crossing.LISTED, Crossing.NEW_ROWS_NOTED),
    *(Crossing.LISTING_NOTED, Crossing.SELECTED, Crossing.DESCRIBED, Crossing.MAILBOX_FINISHED),
}
_CHANGED = {Crossing.FETCHING_NOTED, Crossing.CHANGED_ON_SERVER, Crossing.REMOVAL_NOTED}
_REMOVED = _CHANGED | {Crossing.PROVEN, Crossing.PENDING_NOTED}
_AFTER_FETCH = {
    "leave": set[Crossing](),
    "mark_read": _CHANGED,
    "move": _REMOVED,
    "delete": _REMOVED | {Crossing.MARKED_ON_SERVER},
}
# One QUIT removes everything.
_ONCE_A_MAILDROP = {Crossing.CHANGED_ON_SERVER, Crossing.REMOVAL_NOTED}


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        crossing: the name of where it happens.
        nth: the how manyeth time that it is met.
    """

    crossing: str
    nth: int
    fault: str
    protocol: str
    action: str
    database: str

    def __str__(self) -> str:
        return "-".join(map(str, astuple(self)))


def met(action: str) -> set[Crossing]:
    """Return the crossings that a fetch with this action meets."""
    return set(Crossing) - _AFTER_FETCH["delete"] | _AFTER_FETCH[action]


def every_case() -> Iterator[Case]:
    for protocol, database, fault in product(PROTOCOLS, DATABASES, FAULTS):
        for action in _ACTIONS_OF[protocol]:
            for crossing in sorted(met(action)):
                for nth in range(1, 1 + _times(crossing, protocol)):
                    yield Case(crossing.name, nth, fault, protocol, action, database)


def pairwise(cases: Sequence[Case]) -> list[Case]:
    """Return few of `cases`, in which each two values that go together do so at least once."""
    # The order decides which of equals is taken; it has to be the same in each process.
    left = random.Random(4).sample(cases, len(cases))
    missing = {pair for case in cases for pair in _pairs(case)}
    chosen = []
    while missing:
        best = max(left, key=lambda case: len(missing & _pairs(case)))
        missing -= _pairs(best)
        left.remove(best)
        chosen.append(best)
    return chosen


def _pairs(case: Case) -> set[tuple[tuple[int, object], tuple[int, object]]]:
    return set(combinations(enumerate(astuple(case)), 2))


def _times(crossing: Crossing, protocol: str) -> int:
    """Return how many of the times that a crossing is met are tried."""
    once = _ONCE | _ONCE_A_MAILBOX | _ONCE_A_MAILDROP if protocol == "pop3" else _ONCE
    return 1 if crossing in once else 2
