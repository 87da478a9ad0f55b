"""Finding the thread that an address names, and what a reader may be told of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from wagtail.models import Page

from ..archive.thread_summaries import Summary, folded, summarise
from ..models import EmailFolderPage, EmailMessagePage, FormerThread, Thread
from ..models.privacy import readable, refused_sql
from ..models.raw_values import from_database

_LONG = 200  # messages
_SAMPLES = (20, 200)  # messages
# In SQL, because Django takes several times as long to write it as a database to answer it.
_HIDDEN: Final = f"""
SELECT thread_id, sorted_at FROM {EmailMessagePage._meta.db_table}
WHERE thread_id IN ({{threads}}) AND listed AND page_ptr_id IN ({{refused}})
"""  # noqa: S608 (the tables' names are ours)
_LATEST: Final = f"""
SELECT message.sender_name, message.sender_address, message.attachment_count
FROM {EmailMessagePage._meta.db_table} AS message
JOIN {Page._meta.db_table} AS page ON page.id = message.page_ptr_id
WHERE message.thread_id = %s AND message.listed AND page.live AND NOT message.trashed
    AND message.page_ptr_id NOT IN ({{refused}})
ORDER BY message.sorted_at DESC, message.page_ptr_id DESC LIMIT %s
"""  # noqa: S608


def find_thread(folder: EmailFolderPage, thread_id: int) -> Thread:
    """Return the thread of a folder that has, or had, this key.

    One that went into another thread leads to where its messages are now, under another key.

    Raises:
        Http404: there is none.
    """
    thread = Thread.objects.filter(folder=folder, pk=thread_id).first()
    if thread is None:
        former = FormerThread.objects.filter(pk=thread_id, message__folder=folder)
        found = former.select_related("message__thread").first()
        thread = found.message.thread if found else None
    if thread is None:
        raise Http404
    return thread


def readable_messages(thread: Thread, request: HttpRequest) -> QuerySet[EmailMessagePage]:
    """Return the messages of a thread that the reader may see, without order."""
    return readable(EmailMessagePage.objects.filter(thread=thread), request).order_by()


def summary_for(thread: Thread, request: HttpRequest) -> Summary:
    """Return what the reader may be told of a thread, by the messages that they may see.

    One query, and one more where some are kept from them.

    Raises:
        Http404: they may see none.
    """
    found = summaries_for([thread], request)
    if not found:
        raise Http404
    return found[thread.pk]


def summaries_for(threads: Sequence[Thread], request: HttpRequest) -> dict[int, Summary]:
    """Return the same of several threads by their keys, without those that they may not see."""
    moments = _hidden_moments([each.pk for each in threads], request)
    found = {each.pk: Summary.of_thread(each) for each in threads if each.pk not in moments}
    found |= seen_otherwise([each for each in threads if each.pk in moments], moments, request)
    return {pk: summary for pk, summary in found.items() if summary.message_count}


def _hidden_moments(
    thread_ids: Sequence[int], request: HttpRequest
) -> Mapping[int, Sequence[datetime]]:
    """Return when messages of threads came that the reader may not see; most have none."""
    found: defaultdict[int, list[datetime]] = defaultdict(list)
    if thread_ids:
        refused, given = refused_sql(request)
        places = ", ".join(["%s"] * len(thread_ids))
        with connection.cursor() as cursor:
            cursor.execute(_HIDDEN.format(threads=places, refused=refused), [*thread_ids, *given])
            for key, moment in cursor.fetchall():
                found[key].append(from_database(moment))
    return found


def seen_otherwise(
    threads: Sequence[Thread], hidden: Mapping[int, Sequence[datetime]], request: HttpRequest
) -> dict[int, Summary]:
    """Return the summaries of threads that hold messages which the reader may not see.

    Short ones are counted anew (one query). Of a long one that is done only where what its row
    shows may come from such a message (one query else): there may be ten thousand messages in it.

    Args:
        hidden: `sorted_at` of these messages, of each thread.
    """
    found: dict[int, Summary] = {}
    for each in threads:
        is_long = each.message_count > _LONG
        summary = _without_hidden(each, hidden[each.pk], request) if is_long else None
        if summary is not None:
            found[each.pk] = summary
    rest = [each.pk for each in threads if each.pk not in found]
    if rest:
        messages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(thread__in=rest)
        found |= summarise(readable(messages, request))
    return found


def _without_hidden(
    thread: Thread, hidden: Sequence[datetime], request: HttpRequest
) -> Summary | None:
    """Return what the row says without what the reader may not see; None where that must be
    counted."""
    moments = set(hidden)
    summary = Summary.of_thread(thread)
    began = {seconds for seconds, *_ in summary.people.values()}
    if moments & {summary.first_at, summary.last_at} or began & {
        each.timestamp() for each in moments
    }:
        return None
    summary.message_count -= len(hidden)
    # Among the latest there will be others like that, if there are any.
    others_wanted, attached_wanted = summary.has_more_participants, summary.has_attachments
    refused, given = refused_sql(request)
    for size in _SAMPLES:
        with connection.cursor() as cursor:
            cursor.execute(_LATEST.format(refused=refused), [thread.pk, *given, size])
            rows = cursor.fetchall()
        names = {folded(name, address) for name, address, _ in rows} - {""}
        has_others = bool(names - summary.people.keys())
        has_attached = any(attached for *_, attached in rows)
        if has_others >= others_wanted and has_attached >= attached_wanted:
            return summary
    return None
