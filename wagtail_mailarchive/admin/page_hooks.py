"""What Wagtail's page views ask before they act, and where saving a folder leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from wagtail.admin import messages
from wagtail.models import Page

from ..archive.descendants import pass_mail_by
from ..models import EmailFolderPage
from ..models.keeping import refusal_to_delete
from .moving import leave_to_the_worker
from .refusals import refusal_to_copy


def before_delete_page(request: HttpRequest, page: Page) -> HttpResponse | None:
    return _refused(request, page, refusal_to_delete(page))


def before_copy_page(request: HttpRequest, page: Page) -> HttpResponse | None:
    # The form shows first; it is what it asks for that may be refused.
    if request.method != "POST":
        return None
    recursive = bool(request.POST.get("copy_subpages"))
    return _refused(request, page, refusal_to_copy(page, recursive=recursive))


def before_move_page(request: HttpRequest, page: Page, destination: Page) -> HttpResponse | None:
    # Wagtail asks before it shows the question, too.
    if request.method != "POST":
        return None
    return leave_to_the_worker(request, [page], destination)


def before_unpublish_page(request: HttpRequest, page: Page) -> None:
    # With all below it, if the form says so: mail is hidden with its folder.
    pass_mail_by(page)


def before_bulk_action(
    request: HttpRequest, action_type: str, objects: Sequence[Any], action: Any
) -> HttpResponse | None:
    if action_type in ("publish", "unpublish"):
        for page in objects:
            if isinstance(page, Page):
                pass_mail_by(page)
        return None
    if action_type == "move":
        return leave_to_the_worker(request, objects, action.cleaned_form.cleaned_data["chooser"])
    if action_type != "delete":
        return None
    for page in objects:
        if isinstance(page, Page) and (reason := refusal_to_delete(page)):
            messages.error(request, _("Nothing was deleted. %(reason)s") % {"reason": reason})
            return redirect(action.next_url)
    return None


def after_create_page(request: HttpRequest, page: Page) -> HttpResponse | None:
    return _to_content_view(request, page)


def after_edit_page(request: HttpRequest, page: Page) -> HttpResponse | None:
    # A draft that goes on being edited stays where it is.
    if not request.POST.get("action-publish"):
        return None
    return _to_content_view(request, page)


def _to_content_view(request: HttpRequest, page: Page) -> HttpResponse | None:
    # Autosave expects JSON and must not move the editor away.
    if not isinstance(page, EmailFolderPage) or not request.accepts("text/html"):
        return None
    return redirect("wagtailadmin_explore", page.pk)


def _refused(request: HttpRequest, page: Page, reason: str) -> HttpResponse | None:
    if not reason:
        return None
    messages.error(request, reason)
    return redirect("wagtailadmin_explore", page.get_parent().pk)
