"""Our entries in Wagtail's menus: for those who manage accounts, while the site archives mail."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from wagtail.admin.menu import MenuItem

from ..models.permissions import may_manage_any
from ..models.site_settings import is_on

# What the names of our menu items begin with; the panel with the switch is not among them.
PREFIX = "mailarchive"


class ManagersMenuItem(MenuItem):
    def is_shown(self, request: HttpRequest) -> bool:
        return may_manage_any(request.user)


def hide_while_off(request: HttpRequest, items: list[Any]) -> None:
    """Take our items out of a menu while mail archiving is switched off."""
    ours = [item for item in items if item.name.startswith(PREFIX)]
    if ours and not is_on():
        items[:] = [item for item in items if item not in ours]
