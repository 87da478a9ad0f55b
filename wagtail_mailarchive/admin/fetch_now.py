"""“Fetch new mail” in the admin: a button that posts, and the views that answer it."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from ..fetching.by_hand import fetch_new_mail
from ..fetching.states import Tone
from ..models import EmailFolderPage, MailAccount
from .policies import for_managers


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
    _fetch(request, folder.accounts.all())
    return _back(request, folder.pk)


@require_POST
@for_managers
def fetch_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Enqueue a fetch of one account."""
    account = get_object_or_404(MailAccount, pk=account_id)
    _fetch(request, [account])
    return _back(request, account.folder_id)


def _fetch(request: HttpRequest, accounts: Iterable[MailAccount]) -> None:
    user = request.user if request.user.is_authenticated else None
    answer = fetch_new_mail(accounts, user)
    tell = messages.warning if answer.tone == Tone.WARNING else messages.success
    tell(request, str(answer))


def _back(request: HttpRequest, folder_id: int) -> HttpResponse:
    address = get_valid_next_url_from_request(request)
    return redirect(address or reverse("wagtailadmin_explore", args=[folder_id]))
