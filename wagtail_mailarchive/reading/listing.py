"""What lists of messages have in common: their columns, places in them, and months."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from ..archive import month_counts
from ..models import EmailFolderPage
from .hidden import Hidden

PAGE_SIZE = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(-?[0-9]{1,17})_([0-9]{1,18})")
_MONTH = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])")

# What a row shows; the rest of a message (addresses, structure, references) is heavy.
COLUMNS = (
    "slug",
    "title",
    "folder_id",
    "subject",
    "sender_name",
    "sender_address",
    "sent_at",
    "sent_offset",
    "sorted_at",
    "snippet",
    "size",
    "attachment_count",
)


class BadAddress(ValueError):
    """Something in the address is none of ours."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two messages, just beside the one named."""

    sorted_at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{(self.sorted_at - _EPOCH) // timedelta(microseconds=1)}_{self.pk}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Rebuild a cursor from its text.

        Raises:
            BadAddress: it is none.
        """
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise BadAddress(text)
        try:
            return cls(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))
        except OverflowError:
            raise BadAddress(text) from None


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the folder in the reader's zone."""

    year: int
    month: int
    messages: int

    @property
    def key(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def parse_month(text: str) -> tuple[int, int]:
    """Return (year, month) of "2026-03".

    Raises:
        BadAddress: it is no month.
    """
    found = _MONTH.fullmatch(text)
    if found is None:
        raise BadAddress(text)
    return int(found[1]), int(found[2])


def months(folder: EmailFolderPage, zone: tzinfo, hidden: Collection[Hidden]) -> list[Month]:
    """Return the months that hold messages the reader may see, newest first (one query)."""
    counts = Counter(month_counts.by_month(folder.pk, zone))
    for each in hidden:
        local = each.sorted_at.astimezone(zone)
        counts[local.year, local.month] -= 1
    return [Month(*key, counts[key]) for key in sorted(counts, reverse=True) if counts[key] > 0]
