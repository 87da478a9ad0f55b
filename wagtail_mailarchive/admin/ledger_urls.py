"""Addresses, menu entries and buttons that lead to the ledger, the quarantine and lost mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.menu import MenuItem
from wagtail.admin.widgets.button import Button
from wagtail.models import Page

from ..models import EmailFolderPage
from . import quarantine
from .ledger import LedgerView
from .ledger_rows import ledger_address
from .menus import ManagersMenuItem
from .policies import may_manage
from .too_large import archive_anyway
from .whereabouts import WhereaboutsView


def urls() -> list[URLPattern]:
    return [
        path("mailarchive/ledger/", LedgerView.as_view(), name="mailarchive_ledger"),
        path("mailarchive/ledger/archive/", archive_anyway, name="mailarchive_archive_anyway"),
        path(
            "mailarchive/quarantine/",
            quarantine.QuarantineView.as_view(),
            name="mailarchive_quarantine",
        ),
        path(
            "mailarchive/quarantine/<int:entry_id>/original/",
            quarantine.original,
            name="mailarchive_quarantined_original",
        ),
        path(
            "mailarchive/quarantine/<int:entry_id>/retry/",
            quarantine.retry_entry,
            name="mailarchive_retry_entry",
        ),
        path(
            "mailarchive/folders/<int:folder_id>/retry/",
            quarantine.retry_folder,
            name="mailarchive_retry_folder",
        ),
        path("mailarchive/whereabouts/", WhereaboutsView.as_view(), name="mailarchive_whereabouts"),
    ]


def ledger_menu_item() -> MenuItem:
    return ManagersMenuItem(
        gettext_lazy("Mail ledger"),
        reverse("mailarchive_ledger"),
        name="mailarchive-ledger",
        icon_name="list-ul",
        order=1110,
    )


def quarantine_menu_item() -> MenuItem:
    return ManagersMenuItem(
        gettext_lazy("Mail quarantine"),
        reverse("mailarchive_quarantine"),
        name="mailarchive-quarantine",
        icon_name="warning",
        order=1120,
    )


def whereabouts_menu_item() -> MenuItem:
    return MenuItem(
        gettext_lazy("Where is my mail?"),
        reverse("mailarchive_whereabouts"),
        name="mailarchive-whereabouts",
        icon_name="search",
        order=1130,
    )


def folder_buttons(
    page: Page, user: Any, view_name: str, next_url: str | None = None
) -> Iterator[Button]:
    """Yield the entries of a folder's header menu."""
    if not isinstance(page, EmailFolderPage) or not page.pk:
        return
    yield Button(
        _("Where is my mail?"),
        url=f"{reverse('mailarchive_whereabouts')}?{urlencode({'folder': page.pk})}",
        icon_name="search",
        priority=62,
    )
    if may_manage(user, page):
        yield Button(
            _("Ledger"), url=ledger_address(folder=page.pk), icon_name="list-ul", priority=61
        )
