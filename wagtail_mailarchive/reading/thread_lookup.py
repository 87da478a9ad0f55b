"""Finding the thread that an address names, and what a reader may be told of it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from ..archive.thread_summaries import Summary, folded, summarise
from ..models import EmailFolderPage, EmailMessagePage, FormerThread, Thread
from ..models.privacy import readable, refused_pages

_LONG = 200  # messages
_SAMPLES = (20, 200)  # messages


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
    hidden = EmailMessagePage.objects.filter(
        thread__in=threads, listed=True, pk__in=refused_pages(request)
    )
    anew = set(hidden.order_by().values_list("thread", flat=True))
    found = {each.pk: Summary.of_thread(each) for each in threads if each.pk not in anew}
    found |= seen_otherwise([each for each in threads if each.pk in anew], request)
    return {pk: summary for pk, summary in found.items() if summary.message_count}


def seen_otherwise(threads: Sequence[Thread], request: HttpRequest) -> dict[int, Summary]:
    """Return the summaries of threads that hold messages which the reader may not see.

    Short ones are counted anew (one query). Of a long one that is done only where what its row
    shows may come from such a message (two queries else): there may be ten thousand messages in it.
    """
    found: dict[int, Summary] = {}
    for each in threads:
        summary = _without_hidden(each, request) if each.message_count > _LONG else None
        if summary is not None:
            found[each.pk] = summary
    rest = [each.pk for each in threads if each.pk not in found]
    if rest:
        messages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(thread__in=rest)
        found |= summarise(readable(messages, request))
    return found


def _without_hidden(thread: Thread, request: HttpRequest) -> Summary | None:
    """Return what the row says without what the reader may not see; None where that must be
    counted."""
    columns = ("sorted_at", "sender_name", "sender_address", "attachment_count")
    messages = EmailMessagePage.objects.filter(thread=thread, listed=True).order_by()
    hidden = list(messages.filter(pk__in=refused_pages(request)).values_list(*columns))
    moments = {sorted_at for sorted_at, *_ in hidden}
    summary = Summary.of_thread(thread)
    began = {seconds for seconds, *_ in summary.people.values()}
    if moments & {summary.first_at, summary.last_at} or began & {
        each.timestamp() for each in moments
    }:
        return None
    summary.message_count -= len(hidden)
    # Among the latest there will be others like that, if there are any.
    others_wanted, attached_wanted = summary.has_more_participants, summary.has_attachments
    latest = readable(messages, request).order_by("-sorted_at", "-pk").values_list(*columns)
    for size in _SAMPLES:
        rows = latest[:size]
        names = {folded(name, address) for _, name, address, _ in rows} - {""}
        has_others = bool(names - summary.people.keys())
        has_attached = any(attached for *_, attached in rows)
        if has_others >= others_wanted and has_attached >= attached_wanted:
            return summary
    return None
