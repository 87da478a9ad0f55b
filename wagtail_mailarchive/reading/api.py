"""Messages and threads for Wagtail's API v2: read-only, and only what the reader may see.

    api_router = WagtailAPIRouter("wagtailapi")
    api_router.register_endpoint("mail_messages", MailMessagesAPIViewSet)
    api_router.register_endpoint("mail_threads", MailThreadsAPIViewSet)

Lists are of one folder or thread, and paged by key: a number of all of them, and pages by number,
would cost what the folder holds. docs/how-to/api.md tells what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final

from django.db.models import BigIntegerField, Q
from django.http import Http404
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from rest_framework.response import Response
from wagtail.api.v2.utils import BadRequestError, get_full_url
from wagtail.api.v2.views import BaseAPIViewSet

from ..archive.thread_summaries import Summary
from ..mime.message import Address
from ..models import EmailFolderPage, EmailMessagePage, FormerThread, MessageText, Thread
from ..models.privacy import readable, readable_folders
from . import thread_list
from .addresses import message_address, thread_address
from .downloads import download_name
from .hidden import hidden_messages
from .keyset import Place
from .listing import COLUMNS, BadAddress, Cursor
from .thread_lookup import find_thread, summaries_for
from .zones import reader_zone

MOST: Final = 100
_USUAL: Final = 20
_LISTED = (*COLUMNS, "thread_id", "message_id", "list_id")
_KEY = re.compile("[0-9]{1,18}")
# Further out a zone's offset would leave the calendar.
_FIRST_DAY, _LAST_DAY = date(2, 1, 1), date(9998, 12, 31)
_Json = dict[str, Any]


class MailAPIViewSet(BaseAPIViewSet):
    """What both have in common: filters, places, and that answers are for one reader."""

    known_query_parameters = frozenset(
        {"folder", "after", "before", "cursor", "limit", "format", "_"}
    )

    @classmethod
    def get_urlpatterns(cls) -> Any:
        return [each for each in super().get_urlpatterns() if each.name != "find"]

    def check_query_parameters(self, queryset: Any) -> None:
        unknown = self.request.GET.keys() - self.known_query_parameters
        if unknown:
            raise BadRequestError(f"unknown parameters: {', '.join(sorted(unknown))}")

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["Cookie", "Authorization"])
        return response

    # -- what is asked for ------------------------------------------------------------------

    def folder_of(self, key: object) -> EmailFolderPage:
        """Return the folder of this key.

        Raises:
            Http404: there is none that the reader may read.
        """
        folders = EmailFolderPage.objects.filter(pk__in=readable_folders(self.request))
        folder: EmailFolderPage | None = folders.filter(pk=key).first()
        if folder is None:
            raise Http404("There is no such folder.")
        return folder

    def key(self, name: str) -> int | None:
        given = self.request.GET.get(name)
        if given is None:
            return None
        if not _KEY.fullmatch(given):
            raise BadRequestError(f"{name} must be a number")
        return int(given)

    def limit(self) -> int:
        limit = self.key("limit")
        if limit is None:
            return _USUAL
        if not 1 <= limit <= MOST:
            raise BadRequestError(f"limit must be from 1 to {MOST}")
        return limit

    def cursor(self) -> Cursor | None:
        given = self.request.GET.get("cursor")
        try:
            return Cursor.parse(given) if given is not None else None
        except BadAddress:
            raise BadRequestError("cursor must be one that was given as next") from None

    def between(self) -> tuple[datetime | None, datetime | None]:
        """Return the first moment that is wanted, and the first that is not any more."""
        return self._day("after"), self._day("before")

    def _day(self, name: str) -> datetime | None:
        given = self.request.GET.get(name)
        if given is None:
            return None
        try:
            day = date.fromisoformat(given)
        except ValueError:
            raise BadRequestError(f"{name} must be a date like 2026-03-31") from None
        day = min(max(day, _FIRST_DAY), _LAST_DAY)
        return datetime.combine(day, time.min, tzinfo=reader_zone(self.request))

    # -- what is answered -------------------------------------------------------------------

    def listing(self, items: Sequence[_Json], further: Cursor | None) -> Response:
        address = None
        if further is not None:
            query = self.request.GET.copy()
            query["cursor"] = str(further)
            address = get_full_url(self.request, f"{self.request.path}?{query.urlencode()}")
        return Response({"meta": {"next": address}, "items": items})

    def meta(self, pk: int, html_url: str) -> _Json:
        # The router would lead to the endpoint of pages, if there is one.
        path = reverse(f"{self.request.resolver_match.namespace}:detail", args=[pk])
        return {
            "type": self.model._meta.label,
            "detail_url": get_full_url(self.request, path),
            "html_url": html_url,
        }

    def address_of(self, folder: EmailFolderPage) -> str:
        return folder.get_full_url(self.request) or ""


class MailMessagesAPIViewSet(MailAPIViewSet):
    """Messages of a folder (`?folder=`) or a thread (`?thread=`), newest first; one by its key."""

    model = EmailMessagePage
    name = "mail_messages"
    known_query_parameters = MailAPIViewSet.known_query_parameters | {"thread"}

    def listing_view(self, request: Any) -> Response:
        self.check_query_parameters(None)
        messages = EmailMessagePage.objects.all()
        folder_key, thread_key = self.key("folder"), self.key("thread")
        if (folder_key is None) == (thread_key is None):
            raise BadRequestError("either folder or thread is required")
        if thread_key is None:
            folder = self.folder_of(folder_key)
            messages = messages.filter(folder=folder)
        else:
            folder, thread = _thread(self, thread_key)
            messages = messages.filter(thread=thread)
        begin, end = self.between()
        if begin is not None:
            messages = messages.filter(sorted_at__gte=begin)
        if end is not None:
            messages = messages.filter(sorted_at__lt=end)
        cursor, limit = self.cursor(), self.limit()
        if cursor is not None:
            # The first condition alone is what the index can use.
            messages = messages.filter(sorted_at__lte=cursor.sorted_at).filter(
                Q(sorted_at__lt=cursor.sorted_at) | Q(pk__lt=cursor.pk)
            )
        found = readable(messages, request).order_by("-sorted_at", "-pk").only(*_LISTED)
        rows = list(found[: limit + 1])
        address = self.address_of(folder)
        further = rows[limit - 1] if len(rows) > limit else None
        return self.listing(
            [self._listed(message, address) for message in rows[:limit]],
            Cursor(further.sorted_at, further.pk) if further else None,
        )

    def detail_view(self, request: Any, pk: int) -> Response:
        self.check_query_parameters(None)
        message = None
        if pk <= BigIntegerField.MAX_BIGINT:
            messages = readable(EmailMessagePage.objects.filter(pk=pk), request)
            message = messages.prefetch_related("attachments").first()
        if message is None:
            raise Http404("There is no such message.")
        folder_address = self.address_of(self.folder_of(message.folder_id))
        address = message_address(folder_address, message.slug)
        text = MessageText.objects.filter(message=message).values_list("body", flat=True).first()
        return Response(
            self._listed(message, folder_address)
            | {
                name: [_person(each) for each in message.address_list(name)]
                for name in ("from", "reply_to", "to", "cc", "bcc")
            }
            | {
                "in_reply_to": message.in_reply_to,
                "references": message.references,
                "text": text or "",
                "original_url": f"{address}original/",
                "attachments": [
                    {
                        "name": download_name(each),
                        "content_type": each.content_type,
                        "size": each.size,
                        "sha256": each.sha256,
                        "is_inline": each.is_inline,
                        "url": f"{address}attachment/{each.position}/",
                    }
                    for each in message.attachments.all()
                ],
            }
        )

    def _listed(self, message: EmailMessagePage, folder_address: str) -> _Json:
        return {
            "id": message.pk,
            "meta": self.meta(message.pk, message_address(folder_address, message.slug)),
            "folder": message.folder_id,
            "thread": message.thread_id,
            "subject": message.subject,
            "sender": _person(Address(message.sender_name, message.sender_address)),
            "sent_at": message.sent_at,
            "sorted_at": message.sorted_at,
            "message_id": message.message_id,
            "list_id": message.list_id,
            "snippet": message.snippet,
            "size": message.size,
            "attachment_count": message.attachment_count,
        }


class MailThreadsAPIViewSet(MailAPIViewSet):
    """Threads of a folder (`?folder=`), by latest activity; one by its key."""

    model = Thread
    name = "mail_threads"

    def listing_view(self, request: Any) -> Response:
        self.check_query_parameters(None)
        key = self.key("folder")
        if key is None:
            raise BadRequestError("folder is required")
        folder = self.folder_of(key)
        limit = self.limit()
        page = thread_list.page_of_threads(
            folder,
            request,
            Place(before=self.cursor()),
            hidden_messages(folder.pk, request),
            size=limit,
            between=self.between(),
        )
        summaries = summaries_for([each.thread for each in page.rows], request)
        address = self.address_of(folder)
        return self.listing(
            [
                self._listed(folder.pk, each.thread.pk, summaries[each.thread.pk], address)
                for each in page.rows
                if each.thread.pk in summaries
            ],
            Cursor.parse(page.older) if page.older else None,
        )

    def detail_view(self, request: Any, pk: int) -> Response:
        self.check_query_parameters(None)
        folder, thread = _thread(self, pk)
        summary = summaries_for([thread], request).get(thread.pk)
        if summary is None:
            raise Http404("There is no such thread.")
        return Response(self._listed(folder.pk, thread.pk, summary, self.address_of(folder)))

    def _listed(self, folder_id: int, pk: int, summary: Summary, folder_address: str) -> _Json:
        return {
            "id": pk,
            "meta": self.meta(pk, thread_address(folder_address, pk)),
            "folder": folder_id,
            "subject": summary.subject,
            "first_at": summary.first_at,
            "last_at": summary.last_at,
            "message_count": summary.message_count,
            "participants": [
                _person(Address(name, address))
                for _, name, address in sorted(summary.people.values())
            ],
            "has_more_participants": summary.has_more_participants,
            "has_attachments": summary.has_attachments,
            "snippet": summary.snippet,
        }


def _thread(view: MailAPIViewSet, key: int) -> tuple[EmailFolderPage, Thread]:
    """Return the thread that has, or had, this key, and its folder.

    Raises:
        Http404: there is none, or the reader may not read its folder.
    """
    found = Thread.objects.filter(pk=key).values_list("folder", flat=True)
    former = FormerThread.objects.filter(pk=key).values_list("message__folder", flat=True)
    folder_id = found.first() or former.first()
    if folder_id is None:
        raise Http404("There is no such thread.")
    folder = view.folder_of(folder_id)
    return folder, find_thread(folder, key)


def _person(address: Address) -> dict[str, str]:
    return {"name": address.name, "address": address.address}
