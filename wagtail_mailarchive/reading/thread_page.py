"""The page of a thread: its messages in order, a page at a time.

Every state is in the address: `?new` shows what came since the reader's last visit, `?closed` only
who wrote when, `?print` all of every text for paper; `after`, `before`, `from` and `last` say which
messages.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from ..archive.thread_summaries import Summary
from ..models import EmailFolderPage
from .addresses import page_address, thread_address
from .authors import Author, author
from .listing import BadAddress
from .pages import render_page
from .read_marks import newer, visit
from .thread_lookup import find_thread, readable_messages, summary_for
from .thread_messages import LAST, Where, number_before, portion
from .thread_posts import Manner, posts
from .zones import reader_zone

PAGE_SIZE: Final = 50
# What is longer is cut, so that a page stays light on a bad line; on paper weight is no matter.
MAX_TEXT: Final = 4_000  # characters
PRINT_SIZE: Final = 100
MAX_PRINTED: Final = 20_000
_NAMED = 10  # people


def show(page: EmailFolderPage, request: HttpRequest, thread_id: int) -> HttpResponse:
    """Show one page of a thread.

    Raises:
        Http404: there is no such thread, or nothing in it that the reader may see.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    folder_address = page_address(page, request)
    thread = find_thread(page, thread_id)
    address = thread_address(folder_address, thread.pk)
    summary = summary_for(thread, request)
    if thread.pk != thread_id:
        return redirect(_with(address, request.GET.urlencode()))
    try:
        where = Where.asked(request.GET)
    except BadAddress as error:
        raise Http404 from error
    new_above = visit(thread, request)
    messages = readable_messages(thread, request)
    is_printed, is_closed = "print" in request.GET, "closed" in request.GET
    latest = messages.none() if new_above is None else newer(messages, new_above)
    new = latest.count()
    only_new = new > 0 and "new" in request.GET
    if only_new:
        messages = latest
    characters = MAX_PRINTED if is_printed else MAX_TEXT
    found = portion(messages, where, PRINT_SIZE if is_printed else PAGE_SIZE, characters)
    if not found.messages and where.is_first:
        raise Http404
    manner = Manner(
        characters=characters,
        new_above=new_above,
        is_closed=is_closed,
        is_printed=is_printed,
    )
    asked = {"new": only_new, "closed": is_closed, "print": is_printed}
    state = "&".join(name for name, is_so in asked.items() if is_so)
    people = _people(summary)
    user = request.user
    may_arrange = user.is_authenticated and page.permissions_for_user(user).can_arrange_threads()
    printed_before = 0
    is_part = is_printed and bool(found.messages) and bool(found.later or not where.is_first)
    if is_part:
        printed_before = number_before(messages, found.messages[0])
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_thread_page.html",
        {
            "thread": thread,
            "address": address,
            "folder_address": folder_address,
            "subject": summary.subject,
            "message_count": summary.message_count,
            "first_at": summary.first_at,
            "last_at": summary.last_at,
            "people": people[:_NAMED],
            "more_people": max(len(people) - _NAMED, 0),
            "has_many_people": summary.has_more_participants,
            "new": new,
            "only_new": only_new,
            "is_closed": is_closed,
            "is_printed": is_printed,
            "is_part": is_part,
            "part_begin": printed_before + 1,
            "part_end": printed_before + len(found.messages),
            "posts": posts(
                found.messages,
                request,
                manner,
                subject=summary.subject,
                folder_address=folder_address,
                thread_address=address,
                may_split=may_arrange,
                is_beginning=where.is_first,
            ),
            "new_address": _with(address, "new"),
            "closed_address": _with(address, "closed"),
            "print_address": _with(address, "print"),
            "mbox_address": f"{address}mbox/",
            "zip_address": f"{address}zip/" if summary.has_attachments else "",
            "arrange_address": f"{address}arrange/" if may_arrange else "",
            "is_first": where.is_first,
            "first_address": _with(address, state),
            "earlier_address": _beside(address, state, before=found.earlier),
            "later_address": _beside(address, state, after=found.later),
            "last_address": _with(address, state, LAST) if found.later else "",
        },
        reader_zone(request),
    )


def _people(summary: Summary) -> list[Author]:
    """Return who wrote, in the order in which they first did."""
    return [author(name, address) for _, name, address in sorted(summary.people.values())]


def _beside(address: str, state: str, **place: str) -> str:
    return _with(address, state, urlencode(place)) if all(place.values()) else ""


def _with(address: str, *queries: str) -> str:
    given = "&".join(each for each in queries if each)
    return f"{address}?{given}" if given else address
