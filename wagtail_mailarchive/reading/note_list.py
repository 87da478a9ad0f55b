"""The notes of a folder, newest first, and those of a message for other programs."""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from ..models import Annotation, EmailFolderPage, EmailMessagePage
from ..models.privacy import readable
from .addresses import message_address, page_address, route_address
from .notes import notes_of
from .pages import render_page
from .zones import reader_zone

PAGE_SIZE = 50
# The rest of a message is heavy.
_COLUMNS = (
    *("author_name", "exact", "note", "is_private", "created_at", "edited_at"),
    *("message__slug", "message__title", "message__subject"),
)
_KEY = re.compile("[0-9]{1,18}", re.ASCII)


def show(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """List the folder's notes that the reader may see (`?mine` for one's own).

    Raises:
        Http404: an address that none of our links has.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    before = request.GET.get("before", "")
    if before and not _KEY.fullmatch(before):
        raise Http404
    address = route_address(page, request, "notes")
    folder_address = page_address(page, request)
    messages = readable(EmailMessagePage.objects.filter(folder=page.pk), request)
    found = Annotation.objects.visible_to(request.user).notes().filter(folder=page.pk)
    found = found.filter(deleted_at=None, message__in=messages.order_by().values("pk"))
    mine = "mine" in request.GET and request.user.is_authenticated
    if mine:
        found = found.filter(author=request.user.pk)
    if before:
        found = found.filter(pk__lt=int(before))
    rows = list(found.select_related("message").only(*_COLUMNS).order_by("-pk")[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    scope = "mine&" if mine else ""
    return render_page(
        page,
        request,
        "wagtail_mailarchive/email_folder_notes.html",
        {
            "folder_address": folder_address,
            "address": address,
            "mine": mine,
            "rows": [
                (each, f"{message_address(folder_address, each.message.slug)}#note-{each.pk}")
                for each in shown
            ],
            "is_first": not before,
            "first_address": f"{address}?mine" if mine else address,
            "older_address": (
                f"{address}?{scope}before={shown[-1].pk}" if len(rows) > PAGE_SIZE else ""
            ),
        },
        reader_zone(request),
    )


def web_annotations(page: EmailMessagePage, request: HttpRequest) -> HttpResponse:
    """Return the notes that the reader sees, as the W3C's Web Annotation Data Model has them."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    items = [
        each.annotation.web_annotation | {"id": request.build_absolute_uri(each.address)}
        for each in notes_of(page, request)
        if each.annotation.deleted_at is None
    ]
    whole = {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "id": request.build_absolute_uri(request.path),
        "type": "AnnotationPage",
        "items": items,
    }
    return JsonResponse(
        whole,
        content_type='application/ld+json; profile="http://www.w3.org/ns/anno.jsonld"',
        headers={"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"},
    )
