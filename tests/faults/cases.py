"""What is tried: each fault at each crossing, with each protocol, errand and database."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations, product

from wagtail_mailarchive.crossings import Crossing

FAULTS = ("kill", "fail")
PROTOCOLS = ("imap", "pop3")
DATABASES = ("sqlite", "postgresql")

# What the fetch at which something happens is about, and what the account does after the fetch in
# the end. "copy" moves on a server that has no MOVE. Before the last three there was another fetch:
# one that was about to delete, and now mail is to be left; one since which all UIDs have changed,
# or some name other messages.
ENDS_WITH = {
    **{each: each for each in ("leave", "mark_read", "move", "delete")},
    **{"copy": "move", "give up": "leave", "renumber": "delete", "restore": "delete"},
}
# What it does at first.
BEGINS_WITH = ENDS_WITH | {"give up": "delete", "renumber": "leave", "restore": "leave"}

# POP3 has neither flags nor other mailboxes, and a name of POP3 that is used again is a new one.
_ERRANDS_OF = {"imap": list(ENDS_WITH), "pop3": ["leave", "delete", "give up", "renumber"]}
_IMAP_ONLY = {
    *(Crossing.COMPARED, Crossing.COMPARISON_NOTED, Crossing.OPENED_FOR_CHANGES),
    *(Crossing.UNMARKED, Crossing.TARGET_MADE, Crossing.COPIED),
}
# Of what comes by POP3 the bytes may be known. Once deleted from, a maildrop has to be opened anew.
_POP3_ONLY = {Crossing.RECOGNISED, Crossing.RUN_CONTINUED}

_CHANGED = {
    *(Crossing.FETCHING_NOTED, Crossing.OPENED_FOR_CHANGES, Crossing.CHANGED_ON_SERVER),
    *(Crossing.REMOVAL_NOTED, Crossing.TREATMENT_TOLD),
}
_REMOVED = _CHANGED | {
    *(Crossing.ASKED_AGAIN, Crossing.PROVEN, Crossing.NOT_DONE_NOTED, Crossing.PENDING_NOTED),
}
# Met after all mail is fetched.
_TREATED = {
    "leave": set[Crossing](),
    "mark_read": _CHANGED | {Crossing.COMPARED},
    "move": _REMOVED | {Crossing.TARGET_MADE},
    "delete": _REMOVED | {Crossing.MARKED_ON_SERVER, Crossing.RUN_CONTINUED},
}
# Of what these meet, only what they are about is tried; the others try the rest.
ABOUT = {
    "copy": {
        *(Crossing.TARGET_MADE, Crossing.PENDING_NOTED, Crossing.COPIED),
        *(Crossing.MARKED_ON_SERVER, Crossing.CHANGED_ON_SERVER, Crossing.REMOVAL_NOTED),
    },
    "give up": {
        *(Crossing.FETCHING_NOTED, Crossing.OPENED_FOR_CHANGES, Crossing.UNMARKED),
        Crossing.GIVEN_UP,
    },
    "renumber": {
        *(Crossing.MAILBOX_OPENED, Crossing.UIDS_FORGOTTEN, Crossing.ANOMALY_NOTED),
        *(Crossing.LISTED, Crossing.NEW_ROWS_NOTED, Crossing.LISTING_NOTED),
        *(Crossing.WAITING_CHOSEN, Crossing.RECOGNISED, Crossing.FETCHING_NOTED),
    },
    "restore": {Crossing.ANOMALY_NOTED, Crossing.COMPARED, Crossing.COMPARISON_NOTED},
}
_FETCHED = set(Crossing).difference(*_TREATED.values()) - {
    *(Crossing.ANOMALY_NOTED, Crossing.COMPARISON_NOTED, Crossing.COPIED),
    *(Crossing.UNMARKED, Crossing.GIVEN_UP),
}

_ONCE = {
    *(Crossing.LEASE_TAKEN, Crossing.RUN_BEGUN, Crossing.CONNECTED, Crossing.MAILBOXES_LISTED),
    *(Crossing.MAILBOXES_CHOSEN, Crossing.COMPARED, Crossing.HEADERS_READ),
    *(Crossing.FETCHING_NOTED, Crossing.NOT_DONE_NOTED, Crossing.TREATMENT_TOLD),
    *(Crossing.CONNECTION_ENDED, Crossing.RUN_TALLIED, Crossing.RUN_ENDED, Crossing.RUN_LOGGED),
    *(Crossing.RUN_CONTINUED, Crossing.LEASE_RELEASED),
}
# Or a QUIT, which removes everything.
_ONCE_A_MAILBOX = {
    *(Crossing.MAILBOX_NOTED, Crossing.MAILBOX_OPENED, Crossing.UIDS_FORGOTTEN, Crossing.LISTED),
    *(Crossing.NEW_ROWS_NOTED, Crossing.LISTING_NOTED, Crossing.SELECTED, Crossing.DESCRIBED),
    *(Crossing.MAILBOX_FINISHED, Crossing.CHANGED_ON_SERVER, Crossing.REMOVAL_NOTED),
}


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
    errand: str
    database: str

    def __str__(self) -> str:
        return "-".join(map(str, astuple(self)))


def tried(errand: str, protocol: str) -> set[Crossing]:
    """Return the crossings at which something happens on this errand."""
    here = ABOUT[errand] if errand in ABOUT else _FETCHED | _TREATED[errand]
    return here - (_POP3_ONLY if protocol == "imap" else _IMAP_ONLY)


def every_case() -> Iterator[Case]:
    for protocol, database, fault in product(PROTOCOLS, DATABASES, FAULTS):
        for errand in _ERRANDS_OF[protocol]:
            for crossing in sorted(tried(errand, protocol)):
                for nth in range(1, 1 + times(crossing, errand, protocol)):
                    yield Case(crossing.name, nth, fault, protocol, errand, database)


def telling(cases: Iterable[Case]) -> list[Case]:
    """Return those of `cases` in which the errand has to do with the crossing.

    What becomes of mail later does not matter while it is fetched.
    """
    return [
        case
        for case in cases
        if case.errand in ("leave", *ABOUT) or Crossing[case.crossing] not in _FETCHED
    ]


def pairwise(cases: Sequence[Case]) -> list[Case]:
    """Return few of `cases`, in which each two values that go together do so at least once."""
    # The order decides which of equals is taken; it has to be the same in each process.
    left = {case: _pairs(case) for case in random.Random(4).sample(cases, len(cases))}
    missing = {pair for pairs in left.values() for pair in pairs}
    chosen = []
    while missing:
        best = max(left, key=lambda case: len(missing & left[case]))
        missing -= left.pop(best)
        chosen.append(best)
    return chosen


def _pairs(case: Case) -> set[tuple[tuple[int, object], tuple[int, object]]]:
    return set(combinations(enumerate(astuple(case)), 2))


def times(crossing: Crossing, errand: str, protocol: str) -> int:
    """Return how many of the times that a crossing is met are tried."""
    once = _ONCE | _ONCE_A_MAILBOX if protocol == "pop3" else _ONCE
    return 1 if crossing in once or errand == "give up" else 2
