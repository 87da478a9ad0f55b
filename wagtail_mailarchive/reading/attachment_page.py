"""A folder's attachments as a gallery or a list (`attachments/` below the folder).

Every state is in the address: `?view=list&kind=pdf&from=ada@example.org&month=2026-03`.
"""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed

from ..archive.month_counts import bounds
from ..models import AttachmentKind, EmailFolderPage
from . import attachment_listing, listing
from .addresses import message_address, page_address, route_address
from .attachment_listing import INLINE, Choice
from .attachments import attachment_row
from .hidden import hidden_messages
from .pages import render_page
from .zones import reader_zone

_VIEWS = ("gallery", "list")
MAX_SENDER = 320  # characters, as stored


def show(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Show what is attached to the folder's messages.

    Raises:
        Http404: an address that none of our links has.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    zone = reader_zone(request)
    view = request.GET.get("view") or _VIEWS[0]
    kind = request.GET.get("kind", "")
    sender = request.GET.get("from", "").strip().lower()[:MAX_SENDER].replace("\0", "")
    month = request.GET.get("month", "")
    if view not in _VIEWS or kind not in ("", INLINE, *AttachmentKind.values):
        raise Http404
    hidden = hidden_messages(page.pk, request)
    try:
        between = bounds(*listing.parse_month(month), zone) if month else None
        found = attachment_listing.newest_first(
            page,
            hidden,
            Choice(kind, sender, between),
            older_than=_cursor(request, "before"),
            newer_than=_cursor(request, "after"),
        )
    except listing.BadAddress as error:
        raise Http404 from error
    address = route_address(page, request, "attachments")
    folder_address = page_address(page, request)
    scope = {"kind": kind, "from": sender, "month": month}
    shown = scope | {"view": view if view != _VIEWS[0] else ""}
    rows = [
        (
            attachment_row(each, where, found.contents.get(each.sha256)),
            message,
            where,
            _with(address, **{**shown, "from": message.sender_address.lower()}),
        )
        for each, message in zip(found.attachments, found.messages, strict=True)
        for where in [message_address(folder_address, message.slug)]
    ]
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_folder_attachments.html",
        {
            "address": address,
            "folder_address": folder_address,
            "view": view,
            "kind": kind,
            "sender": sender,
            "month": month,
            "kinds": attachment_listing.kinds(),
            "senders": attachment_listing.senders(page, hidden),
            "months": listing.months(page, zone, hidden),
            "is_narrowed": any(scope.values()),
            "gallery_address": _with(address, **scope),
            "list_address": _with(address, **scope, view="list"),
            "rows": rows,
            "is_first": not any(name in request.GET for name in ("before", "after")),
            "newest_address": _with(address, **shown),
            "newer_address": _with(address, **shown, after=found.newer) if found.newer else "",
            "older_address": _with(address, **shown, before=found.older) if found.older else "",
        },
        zone,
    )


def _cursor(request: HttpRequest, name: str) -> listing.Cursor | None:
    text = request.GET.get(name, "")
    return listing.Cursor.parse(text) if text else None


def _with(address: str, **query: str) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(given)}" if given else address
