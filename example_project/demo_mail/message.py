"""What the demo's mailboxes hold, before any server sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DOMAIN = "tidemark.example"


@dataclass(frozen=True)
class Account:
    """One mailbox of the invented company Tidemark Instruments.

    Attributes:
        name: what `DemoMessage.mailbox` says, e.g. "engineering".
        address: also the user name on the demo's mail server.
        title: how the company calls it.
    """

    name: str
    address: str
    title: str


ACCOUNTS = (
    Account("engineering", f"engineering@{DOMAIN}", "Engineering"),
    Account("events", f"events@{DOMAIN}", "Events"),
)


@dataclass(frozen=True)
class DemoMessage:
    """One message as a server would hold it.

    Attributes:
        mailbox: the name of one of `ACCOUNTS`.
        folder: IMAP mailbox, e.g. "INBOX", decoded.
        received_at: aware, whole seconds; becomes INTERNALDATE.
        seen: whether the flag \\Seen is set.
        raw: the exact bytes, with CRLF line ends where the message is meant to be well-formed.
    """

    mailbox: str
    folder: str
    received_at: datetime
    seen: bool
    raw: bytes
