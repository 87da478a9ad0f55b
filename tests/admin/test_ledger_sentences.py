"""What the ledger says of a message on the server is what is known of it, and no more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from wagtail_mailarchive.admin.ledger_rows import on_the_server
from wagtail_mailarchive.models import AfterFetch, LedgerEntry, Mailbox, Presence

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, ""),
        (
            {"presence": Presence.REMOVED, "treated": AfterFetch.DELETE, "treated_at": AT},
            "Deleted from the server by us on 03/01/2026.",
        ),
        (
            {"presence": Presence.REMOVED, "treated": AfterFetch.DELETE},
            "Deleted from the server by us.",
        ),
        (
            {"presence": Presence.REMOVED, "treated": AfterFetch.MOVE},
            "Moved to another mailbox on the server by us.",
        ),
        (
            {"presence": Presence.GONE},
            "Not on the server any more; somebody else took it away.",
        ),
        (
            {"presence": Presence.GONE, "uid": -7},
            "Not on the server under this number any more, perhaps under another one.",
        ),
        (
            {"presence": Presence.GONE, "uidvalidity": 6},
            "Not on the server under this number any more, perhaps under another one.",
        ),
        (
            {"treated": AfterFetch.DELETE, "treated_at": AT},
            "The server said on 03/01/2026 that it was deleted, and still lists it.",
        ),
    ],
)
def test_what_is_told_of_a_message_on_the_server(values: dict[str, Any], sentence: str) -> None:
    mailbox = Mailbox(name="INBOX", uidvalidity=7)
    entry = LedgerEntry(**{"mailbox": mailbox, "uidvalidity": 7, "uid": 1} | values)
    assert on_the_server(entry) == sentence
