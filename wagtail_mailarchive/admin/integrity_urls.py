"""Where mail integrity plugs into Wagtail's admin: addresses, menu item, a folder's button."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.widgets.button import Button
from wagtail.models import Page

from ..models import EmailFolderPage
from .integrity import (
    IntegrityView,
    address_of,
    chain_heads,
    start_upkeep,
    stop_upkeep,
    upkeep_progress,
)
from .menus import ManagersMenuItem
from .policies import may_keep_up

_ALL = "mailarchive/integrity/"
_FOLDER = f"{_ALL}folders/<int:folder_id>/"


def urls() -> list[URLPattern]:
    return [
        path(_ALL, IntegrityView.as_view(), name="mailarchive_integrity"),
        path(_FOLDER, IntegrityView.as_view(), name="mailarchive_integrity_folder"),
        path(f"{_ALL}start/", start_upkeep, name="mailarchive_upkeep_start"),
        path(f"{_FOLDER}start/", start_upkeep, name="mailarchive_upkeep_start_folder"),
        path(f"{_ALL}runs/<int:run_id>/stop/", stop_upkeep, name="mailarchive_upkeep_stop"),
        path(f"{_ALL}progress/", upkeep_progress, name="mailarchive_upkeep_progress"),
        path(f"{_FOLDER}progress/", upkeep_progress, name="mailarchive_upkeep_progress_folder"),
        path(f"{_ALL}heads/", chain_heads, name="mailarchive_chain_heads"),
        path(f"{_FOLDER}heads/", chain_heads, name="mailarchive_chain_heads_folder"),
    ]


def menu_item() -> ManagersMenuItem:
    return ManagersMenuItem(
        gettext_lazy("Mail integrity"),
        reverse("mailarchive_integrity"),
        name="mailarchive-integrity",
        icon_name="check",
        order=1190,
    )


def folder_button(
    page: Page, user: Any, view_name: str, next_url: str | None = None
) -> Iterator[Button]:
    if isinstance(page, EmailFolderPage) and page.pk and may_keep_up(user, page):
        yield Button(_("Mail integrity"), url=address_of(page), icon_name="check", priority=60)
