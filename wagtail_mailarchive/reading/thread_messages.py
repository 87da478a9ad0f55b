"""The messages of a thread in order, paged by key: page 200 costs what page 1 costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Substr
from django.http import QueryDict

from ..models import EmailMessagePage
from ..models.shown_message import ShownMessage
from .listing import BadAddress, Cursor

_TOGETHER = 100  # of those that are sent one after the other
_PLACES = ("after", "before", "from")
LAST = "last"


_COLUMNS = (
    *("pk", "slug", "thread_id", "subject", "sender_name", "sender_address", "sent_at"),
    *("sent_offset", "sorted_at", "snippet", "attachment_count", "has_html"),
    *("message_id", "in_reply_to", "references", "beginning"),
)


@dataclass(frozen=True, slots=True)
class ThreadMessage(ShownMessage):
    """The `_COLUMNS` of a message, in their order: a page of Wagtail's around them takes several
    times as long to make.

    Attributes:
        beginning: of its text, with one character more than was asked for where there is more;
            None where it has none.
    """

    pk: int
    slug: str
    thread_id: int | None
    subject: str
    sender_name: str
    sender_address: str
    sent_at: datetime | None
    sent_offset: int | None
    sorted_at: datetime
    snippet: str
    attachment_count: int
    has_html: bool
    message_id: str
    in_reply_to: list[str]
    references: list[str]
    beginning: str | None


@dataclass(frozen=True, slots=True)
class Portion:
    """One page of a thread.

    Attributes:
        messages: the earliest first.
        earlier, later: cursors for `before` and `after`; "" at an end.
    """

    messages: list[ThreadMessage]
    earlier: str = ""
    later: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """Which page of a thread an address asks for; the first without any of these.

    Attributes:
        after, before: it begins or ends beside this message.
        begin: it begins with this message.
        is_last: it is the last one.
    """

    after: Cursor | None = None
    before: Cursor | None = None
    begin: Cursor | None = None
    is_last: bool = False

    @classmethod
    def asked(cls, query: QueryDict) -> Where:
        """Read it from an address.

        Raises:
            BadAddress: it is none of ours.
        """
        given = {name: str(query[name]) for name in (*_PLACES, LAST) if name in query}
        if len(given) > 1:
            raise BadAddress(", ".join(given))
        after, before, begin = (
            Cursor.parse(given[name]) if name in given else None for name in _PLACES
        )
        return cls(after, before, begin, LAST in given)

    @property
    def is_first(self) -> bool:
        return self == Where()


def portion(
    messages: QuerySet[EmailMessagePage], where: Where, size: int, characters: int
) -> Portion:
    """Return at most `size` of `messages` (one query), each with so many characters of text."""
    messages = messages.annotate(beginning=Substr("text_entry__body", 1, characters + 1))
    if where.is_last or where.before is not None:
        if where.before is not None:
            messages = _before(messages, where.before)
        found = _rows(messages.order_by("-sorted_at", "-pk")[: size + 1])
        page = found[:size][::-1]
        return _portion(page, earlier=len(found) > size, later=not where.is_last)
    if where.after is not None:
        messages = _after(messages, where.after)
    elif where.begin is not None:
        messages = _after(messages, where.begin, at=True)
    found = _rows(messages.order_by("sorted_at", "pk")[: size + 1])
    return _portion(found[:size], earlier=not where.is_first, later=len(found) > size)


def _rows(messages: QuerySet[EmailMessagePage]) -> list[ThreadMessage]:
    return [ThreadMessage(*values) for values in messages.values_list(*_COLUMNS)]


def one_by_one(messages: QuerySet[EmailMessagePage]) -> Iterator[EmailMessagePage]:
    """Yield all of `messages` in order, a few from the database at a time."""
    found = messages.order_by("sorted_at", "pk")
    some = list(found[:_TOGETHER])
    while some:
        yield from some
        last = some[-1]
        some = list(_after(found, Cursor(last.sorted_at, last.pk))[:_TOGETHER])


def number_before(messages: QuerySet[EmailMessagePage], message: ThreadMessage) -> int:
    """Return how many of `messages` stand before one of them (one query)."""
    return _before(messages, Cursor(message.sorted_at, message.pk)).order_by().count()


def cursor_of(message: EmailMessagePage | ThreadMessage) -> str:
    """Return the place of a message, as addresses name it."""
    return str(Cursor(message.sorted_at, message.pk))


# In both the first condition alone is what the index can use.


def _after(
    messages: QuerySet[EmailMessagePage], place: Cursor, *, at: bool = False
) -> QuerySet[EmailMessagePage]:
    beside = Q(pk__gte=place.pk) if at else Q(pk__gt=place.pk)
    return messages.filter(sorted_at__gte=place.sorted_at).filter(
        Q(sorted_at__gt=place.sorted_at) | beside
    )


def _before(messages: QuerySet[EmailMessagePage], place: Cursor) -> QuerySet[EmailMessagePage]:
    return messages.filter(sorted_at__lte=place.sorted_at).filter(
        Q(sorted_at__lt=place.sorted_at) | Q(pk__lt=place.pk)
    )


def _portion(page: list[ThreadMessage], *, earlier: bool, later: bool) -> Portion:
    if not page:
        return Portion([])
    return Portion(
        page,
        earlier=cursor_of(page[0]) if earlier else "",
        later=cursor_of(page[-1]) if later else "",
    )
