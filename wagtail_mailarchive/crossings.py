"""The numbered points of a fetch at which anything may die, and nothing may be lost by it.

The tests of faults end the process, or raise, at each of them; see docs/explanation/durability.md.
Passing one costs a comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class Crossing(IntEnum):
    """In the order in which a message meets them; each names what has just been done.

    Between two of them there is at most one transaction, one question to the server or one
    change there.
    """

    # A worker begins.
    LEASE_TAKEN = 1
    RUN_BEGUN = 2
    CONNECTED = 3
    MAILBOXES_CHOSEN = 4
    # A mailbox is compared with the ledger.
    MAILBOX_NOTED = 5
    MAILBOX_OPENED = 6
    LISTED = 7
    NEW_ROWS_NOTED = 8
    LISTING_NOTED = 9
    SELECTED = 10
    WAITING_CHOSEN = 11
    # Messages are read, in threads of their own.
    DESCRIBED = 12
    FETCHED = 13
    PREPARED = 14
    PARSED = 15
    # A batch is written, in one transaction.
    BATCH_BEGUN = 16
    ORIGINALS_INSERTED = 17
    PAGES_INSERTED = 18
    LEDGER_WRITTEN = 19
    RUN_COUNTED = 20
    BATCH_COMMITTED = 21
    MAILBOX_FINISHED = 22
    # What is archived is treated on the server as the account says.
    FETCHING_NOTED = 23
    PROVEN = 24
    PENDING_NOTED = 25
    MARKED_ON_SERVER = 26
    CHANGED_ON_SERVER = 27
    REMOVAL_NOTED = 28
    # The worker ends.
    CONNECTION_ENDED = 29
    RUN_TALLIED = 30
    RUN_ENDED = 31
    LEASE_RELEASED = 32


interrupt: Callable[[Crossing], None] | None = None


def cross(crossing: Crossing) -> None:
    """Tell that the work under way has come to `crossing`."""
    if interrupt is not None:
        interrupt(crossing)
