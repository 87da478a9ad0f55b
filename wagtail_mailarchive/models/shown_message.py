"""What pages and lists say of a message, whether they hold all of it or a few columns."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from django.utils.translation import gettext


def shown_subject(subject: str) -> str:
    """Return the whole subject, or a word for its absence in the reader's language."""
    return subject or gettext("(no subject)")


def shown_sender(name: str, address: str) -> str:
    return name or address or gettext("(no sender)")


class ShownMessage:
    """A mixin for whatever has these columns of `EmailMessagePage`."""

    __slots__ = ()

    subject: Any
    sender_name: Any
    sender_address: Any
    sent_at: Any
    sent_offset: Any
    sorted_at: Any

    @property
    def display_subject(self) -> str:
        return shown_subject(self.subject)

    @property
    def display_sender(self) -> str:
        return shown_sender(self.sender_name, self.sender_address)

    @property
    def is_sorted_by_received(self) -> bool:
        """Whether Date is missing or absurd, so that the message stands by another time."""
        return bool(self.sent_at != self.sorted_at)

    @property
    def sent_locally(self) -> datetime | None:
        """The Date header in the sender's own zone; None without a Date or a zone."""
        sent_at: datetime | None = self.sent_at
        if sent_at is None or self.sent_offset is None:
            return None
        return sent_at.astimezone(timezone(timedelta(minutes=self.sent_offset)))
