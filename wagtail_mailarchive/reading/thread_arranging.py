"""Merging and splitting threads, and undoing it: for those who may publish the folder.

Each step shows in words what it will do, and is a POST of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from ..archive import thread_decisions
from ..archive.thread_summaries import Summary
from ..exceptions import MailArchiveError
from ..models import EmailFolderPage, EmailMessagePage, Thread, ThreadDecision
from ..models.privacy import readable
from .addresses import message_address, page_address, route_address, thread_address
from .pages import render_page
from .thread_lookup import find_thread, readable_messages, summaries_for, summary_for
from .zones import reader_zone

_NEAR = 8  # threads on either side of one that are suggested
_MOST_DECISIONS = 100
_OF_THREAD = re.compile(r"/thread/([0-9]{1,18})(?:/|$)")
_KEY = re.compile("([0-9]{1,18})")
_OF_MESSAGE = re.compile(r"/([\w-]{1,255})/?$")


@dataclass(frozen=True, slots=True)
class Choice:
    """A thread that another can be merged with."""

    pk: int
    address: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that holds, and those of its messages that may be told of, with addresses."""

    decision: ThreadDecision
    rows: list[tuple[EmailMessagePage, str]]


def arrange(page: EmailFolderPage, request: HttpRequest, thread_id: int) -> HttpResponse:
    """Let a manager choose what to merge a thread with (`?with=`); a POST merges them.

    Raises:
        PermissionDenied, Http404.
    """
    _check(page, request, ("GET", "HEAD", "POST"))
    thread = find_thread(page, thread_id)
    summary = summary_for(thread, request)
    folder_address = page_address(page, request)
    given = request.POST if request.method == "POST" else request.GET
    wanted = given.get("with", "").strip()
    other = _named(page, request, wanted) if wanted else None
    if other is not None and other.pk == thread.pk:
        other = None
    if request.method == "POST":
        return _merge(page, request, thread, other)
    if wanted and other is None:
        sentence = _(
            "No other thread of this folder has this address. Copy it from the thread’s page."
        )
        messages.error(request, sentence, fail_silently=True)
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_thread_arrange.html",
        {
            "thread": thread,
            "address": thread_address(folder_address, thread.pk),
            "summary": summary,
            "other": _choice(other, request, folder_address) if other else None,
            "wanted": wanted[:500],
            "near": [] if other else _near(thread, request, folder_address),
            "decisions_address": route_address(page, request, "thread_decisions"),
        },
        reader_zone(request),
    )


def split(
    page: EmailFolderPage, request: HttpRequest, thread_id: int, message_id: int
) -> HttpResponse:
    """Tell what splitting a thread at a message does; a POST does it.

    Raises:
        PermissionDenied, Http404.
    """
    _check(page, request, ("GET", "HEAD", "POST"))
    thread = find_thread(page, thread_id)
    if message_id > BigIntegerField.MAX_BIGINT:
        raise Http404
    message = get_object_or_404(readable_messages(thread, request), pk=message_id)
    folder_address = page_address(page, request)
    address = thread_address(folder_address, thread.pk)
    if request.method == "POST":
        try:
            decision = thread_decisions.split(message, request.user)
        except MailArchiveError as error:
            return _refused(request, error, address)
        messages.success(request, _("A new thread begins with this message."), fail_silently=True)
        return _to_thread_of(decision, folder_address)
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_thread_split.html",
        {
            "thread": thread,
            "address": address,
            "message": message,
            "message_address": message_address(folder_address, message.slug),
        },
        reader_zone(request),
    )


def decisions(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """List what managers decided about the folder's threads; a POST undoes one of these.

    Raises:
        PermissionDenied, Http404.
    """
    _check(page, request, ("GET", "HEAD", "POST"))
    address = route_address(page, request, "thread_decisions")
    if request.method == "POST":
        return _undo(page, request, address)
    folder_address = page_address(page, request)
    held = list(thread_decisions.decisions(page.pk).select_related("user")[: _MOST_DECISIONS + 1])
    named = {key for each in held for key in (each.message_id, each.other_id) if key is not None}
    known = readable(EmailMessagePage.objects.filter(pk__in=named), request)
    columns = ("slug", "title", "subject", "sender_name", "sender_address", "sorted_at")
    pages = {each.pk: each for each in known.only(*columns)}
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_thread_decisions.html",
        {
            "address": address,
            "folder_address": folder_address,
            "decided": [
                Decided(
                    each,
                    [
                        (pages[key], message_address(folder_address, pages[key].slug))
                        for key in (each.message_id, each.other_id)
                        if key in pages
                    ],
                )
                for each in held[:_MOST_DECISIONS]
            ],
            "is_cut": len(held) > _MOST_DECISIONS,
        },
        reader_zone(request),
    )


def _check(page: EmailFolderPage, request: HttpRequest, methods: tuple[str, ...]) -> None:
    user = request.user
    if not user.is_authenticated or not page.permissions_for_user(user).can_arrange_threads():
        raise PermissionDenied
    if request.method not in methods:
        raise Http404


def _merge(
    page: EmailFolderPage, request: HttpRequest, thread: Thread, other: Thread | None
) -> HttpResponse:
    folder_address = page_address(page, request)
    address = thread_address(folder_address, thread.pk)
    if other is None:
        messages.error(request, _("Choose another thread of this folder."), fail_silently=True)
        return redirect(f"{address}arrange/")
    try:
        decision = thread_decisions.merge(thread, other, request.user)
    except MailArchiveError as error:
        return _refused(request, error, address)
    messages.success(request, _("The two threads are one now."), fail_silently=True)
    return _to_thread_of(decision, folder_address)


def _undo(page: EmailFolderPage, request: HttpRequest, address: str) -> HttpResponse:
    given = request.POST.get("undo", "")
    if not re.fullmatch("[0-9]{1,18}", given):
        raise Http404
    decision = get_object_or_404(ThreadDecision, folder=page, pk=int(given))
    thread_decisions.undo(decision, request.user)
    messages.success(request, _("The decision is undone."), fail_silently=True)
    return redirect(address)


def _refused(request: HttpRequest, error: MailArchiveError, address: str) -> HttpResponse:
    messages.error(request, _(error.template) % error.params, fail_silently=True)
    return redirect(address)


def _to_thread_of(decision: ThreadDecision, folder_address: str) -> HttpResponse:
    thread_id = decision.message.thread_id
    # What was decided about has a thread from then on.
    return redirect(thread_address(folder_address, thread_id) if thread_id else folder_address)


def _named(page: EmailFolderPage, request: HttpRequest, wanted: str) -> Thread | None:
    """Return the thread that an address, or the address of one of its messages, names."""
    path = wanted[:2_000].partition("?")[0].partition("#")[0]
    found = _OF_THREAD.search(path) or _KEY.fullmatch(path)
    try:
        if found is not None:
            thread = find_thread(page, int(found[1]))
        else:
            thread = _thread_of(page, request, path)
        summary_for(thread, request)
    except Http404:
        return None
    return thread


def _thread_of(page: EmailFolderPage, request: HttpRequest, path: str) -> Thread:
    """Return the thread of the message at `path`.

    Raises:
        Http404: there is none that may be seen.
    """
    slug = _OF_MESSAGE.search(path)
    here = readable(EmailMessagePage.objects.filter(folder=page), request)
    message = here.filter(slug=slug[1]).select_related("thread").first() if slug else None
    if message is None or message.thread is None:
        raise Http404
    thread: Thread = message.thread
    return thread


def _near(thread: Thread, request: HttpRequest, folder_address: str) -> list[Choice]:
    """Return threads of about the same time, the latest first."""
    threads = Thread.objects.filter(folder=thread.folder_id, message_count__gt=0)
    others = threads.exclude(pk=thread.pk)
    later = others.filter(last_at__gte=thread.last_at).order_by("last_at", "pk")[:_NEAR]
    earlier = others.filter(last_at__lt=thread.last_at).order_by("-last_at", "-pk")[:_NEAR]
    around = [*reversed(later), *earlier]
    summaries = summaries_for(around, request)
    return [
        Choice(each.pk, thread_address(folder_address, each.pk), summaries[each.pk])
        for each in around
        if each.pk in summaries
    ]


def _choice(thread: Thread, request: HttpRequest, folder_address: str) -> Choice:
    """Return how a thread is offered.

    Raises:
        Http404: nothing in it may be seen.
    """
    address = thread_address(folder_address, thread.pk)
    return Choice(thread.pk, address, summary_for(thread, request))
