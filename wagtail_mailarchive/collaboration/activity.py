"""What happened in a folder lately: mail that came, what people said of it, what was restored.

Of what a reader may not read nothing is told, and it is not counted. However long a folder has
been in use, only the latest of each kind is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from wagtail.models import PageLogEntry

from ..archive.folder_trash import FOLDER_RESTORED
from ..conf import archive_settings
from ..fetching.trash_requests import RESTORED
from ..models import (
    ChainEntry,
    Comment,
    CommentState,
    EmailFolderPage,
    EmailMessagePage,
    Original,
    Relation,
    UpkeepKind,
    UpkeepRun,
)
from ..models.privacy import readable
from .mail_readers import zone_of

MOST: Final = 50  # of each kind
ARRIVALS: Final = 1_000
# What came with less between is told as one.
_TOGETHER: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        kind: "fetched", "commented", "related", "restored" or "folder restored".
        number: of messages that were fetched or restored; at least so many if `is_more`. 0 for the
            whole trash.
        who: commented, related or restored.
        message, address: what it was about, if that is one.
    """

    kind: str
    at: datetime
    number: int = 0
    is_more: bool = False
    who: str = ""
    message: EmailMessagePage | None = None
    address: str = ""


def show(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Show what happened in the folder, newest first."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    address = page.get_url(request) or request.path
    events = [
        *_fetched(page, request),
        *_said(page, request, address),
        *_related(page, request, address),
        *_restored(page, request, address),
        *_restored_all(page),
    ]
    events.sort(key=lambda each: each.at, reverse=True)
    context = {
        **page.get_context(request),
        "base_template": archive_settings().BASE_TEMPLATE,
        "address": address,
        "events": events[:MOST],
        "most": MOST,
    }
    response = TemplateResponse(request, "wagtail_mailarchive/email_folder_activity.html", context)
    user = request.user
    zone = zone_of(user) if user.is_authenticated else timezone.get_default_timezone()
    with timezone.override(zone):
        response.render()
    patch_cache_control(response, private=True)
    response["X-Robots-Tag"] = "noindex"
    return response


def _fetched(page: EmailFolderPage, request: HttpRequest) -> list[Event]:
    latest = ChainEntry.objects.filter(folder=page.pk).order_by("-number")
    came = list(latest.values_list("sha256", "archived_at")[: ARRIVALS + 1])
    # By the originals' keys, which an index holds beside the folder's.
    originals = Original.objects.filter(sha256__in=[sha256 for sha256, _at in came])
    inside = EmailMessagePage.objects.filter(folder=page.pk, original__in=originals.values("pk"))
    shown = set(readable(inside, request).order_by().values_list("original__sha256", flat=True))
    events: list[Event] = []
    earliest: datetime | None = None
    for sha256, moment in came[:ARRIVALS]:
        if sha256 not in shown:
            continue
        if earliest is not None and earliest - moment < _TOGETHER:
            last = events.pop()
            events.append(Event("fetched", last.at, last.number + 1))
        else:
            events.append(Event("fetched", moment, 1))
        earliest = moment
    if events and len(came) > ARRIVALS:
        last = events.pop()
        events.append(Event("fetched", last.at, last.number, is_more=True))
    return events[:MOST]


def _said(page: EmailFolderPage, request: HttpRequest, address: str) -> list[Event]:
    shown = Comment.objects.filter(message__folder=page.pk, state=CommentState.SHOWN)
    comments = list(shown.order_by("-pk")[:MOST])
    messages = _messages(comments, request)
    return [
        Event(
            "commented",
            each.decided_at or each.created_at,
            who=each.author_name,
            message=messages[each.message_id],
            address=f"{_address(address, messages[each.message_id])}comments/{each.pk}/",
        )
        for each in comments
        if each.message_id in messages
    ]


def _related(page: EmailFolderPage, request: HttpRequest, address: str) -> list[Event]:
    # To what, the message's own page tells those who may see it.
    # The sum keeps databases from walking all messages of the folder in search of relations.
    inside = Relation.objects.alias(inside=F("message__folder") + 0).filter(inside=page.pk)
    relations = list(inside.order_by("-pk")[:MOST])
    messages = _messages(relations, request)
    return [
        Event(
            "related",
            each.created_at,
            who=each.author_name,
            message=messages[each.message_id],
            address=_address(address, messages[each.message_id]),
        )
        for each in relations
        if each.message_id in messages
    ]


def _restored(page: EmailFolderPage, request: HttpRequest, address: str) -> list[Event]:
    # The sum keeps databases from walking all that was ever logged about the folder.
    logged = PageLogEntry.objects.alias(about=F("page") + 0).filter(about=page.pk)
    log = logged.filter(action__in=[RESTORED, FOLDER_RESTORED])
    entries = list(log.select_related("user").order_by("-pk")[:MOST])
    keys = {each.pk: each.data.get("messages", []) for each in entries}
    messages = _readable({key for some in keys.values() for key in some}, request)
    events = []
    for entry in entries:
        if entry.action == FOLDER_RESTORED:
            who = str(entry.user_display_name)
            events.append(Event("folder restored", entry.timestamp, who=who))
            continue
        shown = [messages[key] for key in keys[entry.pk] if key in messages]
        if shown:
            only = shown[0] if len(shown) == 1 else None
            events.append(
                Event(
                    "restored",
                    entry.timestamp,
                    len(shown),
                    who=str(entry.user_display_name),
                    message=only,
                    address=_address(address, only) if only else "",
                )
            )
    return events


def _restored_all(page: EmailFolderPage) -> list[Event]:
    # How many is not told: some may be such as the reader may not read.
    runs = UpkeepRun.objects.filter(
        kind=UpkeepKind.RESTORE, folder=page.pk, finished_at__isnull=False, done__gt=0
    )
    latest = runs.order_by("-pk").values_list("finished_at", flat=True)[:MOST]
    return [Event("restored", each) for each in latest if each]


def _messages(rows: Iterable[Any], request: HttpRequest) -> dict[int, EmailMessagePage]:
    """Return those of the messages of `rows` that the reader may read, by key."""
    return _readable({each.message_id for each in rows}, request)


def _readable(keys: Collection[int], request: HttpRequest) -> dict[int, EmailMessagePage]:
    about: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(pk__in=keys)
    found: dict[int, EmailMessagePage] = readable(about, request).only("slug", "subject").in_bulk()
    return found


def _address(address: str, message: EmailMessagePage) -> str:
    return f"{address.rstrip('/')}/{message.slug}/"
