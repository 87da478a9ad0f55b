"""The folder's list: newest first, paged by key, so that page 2,000 costs what page 1 costs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncMonth
from django.http import HttpRequest
from django.utils.dates import MONTHS
from django.utils.translation import ngettext

from ..archive import month_counts
from ..models import EmailFolderPage, EmailMessagePage
from ..models.privacy import readable
from .privacy import unlisted

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
    """A cursor or month in the address is none of ours."""


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
class Listing:
    """One page of a list.

    Attributes:
        messages: newest first.
        newer, older: cursors for the neighbouring pages; "" at an end.
    """

    messages: list[EmailMessagePage]
    newer: str = ""
    older: str = ""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the folder in the reader's zone."""

    year: int
    month: int
    messages: int

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def key(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    # A large folder has hundreds of months, and tags take many times as long for these two.

    @property
    def name(self) -> str:
        return str(MONTHS[self.month])

    @property
    def noun(self) -> str:
        """What its number counts."""
        return ngettext("message", "messages", self.messages)


def parse_month(text: str) -> tuple[int, int]:
    """Return (year, month) of "2026-03".

    Raises:
        BadAddress: it is no month.
    """
    found = _MONTH.fullmatch(text)
    if found is None:
        raise BadAddress(text)
    return int(found[1]), int(found[2])


def newest_first(
    folder: EmailFolderPage,
    request: HttpRequest,
    *,
    between: tuple[datetime, datetime] | None = None,
    older_than: Cursor | None = None,
    newer_than: Cursor | None = None,
) -> Listing:
    """Return a page of the folder's messages that the reader may see.

    Args:
        between: only messages from the first moment to just before the second.
        older_than, newer_than: at most one; where the page begins or ends.
    """
    messages = readable(EmailMessagePage.objects.filter(folder=folder), request)
    if between is not None:
        messages = messages.filter(sorted_at__gte=between[0], sorted_at__lt=between[1])
    if newer_than is not None:
        # The first condition alone is what the index can use.
        messages = messages.filter(sorted_at__gte=newer_than.sorted_at).filter(
            Q(sorted_at__gt=newer_than.sorted_at) | Q(pk__gt=newer_than.pk)
        )
        page = _rows(messages.order_by("sorted_at", "pk"))
        more, page = len(page) > PAGE_SIZE, page[:PAGE_SIZE][::-1]
        return _listing(page, newer=more, older=True)
    if older_than is not None:
        messages = messages.filter(sorted_at__lte=older_than.sorted_at).filter(
            Q(sorted_at__lt=older_than.sorted_at) | Q(pk__lt=older_than.pk)
        )
    page = _rows(messages.order_by("-sorted_at", "-pk"))
    return _listing(page[:PAGE_SIZE], newer=older_than is not None, older=len(page) > PAGE_SIZE)


def months(folder: EmailFolderPage, request: HttpRequest, zone: tzinfo) -> list[Month]:
    """Return the months that hold messages the reader may see, newest first."""
    counts = Counter(month_counts.by_month(folder.pk, zone))
    for hidden in unlisted(folder.pk, request):
        by_month = (
            hidden.annotate(month=TruncMonth("sorted_at", tzinfo=zone))
            .values("month")
            .annotate(messages=Count("pk"))
            .values_list("month", "messages")
            .order_by()
        )
        for month, number in by_month:
            counts[month.year, month.month] -= number
    return [Month(*key, counts[key]) for key in sorted(counts, reverse=True) if counts[key] > 0]


def _rows(messages: QuerySet[EmailMessagePage]) -> list[EmailMessagePage]:
    return list(messages.only(*COLUMNS)[: PAGE_SIZE + 1])


def _listing(messages: list[EmailMessagePage], *, newer: bool, older: bool) -> Listing:
    if not messages:
        return Listing([])
    first, last = messages[0], messages[-1]
    return Listing(
        messages,
        newer=str(Cursor(first.sorted_at, first.pk)) if newer else "",
        older=str(Cursor(last.sorted_at, last.pk)) if older else "",
    )
