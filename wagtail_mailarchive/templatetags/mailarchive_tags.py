"""Tags of messages and threads, and the forms that change them."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from ..archive.tagging import tags_of, tags_of_thread
from ..collaboration.tagging import may_tag
from ..models import EmailFolderPage, EmailMessagePage, Thread
from ..models.privacy import readable
from ..reading.added import Added
from .mailarchive_trash import is_offered

register = template.Library()


@register.inclusion_tag("wagtail_mailarchive/includes/tags.html", takes_context=True)
def tags(context: Any, folder: EmailFolderPage, folder_address: str, message_id: int) -> Any:
    """Show a message's tags, for those who may with what changes them (one query and more)."""
    names = tags_of([message_id]).get(message_id, []) if is_there(context, Added.TAGS) else []
    return _shown(context, folder, folder_address, names, "message", message_id)


@register.inclusion_tag("wagtail_mailarchive/includes/tags.html", takes_context=True)
def thread_tags(context: Any, folder: EmailFolderPage, folder_address: str, thread: Thread) -> Any:
    """Show the tags of those of a thread's messages that the reader may read, as `tags` does."""
    messages = readable(EmailMessagePage.objects.filter(thread=thread), context["request"])
    names = tags_of_thread(thread, messages)
    return _shown(context, folder, folder_address, names, "thread", thread.pk)


@register.inclusion_tag("wagtail_mailarchive/includes/tag_many.html", takes_context=True)
def tag_many(context: Any, folder: EmailFolderPage | None) -> Any:
    """Show the form for what is chosen in a list: tagging it, and moving it to the trash."""
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "may_tag": _may_tag(context, folder),
        "may_trash": is_offered(context["request"], folder),
    }


@register.simple_tag(takes_context=True)
def may_choose(context: Any, folder: EmailFolderPage | None) -> bool:
    """Whether `tag_many` offers something to do with what is chosen."""
    return _may_tag(context, folder) or is_offered(context["request"], folder)


@register.simple_tag
def choose(kind: str, key: int, name: str) -> SafeString:
    """Show the box that chooses a row of a list: `kind` is "message" or "thread".

    Not by a template: a page has fifty of them.
    """
    label = escape(gettext("Choose “%(name)s”") % {"name": name})
    return mark_safe(  # noqa: S308 (escaped)
        '<span class="mailarchive-row__choose"><input type="checkbox" form="mailarchive-tagging"'
        f' name="{kind}" value="{key}" aria-label="{label}"></span>'
    )


def is_there(context: Any, kind: Added) -> bool:
    """Whether there may be something of that kind; only the page of a message knows."""
    added = context.get("mailarchive_added")
    return added is None or kind in added


def _shown(
    context: Any, folder: EmailFolderPage, address: str, names: list[str], kind: str, key: int
) -> dict[str, Any]:
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "tags": [(name, f"{address}?{urlencode({'q': _asked(name)})}") for name in names],
        "kind": kind,
        "key": key,
        "may_tag": _may_tag(context, folder),
    }


def _may_tag(context: Any, folder: EmailFolderPage | None) -> bool:
    """Ask once for a page; where mail of several folders is listed, saving asks for each."""
    request: HttpRequest = context["request"]
    if not request.user.is_authenticated:
        return False
    if folder is None:
        return True
    known: dict[int, bool] = request.__dict__.setdefault("mailarchive_may_tag", {})
    if folder.pk not in known:
        known[folder.pk] = may_tag(folder, request.user)
    return known[folder.pk]


def _asked(name: str) -> str:
    return f'tag:"{name}"'
