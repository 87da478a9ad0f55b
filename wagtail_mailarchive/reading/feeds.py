"""Atom feeds (RFC 4287) of a folder, a thread and a search: what the reader may see, and no more.

A feed is made for whoever asks, with their session, so nothing of it may be cached for others. It
is asked for again and again: it comes with an ETag of all it says, and who has it already is told
so and no more. It has no Last-Modified: where mail is hidden, or a folder renamed, the feed changes
and no date in it does.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from wagtail.models import Page

from ..archive.search import Query, Question, backend, parse
from ..exceptions import SearchUnavailable
from ..models import EmailFolderPage, EmailMessagePage, MessageText
from ..models.privacy import readable
from ..models.unindexed import of_folders
from .addresses import message_address, route_address, thread_address
from .listing import COLUMNS, BadAddress
from .narrowing import Narrowing, choose
from .search_folders import Readable, hidden_messages, named, on_a_site, readable_folders
from .search_page import RETRY_AFTER
from .thread_lookup import find_thread, readable_messages, summary_for
from .zones import reader_zone

logger = logging.getLogger("wagtail_mailarchive.reading")

ENTRIES: Final = 50
_COLUMNS = (*COLUMNS, "translation_key", "first_published_at")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What XML 1.0 cannot hold (section 2.2), however it is escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# A folder and its whole address, by its key.
_Folders = dict[int, tuple[EmailFolderPage, str]]


class _Feed(Atom1Feed):
    """Django's, with the same time each time it is asked for although it is empty."""

    changed_at = _EPOCH

    def latest_post_date(self) -> datetime:
        return self.changed_at


def folder_feed(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Serve the newest messages of a folder, narrowed down or found (`?q=`) as its page is.

    Raises:
        Http404: an address that none of our links has.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    zone = reader_zone(request)
    folders = {page.pk: (page, _whole_address(page, request))}
    if request.GET.get("q", "").strip():
        query = parse(request.GET["q"], zone)
        query.folders.clear()
        title = _("“%(query)s” in %(folder)s") % {"query": query.text, "folder": page.title}
        try:
            found = _found(query, Readable([page], is_everything=False), request)
        except SearchUnavailable as error:
            return _unavailable(error)
        return _serve(request, title, _there(page, request, "show"), found, folders)
    try:
        chosen = choose(page.pk, request, Narrowing.of(request), zone)
    except BadAddress as error:
        raise Http404 from error
    rows = chosen.with_messages(chosen.rows.order_by(f"-{chosen.key}")[:ENTRIES], _COLUMNS)
    newest = [chosen.message_of(row) for row in rows]
    return _serve(request, page.title, _there(page, request, "show"), newest, folders)


def thread_feed(page: EmailFolderPage, request: HttpRequest, thread_id: int) -> HttpResponse:
    """Serve the newest messages of a thread.

    Raises:
        Http404: there is no such thread, or nothing in it that the reader may see.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    thread = find_thread(page, thread_id)
    summary = summary_for(thread, request)
    newest = readable_messages(thread, request).order_by("-sorted_at", "-pk")
    address = _whole_address(page, request)
    return _serve(
        request,
        summary.subject or _("(no subject)"),
        thread_address(address, thread.pk),
        newest.only(*_COLUMNS)[:ENTRIES],
        {page.pk: (page, address)},
    )


def search_feed(request: HttpRequest) -> HttpResponse:
    """Serve the newest messages found in every folder that the reader may read (`?q=`)."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    query = parse(request.GET.get("q", ""), reader_zone(request))
    if query.is_empty:
        raise Http404
    folders, addresses = on_a_site(
        named(readable_folders(request), query), lambda folder: folder.get_full_url(request)
    )
    link = request.build_absolute_uri(reverse("wagtail_mailarchive:search"))
    title = _("“%(query)s” in all mail") % {"query": query.text}
    try:
        found = _found(query, folders, request)
    except SearchUnavailable as error:
        return _unavailable(error)
    return _serve(request, title, link, found, addresses)


def _unavailable(error: SearchUnavailable) -> HttpResponse:
    """Return what has programs ask again later, and keep what they have until then."""
    logger.warning("%s", error)
    told = HttpResponse(
        _(SearchUnavailable.template), status=503, content_type="text/plain; charset=utf-8"
    )
    told["Retry-After"] = RETRY_AFTER
    patch_cache_control(told, private=True, no_store=True)
    return told


def _found(query: Query, folders: Readable, request: HttpRequest) -> list[EmailMessagePage]:
    if query.is_empty or not folders.folders:
        return []
    question = Question.of(
        query,
        folders.ids,
        is_everywhere=folders.is_everything,
        hidden=hidden_messages(folders.ids, request),
    )
    texts = MessageText.objects.filter(
        pk__in=backend().by_date(question, before=None, limit=ENTRIES)
    )
    # Whether a message is in a folder must not hang on the index of words.
    found = EmailMessagePage.objects.filter(pk__in=texts.values("message"))
    inside = of_folders(found, folders.ids)
    messages = readable(inside, request).only(*_COLUMNS)
    return sorted(messages, key=lambda each: (each.sorted_at, each.pk), reverse=True)


def _serve(
    request: HttpRequest,
    title: str,
    link: str,
    messages: Iterable[EmailMessagePage],
    folders: _Folders,
) -> HttpResponse:
    if request.GET:
        link = f"{link}?{request.GET.urlencode()}"
    here = request.build_absolute_uri()
    feed = _Feed(
        title=_xml(title),
        link=link,
        description=None,
        language=get_language(),
        feed_url=here,
        feed_guid=here,
    )
    for message in messages:
        folder, address = folders[message.folder_id]
        feed.add_item(
            title=_xml(message.display_subject),
            link=message_address(address, message.slug),
            description=_xml(escape(message.snippet)),
            author_name=_xml(message.display_sender),
            unique_id=f"urn:uuid:{message.translation_key}",
            pubdate=message.sorted_at,
            updateddate=message.sorted_at,
            categories=[_xml(folder.title)] if len(folders) > 1 else [],
        )
        archived_at = message.first_published_at or message.sorted_at
        feed.changed_at = max(feed.changed_at, archived_at)
    body = feed.writeString("utf-8").encode()
    response = HttpResponse(body, content_type=feed.content_type)
    response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:40]}"'
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["Cookie", "Accept-Language"])
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


def _whole_address(page: Page, request: HttpRequest) -> str:
    return page.get_full_url(request) or request.build_absolute_uri(request.path)


def _there(page: EmailFolderPage, request: HttpRequest, name: str) -> str:
    return request.build_absolute_uri(route_address(page, request, name))


def _xml(text: str) -> str:
    return _NO_XML.sub("�", text)
