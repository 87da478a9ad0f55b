"""The folder page: what is in it, what was found in it, and fetching new mail."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from ..archive.month_counts import bounds
from ..archive.search.query import MAX_TEXT
from ..fetching.by_hand import fetch_new_mail
from ..fetching.condition import condition_of_folder
from ..fetching.states import Tone
from ..models import EmailFolderPage
from . import listing
from .addresses import message_address, page_address, route_address
from .pages import render_page
from .search_page import search_folder
from .zones import reader_zone


def show(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Show the folder: all of it, one month (`?month=2026-03`) or what was found (`?q=`)."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if request.GET.get("q", "").strip():
        return search_folder(page, request)
    zone = reader_zone(request)
    months = listing.months(page, request, zone)
    month = None
    try:
        if "month" in request.GET:
            year, number = listing.parse_month(request.GET["month"])
            month = listing.Month(year, number, 0)
            month = next((each for each in months if each.key == month.key), month)
        listed = listing.newest_first(
            page,
            request,
            between=bounds(month.year, month.month, zone) if month else None,
            older_than=_cursor(request, "before"),
            newer_than=_cursor(request, "after"),
        )
    except listing.BadAddress as error:
        raise Http404 from error
    address = page_address(page, request)
    scope = {"month": month.key} if month else {}
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_folder_page.html",
        {
            "address": address,
            "parent": _shown_parent(page, request),
            "condition": condition_of_folder(page, request.user, is_empty=not months),
            "fetch_address": route_address(page, request, "fetch"),
            "attachments_address": route_address(page, request, "attachments"),
            "max_query": MAX_TEXT,
            "everywhere_address": reverse("wagtail_mailarchive:search"),
            "month": month,
            "months": months,
            "total": sum(each.messages for each in months),
            "rows": [
                (message, message_address(address, message.slug)) for message in listed.messages
            ],
            "is_first": not any(name in request.GET for name in ("before", "after")),
            "newest_address": _with(address, **scope),
            "newer_address": _with(address, **scope, after=listed.newer) if listed.newer else "",
            "older_address": _with(address, **scope, before=listed.older) if listed.older else "",
        },
        zone,
    )


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


def _cursor(request: HttpRequest, name: str) -> listing.Cursor | None:
    text = request.GET.get(name, "")
    return listing.Cursor.parse(text) if text else None


def _with(address: str, **query: str) -> str:
    return f"{address}?{urlencode(query)}" if query else address
