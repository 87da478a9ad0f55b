"""Finding the thread that an address names, and what a reader may be told of it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from ..archive.thread_summaries import Summary, summarise
from ..models import EmailFolderPage, EmailMessagePage, FormerThread, Thread
from ..models.privacy import readable, refused_restrictions


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
    refused = refused_restrictions(request).values("page_id")
    hidden = EmailMessagePage.objects.filter(thread__in=threads, listed=True, pk__in=refused)
    anew = set(hidden.order_by().values_list("thread", flat=True))
    found = {each.pk: Summary.of_thread(each) for each in threads if each.pk not in anew}
    if anew:
        messages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(thread__in=anew)
        found |= summarise(readable(messages, request))
    return {pk: summary for pk, summary in found.items() if summary.message_count}
