"""Where trash and erasing plug into Wagtail's admin: addresses, and buttons of pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from wagtail.admin.widgets.button import Button
from wagtail.models import Page

from ..models import EmailFolderPage, EmailMessagePage, TrashedFolder
from . import trash, trash_forms
from .erased import ErasedView, erased_report

_FOLDER = "mailarchive/folders/<int:folder_id>/"


def urls() -> list[URLPattern]:
    return [
        path(f"{_FOLDER}trash/", trash.TrashView.as_view(), name="mailarchive_trash"),
        path(f"{_FOLDER}trash/restore/", trash.restore, name="mailarchive_trash_restore"),
        path(f"{_FOLDER}trash/erase/", trash.erase, name="mailarchive_trash_erase"),
        path(f"{_FOLDER}trash/progress/", trash.trash_progress, name="mailarchive_trash_progress"),
        path(f"{_FOLDER}trash/all/", trash_forms.trash_all, name="mailarchive_trash_all"),
        path(f"{_FOLDER}trash/folder/", trash_forms.trash_folder, name="mailarchive_trash_folder"),
        path(
            f"{_FOLDER}trash/folder/restore/",
            trash_forms.restore_folder,
            name="mailarchive_restore_folder",
        ),
        path(f"{_FOLDER}erased/", ErasedView.as_view(), name="mailarchive_erased"),
        path(f"{_FOLDER}erased/report/", erased_report, name="mailarchive_erased_report"),
        path(
            "mailarchive/messages/<int:message_id>/trash/",
            trash_forms.trash_message,
            name="mailarchive_trash_message",
        ),
    ]


def buttons(page: Page, user: Any, view_name: str, next_url: str | None = None) -> Iterator[Button]:
    """Yield the entries of a folder's, and of a message's, header menu."""
    if isinstance(page, EmailMessagePage):
        if not page.trashed and page.folder.permissions_for_user(user).can_trash():
            address = reverse("mailarchive_trash_message", args=[page.pk])
            yield Button(_("Move to the trash"), url=address, icon_name="bin", priority=70)
        return
    if not isinstance(page, EmailFolderPage) or not page.pk:
        return
    if trash.may_open(user, page):
        yield Button(_("Trash"), url=trash.address_of(page), icon_name="bin", priority=70)
    if not page.permissions_for_user(user).can_trash():
        return
    all_mail = reverse("mailarchive_trash_all", args=[page.pk])
    yield Button(_("Move all mail to the trash"), url=all_mail, icon_name="bin", priority=71)
    # Of a published folder it is known without asking.
    if page.live or not TrashedFolder.objects.filter(folder=page).exists():
        whole = reverse("mailarchive_trash_folder", args=[page.pk])
        yield Button(_("Move the folder to the trash"), url=whole, icon_name="bin", priority=72)
