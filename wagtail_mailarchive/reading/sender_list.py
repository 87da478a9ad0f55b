"""Who wrote the folder's messages, by their latest one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import ngettext

from ..models import EmailFolderPage, EmailMessagePage, FacetCount, FacetKind, MessageText
from .hidden import Hidden, any_of, readable_texts
from .keyset import ListPage, Place, around, cut
from .listing import COLUMNS, PAGE_SIZE


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
    latest: EmailMessagePage

    @property
    def noun(self) -> str:
        """What its number counts."""
        return ngettext("message", "messages", self.messages)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages of one sender a reader may be told of; `newest` is a `MessageText`."""

    value: str
    messages: int
    newest: int


def latest_first(
    folder: EmailFolderPage,
    request: HttpRequest,
    place: Place[int],
    hidden: Collection[Hidden],
) -> ListPage[SenderRow]:
    """Return a page of senders (two queries, and one more where messages are hidden)."""
    known, concerned = _known(folder), _concerned(hidden)
    found = _counted(around(_without(known, concerned), "newest", place, PAGE_SIZE))
    if concerned:
        found += [
            each
            for each in _seen_otherwise(folder, known, request, concerned)
            if (place.before is None or each.newest < place.before)
            and (place.after is None or each.newest > place.after)
        ]
        found.sort(key=lambda each: each.newest, reverse=place.after is None)
    page, newer, older = cut(found, place, PAGE_SIZE)
    if not page:
        return ListPage()
    latest = latest_messages(page)
    return ListPage(
        [
            SenderRow(each.value, latest[each.newest].sender_name, each.messages, message)
            for each in page
            if (message := latest.get(each.newest)) is not None
        ],
        newer=str(page[0].newest) if newer else "",
        older=str(page[-1].newest) if older else "",
    )


def most(
    folder: EmailFolderPage, request: HttpRequest, hidden: Collection[Hidden], limit: int
) -> list[Counted]:
    """Return who wrote most, those without an address left out (one query, or two)."""
    known = _known(folder).exclude(value="")
    concerned = _concerned(hidden)
    found = _counted(_without(known, concerned).order_by("-messages")[:limit])
    if concerned:
        found += _seen_otherwise(folder, known, request, concerned)
    return sorted(found, key=lambda each: (-each.messages, each.value))[:limit]


def latest_messages(counted: Iterable[Counted]) -> dict[int, EmailMessagePage]:
    """Return the messages of these texts by their keys (one query)."""
    texts = MessageText.objects.filter(pk__in=[each.newest for each in counted])
    only = (f"message__{column}" for column in COLUMNS)
    return {each.pk: each.message for each in texts.select_related("message").only("pk", *only)}


def _known(folder: EmailFolderPage) -> QuerySet[FacetCount]:
    return FacetCount.objects.filter(folder=folder, kind=FacetKind.SENDER, messages__gt=0)


def _concerned(hidden: Iterable[Hidden]) -> Counter[str]:
    return Counter(each.sender for each in hidden if each.sender is not None)


def _without(known: QuerySet[FacetCount], concerned: Collection[str]) -> QuerySet[FacetCount]:
    return known.exclude(value__in=any_of(concerned)) if concerned else known


def _counted(known: QuerySet[FacetCount]) -> list[Counted]:
    return [Counted(*values) for values in known.values_list("value", "messages", "newest")]


def _seen_otherwise(
    folder: EmailFolderPage,
    known: QuerySet[FacetCount],
    request: HttpRequest,
    concerned: Counter[str],
) -> list[Counted]:
    """Return what this reader sees of the few senders some of whose messages are hidden."""
    texts = readable_texts(folder.pk, request).filter(folder=folder, sender=OuterRef("value"))
    seen = known.filter(value__in=any_of(concerned)).annotate(
        seen=Subquery(texts.order_by("-pk").values("pk")[:1])
    )
    rows = seen.filter(seen__isnull=False).values_list("value", "messages", "seen")
    return [Counted(value, number - concerned[value], newest) for value, number, newest in rows]
