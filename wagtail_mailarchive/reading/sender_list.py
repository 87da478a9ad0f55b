"""Who wrote the folder's messages, by their latest one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from html import escape

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from ..models import EmailFolderPage, FacetCount, FacetKind, MessageText
from . import message_numbers
from .hidden import Hidden, any_of, readable_texts
from .keyset import ListPage, Place, around, cut
from .listing import PAGE_SIZE
from .message_rows import MessageRow, columns_of
from .row_markup import beginning, sender_markup, time_markup

_SUBJECT_LENGTH = 120


@dataclass(frozen=True, slots=True)
class SenderRow:
    """A sender as listed.

    Attributes:
        value: the address in lower case; "" for messages that name none.
        name: as in the latest message; may be "".
        latest: the latest message.
    """

    value: str
    name: str
    messages: int
    latest: MessageRow

    @property
    def who_markup(self) -> SafeString:
        return sender_markup(self.name, self.value)

    @property
    def number(self) -> str:
        """How many messages, with the word."""
        return " ".join(message_numbers.shown(self.messages))

    @property
    def time_markup(self) -> SafeString:
        return time_markup(self.latest.sorted_at, "mailarchive-row__date")

    def top_markup(self, address: str) -> SafeString:
        """Return who wrote how much; `address` leads to it."""
        return mark_safe(  # noqa: S308 (escaped)
            f'<a class="mailarchive-row__subject" href="{escape(address)}">{self.who_markup}</a>'
            f' <span class="mailarchive-row__facts"><span>{escape(self.number)}</span></span>'
        )

    def rest_markup(self, address: str) -> SafeString:
        """Return what the latest message is about, and its time; `address` leads to it."""
        subject = escape(beginning(self.latest.display_subject, _SUBJECT_LENGTH))
        link = f'<a href="{escape(address)}" dir="auto">{subject}</a>'
        latest = escape(gettext("Latest:"))
        return mark_safe(  # noqa: S308 (escaped)
            f'<span class="mailarchive-row__latest">{latest} {link}</span> {self.time_markup}'
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages of one sender there are; `newest` is a `MessageText`."""

    value: str
    messages: int
    newest: int


def latest_first(
    folder: EmailFolderPage,
    request: HttpRequest,
    place: Place[int],
    hidden: Collection[Hidden],
) -> ListPage[SenderRow]:
    """Return a page of senders (two queries; one more where messages are hidden, and another where
    these are the latest of somebody)."""
    known, lost, gone = _known(folder), _lost(hidden), _texts(hidden)
    others = known
    again: list[Counted] = []
    if gone:
        # Whose latest message is hidden stands elsewhere.
        moved = known.filter(newest__in=any_of(gone)).values_list("value", flat=True)
        if values := list(moved):
            others = known.exclude(value__in=any_of(values))
            again = [
                each
                for each in seen_otherwise(folder, request, values)
                if (place.before is None or each.newest < place.before)
                and (place.after is None or each.newest > place.after)
            ]
    found = [*_counted(around(others, "newest", place, PAGE_SIZE)), *again]
    if again:
        found.sort(key=lambda each: each.newest, reverse=place.after is None)
    page, newer, older = cut(found, place, PAGE_SIZE)
    if not page:
        return ListPage()
    texts = MessageText.objects.filter(pk__in=[each.newest for each in page])
    latest = {
        key: MessageRow(*values) for key, *values in texts.values_list("pk", *columns_of("message"))
    }
    return ListPage(
        [
            SenderRow(each.value, message.sender_name, each.messages - lost[each.value], message)
            for each in page
            if (message := latest.get(each.newest)) is not None
        ],
        newer=str(page[0].newest) if newer else "",
        older=str(page[-1].newest) if older else "",
    )


def _known(folder: EmailFolderPage) -> QuerySet[FacetCount]:
    return FacetCount.objects.filter(folder=folder, kind=FacetKind.SENDER, messages__gt=0)


def _lost(hidden: Iterable[Hidden]) -> Counter[str]:
    """Return how many messages of each sender are hidden."""
    return Counter(each.sender for each in hidden if each.sender is not None)


def _texts(hidden: Iterable[Hidden]) -> set[int]:
    return {each.text_id for each in hidden if each.text_id is not None}


def _counted(known: QuerySet[FacetCount]) -> list[Counted]:
    return [Counted(*values) for values in known.values_list("value", "messages", "newest")]


def seen_otherwise(
    folder: EmailFolderPage, request: HttpRequest, senders: Collection[str]
) -> list[Counted]:
    """Return a few senders by the latest of their messages that this reader sees (one query)."""
    texts = readable_texts(folder.pk, request).filter(folder=folder, sender=OuterRef("value"))
    seen = (
        _known(folder)
        .filter(value__in=any_of(senders))
        .annotate(seen=Subquery(texts.order_by("-pk").values("pk")[:1]))
    )
    rows = seen.filter(seen__isnull=False).values_list("value", "messages", "seen")
    return [Counted(*values) for values in rows]
