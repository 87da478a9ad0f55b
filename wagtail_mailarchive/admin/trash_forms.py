"""Moving to the trash: one message, its thread, all mail of a folder, or the folder itself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST
from wagtail.admin import messages

from ..archive import folder_trash, trash
from ..fetching import trash_requests
from ..models import EmailFolderPage, EmailMessagePage
from ..models.trash import LONGEST_REASON
from .trash import address_of, back_to_folder, may_open, not_theirs


class ReasonForm(forms.Form):
    """Why mail is moved to the trash; it may be left open."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("Shown in the trash beside your name."),
    )


@non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
def trash_message(request: HttpRequest, message_id: int) -> HttpResponseBase:
    """Ask why, and move a message or its whole thread to the trash.

    Not in a transaction of the site's: it is to be committed when this says so.
    """
    found = EmailMessagePage.objects.select_related("folder")
    message = get_object_or_404(found, pk=message_id, trashed=False)
    folder = message.folder
    if not folder.permissions_for_user(request.user).can_trash():
        return not_theirs(request)
    in_thread = EmailMessagePage.objects.filter(
        folder=folder, thread=message.thread_id, trashed=False
    )
    number = in_thread.count() if message.thread_id else 1
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        is_thread = request.POST.get("whole_thread") == "1" and message.thread_id is not None
        keys = list(in_thread.values_list("pk", flat=True)) if is_thread else [message.pk]
        reason = form.cleaned_data["reason"]
        done = trash.put(folder.pk, keys, user_id=request.user.pk, reason=reason)
        told = ngettext(
            "%(number)d message is in the trash.", "%(number)d messages are in the trash.", done
        )
        buttons = [messages.button(address_of(folder), _("Open the trash"))]
        messages.success(request, told % {"number": done}, buttons=buttons)
        return back_to_folder(folder)
    title = str(message.get_admin_display_title())
    return _asked(
        request,
        folder,
        form,
        page_title=_("Move to the trash"),
        subject=title,
        in_thread=number if number > 1 else 0,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def trash_all(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Ask why, and have the worker move all mail of a folder to its trash."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_trash():
        return not_theirs(request)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user: Any = request.user
        trash_requests.trash_all(folder, user=user, reason=form.cleaned_data["reason"])
        messages.success(request, _("Requested; a worker begins in a moment."))
        return redirect(address_of(folder))
    held = EmailMessagePage.objects.filter(folder=folder, trashed=False)
    return _asked(
        request,
        folder,
        form,
        page_title=_("Move all mail to the trash"),
        number=held.count(),
        only_here=trash.only_here(folder),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def trash_folder(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Say what stands to be lost, ask why, and move a folder as a whole to the trash."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_trash():
        return not_theirs(request)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        folder_trash.put(folder, user_id=request.user.pk, reason=form.cleaned_data["reason"])
        messages.success(
            request,
            _("“%(folder)s” is in the trash: hidden, fetched no more, with all its mail.")
            % {"folder": folder.get_admin_display_title()},
        )
        return redirect(address_of(folder))
    return _asked(
        request,
        folder,
        form,
        page_title=_("Move the folder to the trash"),
        is_folder=True,
        number=EmailMessagePage.objects.filter(folder=folder).count(),
        only_here=trash.only_here(folder),
    )


@require_POST
def restore_folder(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Take a folder out of the trash; readers have it back as it was."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not may_open(request.user, folder):
        return not_theirs(request)
    folder_trash.restore(folder, user=request.user)
    told = _("“%(folder)s” is restored.") % {"folder": folder.get_admin_display_title()}
    messages.success(request, told)
    return back_to_folder(folder)


def _asked(
    request: HttpRequest, folder: EmailFolderPage, form: ReasonForm, **context: Any
) -> TemplateResponse:
    explorer = reverse("wagtailadmin_explore", args=[folder.pk])
    shown = {
        "folder": folder,
        "form": form,
        "header_icon": "bin",
        "breadcrumbs_items": [
            {"url": explorer, "label": folder.get_admin_display_title()},
            {"url": "", "label": context["page_title"]},
        ],
        "back": explorer,
        **context,
    }
    return TemplateResponse(request, "wagtail_mailarchive/admin/trash_confirm.html", shown)
