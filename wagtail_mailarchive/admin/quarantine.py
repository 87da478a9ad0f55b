"""The quarantine: messages whose originals are safe and could not be read; retry and download."""

from __future__ import annotations

import logging
from typing import Any

from django.db.transaction import non_atomic_requests
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from ..archive import originals
from ..archive.again import retry_entries
from ..exceptions import MailArchiveError, StorageError
from ..fetching import upkeep_requests
from ..models import (
    EmailFolderPage,
    LedgerEntry,
    Mailbox,
    Outcome,
    UpkeepKind,
    WorkerHeartbeat,
)
from .integrity import address_of
from .ledger import LedgerView, managed_ids
from .ledger_rows import Entries
from .policies import may_manage, refused

logger = logging.getLogger(__name__)

# A larger one is read by the worker only: reading it takes several times its size of memory.
LARGEST_HERE = 16 * 1024 * 1024
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


class QuarantineView(LedgerView):
    """The ledger's entries in quarantine, whether or not they are still on the server."""

    template_name = "wagtail_mailarchive/admin/quarantine.html"
    page_title = gettext_lazy("Quarantine")
    header_icon = "warning"
    outcome = Outcome.QUARANTINED

    def _has_scope(self) -> bool:
        return True

    def _page(self, entries: Entries) -> dict[str, Any]:
        mailboxes = Mailbox.objects.filter(pk__in=entries.mailbox_ids)
        folders = EmailFolderPage.objects.filter(pk__in=mailboxes.values("folder"))
        return {**super()._page(entries), "folders": folders.order_by("title")}


def in_quarantine(user: Any) -> int:
    """Return how many messages are in quarantine in the folders that `user` manages."""
    return LedgerEntry.objects.filter(
        mailbox__folder__in=managed_ids(user), outcome=Outcome.QUARANTINED
    ).count()


@require_safe
def original(request: HttpRequest, entry_id: int) -> HttpResponseBase:
    """Send a quarantined message as it came, to be saved: never opened as part of the site."""
    entry = _entry(entry_id)
    if not may_manage(request.user, entry.mailbox.folder):
        return refused(request)
    kept = entry.original
    if kept is None:
        raise Http404
    try:
        # So that a failing store is told of; once the answer has begun it can only break off.
        originals.read(kept, 0, 1)
    except StorageError as error:
        logger.exception("The original of ledger entry %s cannot be read.", entry.pk)
        messages.error(request, _sentence(error))
        return _back(request)
    name = f"message-{kept.sha256[:12]}.eml"
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    response = StreamingHttpResponse(
        originals.stream(kept),
        headers={**_HEADERS, "Content-Disposition": disposition, "Content-Length": kept.size},
    )
    response.headers["Content-Type"] = "message/rfc822"
    return response


@non_atomic_requests
@require_POST
def retry_entry(request: HttpRequest, entry_id: int) -> HttpResponseBase:
    """Read one message again, here and now; a large one together with its folder's others.

    Not in a transaction of the site's: what is read is to be committed when this says so.
    """
    entry = _entry(entry_id)
    if not may_manage(request.user, entry.mailbox.folder):
        return refused(request)
    if entry.original is not None and entry.original.size > LARGEST_HERE:
        return _retry_folder(request, entry.mailbox.folder)
    try:
        result = retry_entries([entry.pk])
    except MailArchiveError as error:
        messages.error(request, _sentence(error))
        return _back(request)
    if result.archived:
        messages.success(request, _("The message could be read, and is archived now."))
    elif result.duplicates:
        messages.success(request, _("The message could be read; the folder holds it already."))
    elif result.still:
        messages.warning(request, _("The message still cannot be read. It stays in quarantine."))
    return _back(request)


@require_POST
def retry_folder(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Have the worker read all quarantined messages of a folder again."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not may_manage(request.user, folder):
        return refused(request)
    return _retry_folder(request, folder)


def _retry_folder(request: HttpRequest, folder: EmailFolderPage) -> HttpResponse:
    user = request.user if request.user.is_authenticated else None
    upkeep_requests.request(UpkeepKind.RETRY, folder, user=user)
    told = _("The worker reads what is in quarantine in “%(folder)s” again.")
    buttons = [messages.button(address_of(folder), _("See how far it is"))]
    messages.success(request, told % {"folder": folder.get_admin_display_title()}, buttons=buttons)
    if not WorkerHeartbeat.is_alive():
        messages.warning(request, _("No worker is running, so it waits until one does."))
    return _back(request)


def told_on_dashboard(number: int) -> str:
    sentence = ngettext(
        "%(number)d message is in quarantine: its original is kept, but it could not be read.",
        "%(number)d messages are in quarantine: their originals are kept, but they could not be "
        "read.",
        number,
    )
    return sentence % {"number": number}


def _entry(entry_id: int) -> LedgerEntry:
    entries = LedgerEntry.objects.filter(outcome=Outcome.QUARANTINED)
    return get_object_or_404(entries.select_related("mailbox__folder", "original"), pk=entry_id)


def _sentence(error: MailArchiveError) -> str:
    return _(error.template) % error.params


def _back(request: HttpRequest) -> HttpResponse:
    return redirect(get_valid_next_url_from_request(request) or reverse("mailarchive_quarantine"))
