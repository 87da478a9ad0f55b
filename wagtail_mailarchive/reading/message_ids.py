"""Messages by what mail programs call them: `mid/` below a folder and the Message-ID.

Wagtail's own addresses match neither dots nor "@", so what works on every site is
`mid/?id=a@example.org`. Sites that include `wagtail_mailarchive.mid_urls` also have
`mid/a@example.org/`.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from ..models import EmailFolderPage, EmailMessagePage
from ..models.privacy import readable
from ..models.reference import message_id_digest
from ..models.unindexed import of_folders
from .addresses import message_address, page_address
from .listing import COLUMNS
from .pages import render_page
from .zones import reader_zone

_MOST = 50  # that are listed
_LONGEST = 8_000  # characters; longer ones fit into no address


def show(page: EmailFolderPage, request: HttpRequest, message_id: str = "") -> HttpResponse:
    """Lead to the message of this Message-ID, or list those that share it.

    Raises:
        Http404: the folder holds none that the reader may see.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    name = (message_id or request.GET.get("id", "")).strip().removeprefix("<").removesuffix(">")
    if not name or len(name) > _LONGEST or "\0" in name:
        raise Http404
    named = EmailMessagePage.objects.filter(
        message_id_digest=message_id_digest(name), message_id=name
    )
    named = of_folders(named, [page.pk])
    found = list(readable(named, request).only(*COLUMNS).order_by("sorted_at", "pk")[:_MOST])
    if not found:
        raise Http404
    folder_address = page_address(page, request)
    if len(found) == 1:
        return redirect(message_address(folder_address, found[0].slug))
    return render_page(
        page,
        request,
        "wagtail_mailarchive/message_id_page.html",
        {
            "message_id": name,
            "folder_address": folder_address,
            "rows": [(each, message_address(folder_address, each.slug)) for each in found],
            "is_cut": len(found) == _MOST,
        },
        reader_zone(request),
    )
