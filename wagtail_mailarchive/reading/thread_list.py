"""The folder's threads, by latest activity.

What is kept of a thread counts for everybody. Of the few threads that hold a message which a reader
may not read, all that this reader is shown is found out anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext
from wagtail.models import Page

from ..archive.thread_summaries import Summary
from ..models import EmailFolderPage, EmailMessagePage, MessageText, Thread
from ..models.privacy import readable
from ..models.raw_values import from_database
from .addresses import thread_address
from .hidden import Hidden, any_of
from .keyset import ListPage, Place, cut
from .listing import PAGE_SIZE, BadAddress, Cursor
from .narrowed_threads import latest_of_threads
from .narrowing import Chosen
from .read_marks import unread
from .thread_comments import comment_counts
from .thread_lookup import seen_otherwise
from .thread_row import ThreadRow

_NAMED = 4  # people
_COLUMNS = (
    *("subject", "first_at", "last_at", "message_count", "snippet", "participants"),
    *("has_more_participants", "has_attachments"),
)
# In SQL, because Django takes several times as long to write it as a database to answer it.
_LATEST: Final = f"""
SELECT message.sorted_at, message.snippet, thread.id, {", ".join(f"thread.{n}" for n in _COLUMNS)}
FROM {MessageText._meta.db_table} AS text
JOIN {EmailMessagePage._meta.db_table} AS message ON message.page_ptr_id = text.message_id
JOIN {Page._meta.db_table} AS page ON page.id = message.page_ptr_id AND page.live
JOIN {Thread._meta.db_table} AS thread ON thread.id = message.thread_id
WHERE text.id IN ({{places}}) ORDER BY text.id DESC
"""  # noqa: S608 (the names are ours)


@dataclass(frozen=True, slots=True)
class Found:
    """A thread, and when and what its latest message is of those that are wanted."""

    thread: Thread
    last_at: datetime
    snippet: str | None = None


def latest_first(
    folder: EmailFolderPage,
    request: HttpRequest,
    place: Place[Cursor],
    hidden: Collection[Hidden],
    folder_address: str,
) -> ListPage[ThreadRow]:
    """Return a page of all threads.

    Two queries, up to three more where some hold hidden messages, and one for readers who are
    signed in.
    """
    page = page_of_threads(folder, request, place, hidden, size=PAGE_SIZE)
    rows = _rows(page.rows, request, _concerned(hidden), folder_address)
    return ListPage(rows, page.newer, page.older)


def page_of_threads(
    folder: EmailFolderPage,
    request: HttpRequest,
    place: Place[Cursor],
    hidden: Collection[Hidden],
    *,
    size: int,
    between: tuple[datetime | None, datetime | None] = (None, None),
) -> ListPage[Found]:
    """Return a page of threads, without what is found out anew of some.

    Args:
        between: only those whose latest message came from the first moment to just before the
            second.
    """
    moved = _moved(hidden)
    threads = Thread.objects.filter(folder=folder, message_count__gt=0).only(*_COLUMNS)
    unmoved = _within(_without(threads, moved), "last_at", between)
    found = [Found(each, each.last_at) for each in _around(unmoved, place, size)]
    if moved:
        found += _seen_otherwise(threads.filter(pk__in=any_of(moved)), request, place, between)
        found.sort(key=_order, reverse=place.after is None)
    page, newer, older = cut(found, place, size)
    if not page:
        return ListPage()
    return ListPage(
        page,
        newer=_cursor(page[0]) if newer else "",
        older=_cursor(page[-1]) if older else "",
    )


def latest_among(
    chosen: Chosen,
    request: HttpRequest,
    place: Place[int],
    hidden: Collection[Hidden],
    folder_address: str,
) -> ListPage[ThreadRow]:
    """Return a page of the threads that some messages are of, by the latest of these."""
    page, newer, older = cut(latest_of_threads(chosen, place, PAGE_SIZE), place, PAGE_SIZE)
    if not page:
        return ListPage()
    # These are messages that the reader may see, found just now by `listed`.
    return ListPage(
        _rows(_of_latest(page), request, _concerned(hidden), folder_address),
        newer=str(page[0]) if newer else "",
        older=str(page[-1]) if older else "",
    )


def _of_latest(text_ids: Sequence[int]) -> list[Found]:
    """Return the threads of these messages, by their texts; the latest first (one query)."""
    places = ", ".join(["%s"] * len(text_ids))
    found = []
    with connection.cursor() as cursor:
        cursor.execute(_LATEST.format(places=places), text_ids)
        for at, snippet, *own, participants, has_more, has_attachments in cursor.fetchall():
            lists = json.loads(participants), bool(has_more), bool(has_attachments)
            values = [*map(from_database, own), *lists]
            thread = Thread.from_db(connection.alias, ["id", *_COLUMNS], values)
            found.append(Found(thread, from_database(at), snippet))
    return found


def thread_place(request: HttpRequest) -> Place[Cursor]:
    """Read a place between two threads out of the address.

    Raises:
        BadAddress: it is none.
    """
    given = {name: request.GET.get(name) for name in ("before", "after")}
    if None not in given.values():
        raise BadAddress(request.get_full_path())
    return Place(**{name: Cursor.parse(text) for name, text in given.items() if text is not None})


def _concerned(hidden: Iterable[Hidden]) -> dict[int, list[datetime]]:
    """Return the threads whose summaries count messages that the reader may not be told of, and
    when these came."""
    found: defaultdict[int, list[datetime]] = defaultdict(list)
    for each in hidden:
        if each.listed and each.thread_id is not None:
            found[each.thread_id].append(each.sorted_at)
    return found


def _moved(hidden: Iterable[Hidden]) -> set[int]:
    """Return the threads whose latest message is hidden, so that they stand elsewhere."""
    return {
        each.thread_id
        for each in hidden
        if each.listed
        and each.thread_id is not None
        and (each.thread_last_at is None or each.sorted_at >= each.thread_last_at)
    }


def _without(threads: QuerySet[Thread], keys: Collection[int]) -> QuerySet[Thread]:
    return threads.exclude(pk__in=any_of(keys)) if keys else threads


def _within(
    threads: QuerySet[Thread], name: str, between: tuple[datetime | None, datetime | None]
) -> QuerySet[Thread]:
    begin, end = between
    if begin is not None:
        threads = threads.filter(**{f"{name}__gte": begin})
    return threads if end is None else threads.filter(**{f"{name}__lt": end})


def _around(threads: QuerySet[Thread], place: Place[Cursor], size: int) -> Iterable[Thread]:
    # The first condition alone is what the index can use.
    if place.after is not None:
        at, pk = place.after.sorted_at, place.after.pk
        newer = threads.filter(last_at__gte=at).filter(Q(last_at__gt=at) | Q(pk__gt=pk))
        return newer.order_by("last_at", "pk")[: size + 1]
    if place.before is not None:
        at, pk = place.before.sorted_at, place.before.pk
        threads = threads.filter(last_at__lte=at).filter(Q(last_at__lt=at) | Q(pk__lt=pk))
    return threads.order_by("-last_at", "-pk")[: size + 1]


def _seen_otherwise(
    threads: QuerySet[Thread],
    request: HttpRequest,
    place: Place[Cursor],
    between: tuple[datetime | None, datetime | None],
) -> list[Found]:
    """Return those of a few threads that this reader sees behind `place`, wherever they stand."""
    seen = readable(EmailMessagePage.objects.filter(thread=OuterRef("pk")), request)
    seen_at = Subquery(seen.order_by("-sorted_at", "-pk").values("sorted_at")[:1])
    found = []
    annotated = threads.annotate(seen_at=seen_at).filter(seen_at__isnull=False)
    for thread in _within(annotated, "seen_at", between):
        each = Found(thread, thread.__dict__["seen_at"])
        is_behind = (
            _order(each) > (place.after.sorted_at, place.after.pk)
            if place.after is not None
            else place.before is None or _order(each) < (place.before.sorted_at, place.before.pk)
        )
        if is_behind:
            found.append(each)
    return found


def _order(each: Found) -> tuple[datetime, int]:
    return each.last_at, each.thread.pk


def _cursor(each: Found) -> str:
    return str(Cursor(each.last_at, each.thread.pk))


def _rows(
    page: Sequence[Found],
    request: HttpRequest,
    concerned: Mapping[int, Sequence[datetime]],
    folder_address: str,
) -> list[ThreadRow]:
    threads = [each.thread.pk for each in page]
    moved = [each.thread for each in page if each.thread.pk in concerned]
    seen = seen_otherwise(moved, concerned, request)
    new = unread(threads, request)
    lengths = {each.thread.pk: each.thread.message_count for each in page}
    commented = comment_counts(lengths, request)
    return [
        _row(
            each,
            seen.get(each.thread.pk) or Summary.of_thread(each.thread),
            new.get(each.thread.pk, 0),
            commented.get(each.thread.pk, 0),
            folder_address,
        )
        for each in page
    ]


def _row(found: Found, summary: Summary, new: int, comments: int, folder_address: str) -> ThreadRow:
    people = [name or address for _, name, address in sorted(summary.people.values())]
    return ThreadRow(
        pk=found.thread.pk,
        subject=summary.subject or gettext("(no subject)"),
        people=people[:_NAMED] or [gettext("(no sender)")],
        more_people=max(len(people) - _NAMED, 0),
        many_people=summary.has_more_participants,
        messages=summary.message_count,
        has_attachments=summary.has_attachments,
        last_at=found.last_at,
        snippet=summary.snippet if found.snippet is None else found.snippet,
        address=thread_address(folder_address, found.thread.pk),
        unread=new,
        comments=comments,
    )
