"""How far signed-in readers have come in threads: what is new since their last visit.

The page of a thread notes it by itself, with one statement. It is harmless: the reader's own mark
is all that changes, and not by a page that a browser fetches ahead or within another site's page.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from wagtail.models import Page

from ..models import EmailMessagePage, ReadMark, Thread
from ..models.privacy import refused_sql

logger = logging.getLogger(__name__)

# Who turns pages and comes back from a message is still on the same visit.
PAUSE: Final = timedelta(minutes=30)
_OFTEN = timedelta(minutes=1)
_WAIT = 250  # milliseconds
# An expression, so that databases look at the messages of the thread by its index. They would walk
# along the primary key, through the mail of all folders, until they come upon one of the thread.
_KEY = F("page_ptr") + 0
# In SQL, because Django takes several times as long to write it as a database to answer it.
_UNREAD = f"""
SELECT message.thread_id, COUNT(*) FROM {ReadMark._meta.db_table} AS mark
JOIN {EmailMessagePage._meta.db_table} AS message
    ON message.thread_id = mark.thread_id AND message.page_ptr_id + 0 > mark.seen_until
JOIN {Page._meta.db_table} AS page ON page.id = message.page_ptr_id
WHERE mark.reader_id = %s AND mark.thread_id IN ({{threads}})
    AND page.live AND NOT message.trashed AND page.id NOT IN ({{refused}})
GROUP BY message.thread_id
"""  # noqa: S608 (the tables' names are ours)


def visit(thread: Thread, request: HttpRequest) -> int | None:
    """Note that the reader sees `thread` now; return the key above which messages are new.

    None where nothing is: for readers who are not signed in, and on the first visit. At most three
    queries.
    """
    reader = request.user.pk if request.user.is_authenticated else None
    if reader is None:
        return None
    now = timezone.now()
    mark = ReadMark.objects.filter(thread=thread, reader=reader).first()
    messages = EmailMessagePage.objects.filter(thread=thread).order_by()
    latest: int = messages.aggregate(latest=Max(_KEY))["latest"] or 0
    if mark is None:
        before = latest
    elif now - mark.visited_at > PAUSE:
        before = mark.seen_until
    else:
        before = mark.seen_before
    known = (mark.seen_before, mark.seen_until) if mark else None
    is_due = known != (before, latest) or mark is None or now - mark.visited_at > _OFTEN
    if is_due and _is_looked_at(request):
        _note(ReadMark(
            thread=thread, reader_id=reader, seen_before=before, seen_until=latest, visited_at=now
        ))  # fmt: skip
    return before if before < latest else None


def newer(messages: QuerySet[EmailMessagePage], key: int) -> QuerySet[EmailMessagePage]:
    """Return those of a thread's messages whose keys are above `key`."""
    found: QuerySet[EmailMessagePage] = messages.alias(own_key=_KEY).filter(own_key__gt=key)
    return found


def unread(thread_ids: Collection[int], request: HttpRequest) -> dict[int, int]:
    """Return how many messages of threads came since the reader last saw them (one query).

    Threads that the reader never opened, and those in which nothing is new, are left out.
    """
    if not thread_ids or not request.user.is_authenticated:
        return {}
    refused, given = refused_sql(request)
    places = ", ".join(["%s"] * len(thread_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            _UNREAD.format(threads=places, refused=refused),
            [request.user.pk, *thread_ids, *given],
        )
        return dict(cursor.fetchall())


def _is_looked_at(request: HttpRequest) -> bool:
    """Whether somebody has the page before them."""
    if request.method != "GET":
        return False
    purpose = request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or ""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document" and (
        "prefetch" not in purpose
    )


def _note(mark: ReadMark) -> None:
    try:
        with _no_long_waiting(), transaction.atomic():
            ReadMark.objects.bulk_create(
                [mark],
                update_conflicts=True,
                unique_fields=["thread", "reader"],
                update_fields=["seen_before", "seen_until", "visited_at"],
            )
    except IntegrityError:
        # The thread went into another one meanwhile, and no mark of it is needed any more.
        logger.info("Thread %s is no more; how far a reader has come is lost.", mark.thread_id)
    except OperationalError:
        # A database that takes no writing at the moment need not keep anybody from reading.
        logger.warning("How far a reader has come could not be noted.", exc_info=True)


@contextmanager
def _no_long_waiting() -> Iterator[None]:
    """Wait briefly for others to have written, within: readers wait for the page meanwhile.

    On SQLite one writes at a time, and that may be a fetch with a whole batch of mail.
    """
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    # Not by Django's cursor: neither is a question to the database.
    database = connection.connection
    [usual] = database.execute("PRAGMA busy_timeout").fetchone()
    database.execute(f"PRAGMA busy_timeout = {_WAIT}")
    try:
        yield
    finally:
        database.execute(f"PRAGMA busy_timeout = {usual}")
