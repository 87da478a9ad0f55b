"""“Fetch new mail” in the admin: a button that posts, and the views that enqueue."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from ..fetching.schedule import request_fetch
from ..models import EmailFolderPage, MailAccount, Trigger, WorkerHeartbeat
from .conditions import START_WORKER


def fetch_button_attrs(address: str) -> dict[str, str]:
    """Return the attributes by which Wagtail's own script posts to `address` with a CSRF token."""
    return {
        "data-controller": "w-action",
        "data-action": "w-action#post",
        "data-w-action-url-value": address,
    }


@require_POST
def fetch_folder(request: HttpRequest, folder_id: int) -> HttpResponse:
    """Enqueue a fetch of each enabled account of a folder; 403 for who may not."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_fetch():
        return HttpResponseForbidden(_("You may not fetch mail into this folder."))
    _enqueue(request, list(folder.accounts.filter(enabled=True)))
    return _back(request, folder.pk)


@require_POST
def fetch_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Enqueue a fetch of one account, for superusers; 403 for others."""
    if not request.user.is_superuser:
        return HttpResponseForbidden(_("Only administrators manage mail accounts."))
    account = get_object_or_404(MailAccount, pk=account_id)
    _enqueue(request, [account] if account.enabled else [])
    return _back(request, account.folder_id)


def _enqueue(request: HttpRequest, accounts: Sequence[MailAccount]) -> None:
    user = request.user if request.user.is_authenticated else None
    for account in accounts:
        request_fetch(account, trigger=Trigger.HAND, user=user)
    if not accounts:
        messages.warning(request, _("There is no enabled mail account to fetch from."))
    elif WorkerHeartbeat.is_alive():
        messages.success(
            request,
            ngettext(
                "Fetching new mail from %(count)d account.",
                "Fetching new mail from %(count)d accounts.",
                len(accounts),
            )
            % {"count": len(accounts)},
        )
    else:
        messages.warning(
            request,
            _("The fetch waits until a worker runs. Start one on the server: %(command)s")
            % {"command": START_WORKER},
        )


def _back(request: HttpRequest, folder_id: int) -> HttpResponse:
    address = get_valid_next_url_from_request(request)
    return redirect(address or reverse("wagtailadmin_explore", args=[folder_id]))
