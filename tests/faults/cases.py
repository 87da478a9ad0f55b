"""What is tried: each fault at each crossing, with each protocol, action and database."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations, product

from wagtail_mailarchive.crossings import Crossing

FAULTS = ("kill", "raise")
PROTOCOLS = ("imap", "pop3")
DATABASES = ("sqlite", "postgresql")
ACTIONS = ("leave",)

# POP3 has neither flags nor other mailboxes.
_ACTIONS_OF = {"imap": ACTIONS, "pop3": ("leave",)}
_ONCE = {
    *(Crossing.LEASE_TAKEN, Crossing.RUN_BEGUN, Crossing.CONNECTED, Crossing.MAILBOXES_CHOSEN),
    *(Crossing.CONNECTION_ENDED, Crossing.RUN_TALLIED, Crossing.RUN_ENDED),
    *(Crossing.LEASE_RELEASED, Crossing.FETCHING_NOTED),
}
_ONCE_A_MAILBOX = {
    *(Crossing.MAILBOX_NOTED, Crossing.MAILBOX_OPENED, Crossing.LISTED, Crossing.NEW_ROWS_NOTED),
    *(Crossing.LISTING_NOTED, Crossing.SELECTED, Crossing.DESCRIBED, Crossing.MAILBOX_FINISHED),
}
_AFTER_FETCH = {
    "leave": set[Crossing](),
    "mark_read": {Crossing.FETCHING_NOTED, Crossing.MARKED_ON_SERVER},
    "move": {
        *(Crossing.FETCHING_NOTED, Crossing.PENDING_NOTED, Crossing.PROVEN),
        *(Crossing.CHANGED_ON_SERVER, Crossing.REMOVAL_NOTED),
    },
}
_AFTER_FETCH["delete"] = _AFTER_FETCH["move"]
_OF_SOME_ACTIONS = set().union(*_AFTER_FETCH.values())


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


def met(protocol: str, action: str) -> set[Crossing]:
    """Return the crossings that a fetch with this action meets."""
    return {
        each for each in Crossing if each not in _OF_SOME_ACTIONS or each in _AFTER_FETCH[action]
    }


def every_case() -> Iterator[Case]:
    for protocol, database, fault in product(PROTOCOLS, DATABASES, FAULTS):
        for action in _ACTIONS_OF[protocol]:
            for crossing in sorted(met(protocol, action)):
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
    if crossing in _ONCE or (protocol == "pop3" and crossing in _ONCE_A_MAILBOX):
        return 1
    return 2
