"""Where a reader who may moves mail to the trash, and sees what is in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from ..collaboration.trashing import may_trash
from ..models import EmailFolderPage
from ..models.permissions import TRASH

register = template.Library()


@register.simple_tag(takes_context=True)
def trash_address(context: Any, folder: EmailFolderPage, kind: str, key: int, back: str) -> str:
    """Return where a "message" or a "thread" is moved to the trash; "" for who may not."""
    if not is_offered(context["request"], folder):
        return ""
    asked = urlencode({kind: key, "next": back})
    return f"{reverse('wagtail_mailarchive:trash')}?{asked}"


@register.simple_tag(takes_context=True)
def folder_trash_address(context: Any, folder: EmailFolderPage) -> str:
    """Return where the admin lists what is in a folder's trash; "" for who may not go there."""
    request: HttpRequest = context["request"]
    if not is_offered(request, folder) or not request.user.has_perm("wagtailadmin.access_admin"):
        return ""
    try:
        return reverse("mailarchive_trash", args=[folder.pk])
    except NoReverseMatch:
        # The admin is on another host, with addresses of its own.
        return ""


def is_offered(request: HttpRequest, folder: EmailFolderPage | None) -> bool:
    """Ask once for a page; where mail of several folders is listed, moving asks for each."""
    if not request.user.is_authenticated:
        return False
    if folder is None:
        return bool(request.user.has_perm(TRASH))
    known: dict[int, bool] = request.__dict__.setdefault("mailarchive_may_trash", {})
    if folder.pk not in known:
        known[folder.pk] = may_trash(folder, request.user)
    return known[folder.pk]
