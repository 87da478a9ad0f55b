"""“Fetch new mail” in the admin: a button that posts, and the views that answer it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from ..fetching import by_hand
from ..fetching.states import Tone
from ..models import EmailFolderPage, FetchRun, MailAccount
from ..models.run import ACTIVE
from ..models.site_settings import is_on


def may_fetch(user: Any, folder: EmailFolderPage) -> bool:
    """Whether `user` is offered to fetch into `folder`: who may, while the site archives mail."""
    return folder.permissions_for_user(user).can_fetch() and is_on()


def fetch_button_attrs(address: str) -> dict[str, str]:
    """Return the attributes by which Wagtail's own script posts to `address` with a CSRF token."""
    return {
        "data-controller": "w-action",
        "data-action": "w-action#post",
        "data-w-action-url-value": address,
    }


def refused_to_fetch(request: HttpRequest) -> HttpResponse:
    """Return the page, status 403, that tells what is missing."""
    template = "wagtail_mailarchive/admin/fetch_refused.html"
    return TemplateResponse(request, template, status=403)


@require_POST
def fetch_folder(request: HttpRequest, folder_id: int) -> HttpResponse:
    """Enqueue a fetch of each enabled account of a folder; 403 for who may not."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_fetch():
        return refused_to_fetch(request)
    _fetch(request, folder.accounts.all())
    return _back(request, reverse("wagtailadmin_explore", args=[folder.pk]))


@require_POST
def fetch_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Enqueue a fetch of one account and show how it goes; 403 for who may not."""
    account = get_object_or_404(MailAccount.objects.select_related("folder"), pk=account_id)
    if not account.folder.permissions_for_user(request.user).can_fetch():
        return refused_to_fetch(request)
    _fetch(request, [account])
    run = account.runs.filter(status__in=ACTIVE).first()
    if run is None:
        return _back(request, reverse("wagtailadmin_explore", args=[account.folder_id]))
    return _back(request, reverse("mailarchive_fetch_run", args=[run.pk]))


@require_POST
def stop_fetch(request: HttpRequest, run_id: int) -> HttpResponse:
    """Have a run end after the messages under way; 403 for who may not fetch."""
    run = get_object_or_404(FetchRun.objects.select_related("folder"), pk=run_id)
    if not run.folder.permissions_for_user(request.user).can_fetch():
        return refused_to_fetch(request)
    by_hand.stop(run)
    messages.success(
        request,
        _("The fetch of %(account)s stops after the messages under way.")
        % {"account": run.account_name},
    )
    return _back(request, reverse("mailarchive_fetch_run", args=[run.pk]))


def _fetch(request: HttpRequest, accounts: Iterable[MailAccount]) -> None:
    user = request.user if request.user.is_authenticated else None
    answer = by_hand.fetch_new_mail(accounts, user)
    tell = messages.warning if answer.tone == Tone.WARNING else messages.success
    tell(request, str(answer))


def _back(request: HttpRequest, otherwise: str) -> HttpResponse:
    return redirect(get_valid_next_url_from_request(request) or otherwise)
