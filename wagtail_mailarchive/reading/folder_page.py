"""The folder page: its threads, messages or senders, narrowed down, and fetching new mail.

Every state is in the address: `?view=date&month=2026-03&from=ada@example.org&before=...`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _

from ..archive.search.query import MAX_TEXT
from ..fetching.by_hand import fetch_new_mail
from ..fetching.condition import condition_of_folder
from ..fetching.states import Tone
from ..models import EmailFolderPage
from ..models.comment import comment_counts
from . import listing, message_list, sender_list, thread_list
from .addresses import message_address, page_address, route_address
from .facet_values import Values, values_of
from .folder_facets import facets
from .hidden import Hidden, hidden_messages
from .keyset import key_place
from .narrowing import Narrowing, choose
from .pages import render_page
from .search_facets import quoted
from .search_page import search_folder
from .timeline import timeline
from .zones import reader_zone

TEMPLATE = "wagtail_mailarchive/email_folder_page.html"
THREADS, MESSAGES, SENDERS = "thread", "date", "sender"


@dataclass(frozen=True, slots=True)
class Active:
    """Something that the list is narrowed down by; `without` is the address without it."""

    label: str
    without: str


def show(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Show the folder, or what was found in it (`?q=`).

    Raises:
        Http404: an address that none of our links has.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if request.GET.get("q", "").strip():
        return search_folder(page, request)
    try:
        return _show(page, request)
    except listing.BadAddress as error:
        raise Http404 from error


def _show(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    zone = reader_zone(request)
    view = request.GET.get("view", THREADS)
    narrowing = Narrowing.of(request)
    if view not in (THREADS, MESSAGES, SENDERS) or (view == SENDERS and narrowing.is_narrow):
        raise listing.BadAddress(view)
    hidden = hidden_messages(page.pk, request)
    values = values_of(page, request, hidden)
    if narrowing.facet.get("account", "") not in ("", *(each for each, *_ in values.accounts)):
        raise listing.BadAddress("account")
    months = listing.months(page, zone, hidden)
    address = page_address(page, request)
    period, facet = narrowing.period, narrowing.facet
    label = _facet(narrowing, values) if facet else ""
    query = _query(narrowing)
    # Senders are not narrowed down; what is chosen there leads to messages.
    base = {"view": MESSAGES} if view != THREADS else {}

    def at(**query: str) -> str:
        return f"{address}?{urlencode(query)}" if query else address

    def at_feed(**query: str) -> str:
        feed = route_address(page, request, "feed")
        return f"{feed}?{urlencode(query)}" if query else feed

    def narrowed(chosen: dict[str, str]) -> str:
        if "q" in chosen:
            # Search can combine it with what is chosen already.
            return at(q=query + chosen["q"])
        return at(**base, **(chosen | facet if chosen.keys() & _WHEN else period | chosen))

    listed = _listed(page, request, view, narrowing, zone, hidden, address)
    scope = {**({"view": view} if view != THREADS else {}), **period, **facet}
    context: dict[str, Any] = {
        "address": address,
        "parent": _shown_parent(page, request),
        "condition": condition_of_folder(page, request.user, is_empty=not months),
        "fetch_address": route_address(page, request, "fetch"),
        "feed_address": at_feed(**period, **facet),
        "attachments_address": route_address(page, request, "attachments"),
        "notes_address": route_address(page, request, "notes"),
        "max_query": MAX_TEXT,
        "everywhere_address": reverse("wagtail_mailarchive:search"),
        "query": query,
        "view": view,
        "views": [
            (name, word, at(**({"view": name} if name != THREADS else {}), **kept))
            for name, word, kept in (
                (THREADS, _("Threads"), {**period, **facet}),
                (MESSAGES, _("Messages"), {**period, **facet}),
                (SENDERS, _("Senders"), {}),
            )
        ],
        "period": _period(narrowing),
        "active": [
            *([Active(_period(narrowing), at(**base, **facet))] if period else []),
            *([Active(label, at(**base, **period))] if facet else []),
        ],
        "chosen_facet": label,
        "search_address": at(q=query.strip()) if _is_searchable(narrowing) else "",
        "whole_address": at(**base),
        "timeline": timeline(
            months,
            "".join(period.values()),
            lambda month: at(**base, month=month, **facet),
        ),
        "facets": facets(
            values,
            months,
            period,
            facet,
            narrowed,
            at(view=SENDERS),
        ),
        "months": months,
        "total": sum(each.messages for each in months),
        "is_first": not request.GET.keys() & {"before", "after"},
        "newest_address": at(**scope),
        "newer_address": at(**scope, after=listed.newer) if listed.newer else "",
        "older_address": at(**scope, before=listed.older) if listed.older else "",
        "rows": _rows(listed.rows, view, address, at),
    }
    return render_page(page, request, TEMPLATE, context, zone)


_WHEN = frozenset({"year", "month"})


def _listed(
    page: EmailFolderPage,
    request: HttpRequest,
    view: str,
    narrowing: Narrowing,
    zone: tzinfo,
    hidden: list[Hidden],
    address: str,
) -> Any:
    """Return the page of the list that is asked for.

    Raises:
        BadAddress: the place in it is none.
    """
    if view == SENDERS:
        return sender_list.latest_first(page, request, key_place(request), hidden)
    if view == THREADS and not narrowing.is_narrow:
        place = thread_list.thread_place(request)
        return thread_list.latest_first(page, request, place, hidden, address)
    chosen = choose(page.pk, request, narrowing, zone)
    place_of_key = key_place(request)
    if view == THREADS:
        return thread_list.latest_among(chosen, request, place_of_key, hidden, address)
    return message_list.newest_first(chosen, place_of_key)


def _rows(rows: list[Any], view: str, address: str, at: Any) -> list[Any]:
    """Return what the template shows: threads, or others with their addresses."""
    if view == MESSAGES:
        comments = comment_counts([message.pk for message in rows])
        return [
            (message, message_address(address, message.slug), comments.get(message.pk, 0))
            for message in rows
        ]
    if view == SENDERS:
        return [
            (
                sender,
                at(view=MESSAGES, **{"from": sender.value}),
                message_address(address, sender.latest.slug),
            )
            for sender in rows
        ]
    return rows


def _period(narrowing: Narrowing) -> str:
    if narrowing.year is None:
        return ""
    if not narrowing.month:
        return f"{narrowing.year}"
    return _("%(month)s %(year)s") % {
        "month": MONTHS[narrowing.month],
        "year": narrowing.year,
    }


def _facet(narrowing: Narrowing, values: Values) -> str:
    if narrowing.sender is not None:
        return _("From %(sender)s") % {"sender": narrowing.sender or _("(no sender)")}
    if narrowing.list_id:
        return _("List %(list)s") % {"list": narrowing.list_id}
    if narrowing.has_attachment:
        return _("With attachment")
    names = {value: name for value, name, _number in values.accounts}
    return _("Account %(name)s") % {"name": names[str(narrowing.account)]}


def _is_searchable(narrowing: Narrowing) -> bool:
    """Whether a facet is chosen that search knows, too: not an account, nor a missing sender."""
    return bool(narrowing.sender or narrowing.list_id or narrowing.has_attachment)


def _query(narrowing: Narrowing) -> str:
    """Return how search asks for the same, for words to be added; accounts it does not know."""
    words = []
    if narrowing.sender:
        words.append(f"from:{quoted(narrowing.sender)}")
    if narrowing.list_id:
        words.append(f"list:{quoted(narrowing.list_id)}")
    if narrowing.has_attachment:
        words.append("has:attachment")
    if narrowing.year is not None and narrowing.month:
        following = (narrowing.year + narrowing.month // 12, narrowing.month % 12 + 1)
        words.append(f"after:{narrowing.year}-{narrowing.month:02}")
        words.append(f"before:{following[0]}-{following[1]:02}")
    elif narrowing.year is not None:
        words.append(f"after:{narrowing.year} before:{narrowing.year + 1}")
    return "".join(f"{word} " for word in words)


def fetch(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Have the mail of all enabled accounts fetched now, for those who may."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user = request.user
    if not user.is_authenticated or not page.permissions_for_user(user).can_fetch():
        raise PermissionDenied
    answer = fetch_new_mail(page.accounts.all(), user)
    level = messages.WARNING if answer.tone == Tone.WARNING else messages.SUCCESS
    messages.add_message(request, level, str(answer), fail_silently=True)
    return redirect(page_address(page, request))


def _shown_parent(page: EmailFolderPage, request: HttpRequest) -> dict[str, str] | None:
    """Return title and address of the page above, if readers can go there."""
    parent = page.get_parent()
    address = parent.get_url(request) if parent.live else None
    return {"title": parent.title, "address": address} if address else None
