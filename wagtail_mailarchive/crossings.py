"""The numbered points of a fetch at which anything may die, and nothing may be lost by it.

The tests of faults end the process, or raise, at each of them; see docs/explanation/durability.md.
Passing one costs a comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class Crossing(IntEnum):
    """In the order in which a message meets most of them; each names what has just been done.

    Between two of them there is at most one transaction, one answer of the server or one change
    there. Not counted are the lease, heartbeats, signing in and LOGOUT.
    """

    # A worker begins.
    LEASE_TAKEN = 1
    RUN_BEGUN = 2
    CONNECTED = 3
    MAILBOXES_LISTED = 4
    MAILBOXES_CHOSEN = 5
    # A mailbox is compared with the ledger.
    MAILBOX_NOTED = 6
    MAILBOX_OPENED = 7
    UIDS_FORGOTTEN = 8
    LISTED = 9
    NEW_ROWS_NOTED = 10
    COMPARED = 11
    COMPARISON_NOTED = 12
    LISTING_NOTED = 13
    RECONSIDERED = 14
    SELECTED = 15
    WAITING_CHOSEN = 16
    # Messages are read, in threads of their own.
    DESCRIBED = 17
    HEADERS_READ = 18
    FETCHED = 19
    PREPARED = 20
    PARSED = 21
    # A batch is written, in one transaction.
    UNREAD_NOTED = 22
    RECOGNISED = 23
    BATCH_BEGUN = 24
    ORIGINALS_INSERTED = 25
    PAGES_INSERTED = 26
    LEDGER_WRITTEN = 27
    RUN_COUNTED = 28
    BATCH_COMMITTED = 29
    MAILBOX_FINISHED = 30
    # Something is not as it was, or went wrong; at any time.
    ANOMALY_NOTED = 31
    # What is archived is treated on the server as the account says.
    FETCHING_NOTED = 32
    OPENED_FOR_CHANGES = 33
    ASKED_AGAIN = 34
    UNMARKED = 35
    GIVEN_UP = 36
    TARGET_MADE = 37
    PROVEN = 38
    NOT_DONE_NOTED = 39
    PENDING_NOTED = 40
    COPIED = 41
    MARKED_ON_SERVER = 42
    CHANGED_ON_SERVER = 43
    REMOVAL_NOTED = 44
    TREATMENT_TOLD = 45
    # The worker ends.
    CONNECTION_ENDED = 46
    RUN_TALLIED = 47
    RUN_ENDED = 48
    RUN_LOGGED = 49
    RUN_CONTINUED = 50
    LEASE_RELEASED = 51


interrupt: Callable[[Crossing], None] | None = None


def cross(crossing: Crossing) -> None:
    """Tell that the work under way has come to `crossing`."""
    if interrupt is not None:
        interrupt(crossing)
