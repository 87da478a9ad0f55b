"""Messages as rows of lists: the few columns that are shown, and no page of Wagtail's around them,
which takes several times as long to make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..models.shown_message import ShownMessage

COLUMNS = (
    *(
        "pk",
        "slug",
        "subject",
        "sender_name",
        "sender_address",
        "sent_at",
        "sent_offset",
        "sorted_at",
    ),
    *("snippet", "size", "attachment_count"),
)


@dataclass(frozen=True, slots=True)
class MessageRow(ShownMessage):
    """The `COLUMNS` of a message, in their order."""

    pk: int
    slug: str
    subject: str
    sender_name: str
    sender_address: str
    sent_at: datetime | None
    sent_offset: int | None
    sorted_at: datetime
    snippet: str
    size: int
    attachment_count: int


def columns_of(message: str) -> list[str]:
    """Return what to ask for where `message` leads to the message."""
    return [f"{message}__{name}" for name in COLUMNS]
