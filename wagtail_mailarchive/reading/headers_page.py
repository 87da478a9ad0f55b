"""All headers of a message, as its servers and programs wrote them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from ..archive import originals
from ..exceptions import StorageError
from ..mime.all_headers import BLOCK_BYTES, all_fields
from ..models import EmailMessagePage
from .addresses import page_address, route_address
from .downloads import not_now
from .pages import render_page
from .zones import reader_zone


def headers(page: EmailMessagePage, request: HttpRequest) -> HttpResponse:
    """Show every header field, decoded from the original's first bytes."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    length = page.structure.get("header_length", 0)
    try:
        block = originals.read(page.original, 0, min(length, BLOCK_BYTES))
    except StorageError:
        return not_now(page)
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_headers_page.html",
        {
            "folder": page.folder,
            "address": page_address(page, request),
            "original_address": route_address(page, request, "original"),
            "fields": all_fields(block),
            "is_cut": length > BLOCK_BYTES,
        },
        reader_zone(request),
    )
