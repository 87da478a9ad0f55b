"""What was found: in one folder, or in every folder that the reader may read."""

from __future__ import annotations

import logging
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from ..archive.search import Query, Question, backend, parse
from ..archive.search.query import MAX_TEXT
from ..archive.search.question import MOST_COUNTED
from ..archive.search.snippets import Highlighter
from ..conf import archive_settings
from ..exceptions import SearchUnavailable
from ..models import EmailFolderPage
from .addresses import page_address, route_address
from .listing import BadAddress
from .pages import leave_to_readers
from .saved_searches import saved_searches
from .search_facets import Counts, counts
from .search_folders import (
    Addresses,
    Readable,
    hidden_messages,
    named,
    on_a_site,
    readable_folders,
)
from .search_hits import Hits, find_hits
from .zones import reader_zone

logger = logging.getLogger("wagtail_mailarchive.reading")

TEMPLATE = "wagtail_mailarchive/search_page.html"
RETRY_AFTER = "60"  # seconds


def search_folder(page: EmailFolderPage, request: HttpRequest) -> HttpResponse:
    """Show what was found in one folder (`?q=`), which is being served."""
    address = page_address(page, request)
    zone = reader_zone(request)
    query = parse(request.GET.get("q", ""), zone)
    if query.folders:
        query.folders.clear()
        query.notes.append(_("in: is left out, since this searches one folder."))
    folders = Readable([page], is_everything=False)
    feed = route_address(page, request, "feed")
    context = {**page.get_context(request), "address": address, "folder": page, "feed": feed}
    return _show(request, query, zone, folders, {page.pk: (page, address)}, address, context)


def search(request: HttpRequest) -> HttpResponse:
    """Show what was found in every folder that the reader may read, or only the box."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    zone = reader_zone(request)
    query = parse(request.GET.get("q", ""), zone)
    folders, addresses = on_a_site(
        named(readable_folders(request), query), lambda folder: folder.get_url(request)
    )
    address = reverse("wagtail_mailarchive:search")
    feed = reverse("wagtail_mailarchive:search_feed")
    context = {"address": address, "folder": None, "feed": feed}
    if not request.user.is_authenticated:
        # Nothing found without saying why would look as if the mail were gone.
        context["sign_in_address"] = _sign_in_address(request)
    return _show(request, query, zone, folders, addresses, address, context)


def _sign_in_address(request: HttpRequest) -> str:
    """Return where the site signs people in, which leads back to this search."""
    page = getattr(settings, "WAGTAIL_FRONTEND_LOGIN_URL", reverse("wagtailcore_login"))
    return redirect_to_login(request.get_full_path(), page).url


def _show(
    request: HttpRequest,
    query: Query,
    zone: tzinfo,
    folders: Readable,
    addresses: Addresses,
    address: str,
    context: dict[str, Any],
) -> HttpResponse:
    order = request.GET.get("order", "")
    by_relevance = order == "relevance"
    behind = request.GET.get("behind" if by_relevance else "before", "")
    terms = list(query.shown_terms())
    stems = archive_settings().SEARCH_LANGUAGE != "simple"

    def address_with(more: str = "", *, base: str = address, **given: str) -> str:
        text = f"{query.text} {more}".strip()
        values = {"q": text, "order": order if by_relevance else "", **given}
        return f"{base}?{urlencode({name: value for name, value in values.items() if value})}"

    found, told = Hits([]), Counts()
    unavailable = ""
    if not query.is_empty and folders.folders:
        question = Question.of(
            query,
            folders.ids,
            is_everywhere=folders.is_everything,
            hidden=hidden_messages(folders.ids, request),
        )
        try:
            found = find_hits(
                question,
                request,
                addresses,
                Highlighter(terms, stems=stems),
                by_relevance=by_relevance,
                behind=behind,
            )
            facts = backend().facts(question, limit=MOST_COUNTED + 1)
        except BadAddress as error:
            raise Http404 from error
        except SearchUnavailable as error:
            logger.warning("%s", error)
            unavailable, found = _(SearchUnavailable.template), Hits([])
        else:
            told = counts(
                facts,
                zone,
                folders.folders,
                address_with,
                lambda folder: address_with(base=addresses[folder.pk][1]),
            )
    further = {"behind" if by_relevance else "before": found.further}
    whole = {
        **context,
        "base_template": archive_settings().BASE_TEMPLATE,
        "query": query.text,
        "max_query": MAX_TEXT,
        "notes": query.notes,
        "unavailable": unavailable,
        "hits": found.hits,
        "counts": told,
        "is_first": not behind,
        "by_relevance": by_relevance,
        "by_date_address": address_with(order=""),
        "by_relevance_address": address_with(order="relevance"),
        "first_address": address_with(),
        "further_address": address_with(**further) if found.further else "",
        "everywhere_address": address_with(base=reverse("wagtail_mailarchive:search")),
        "saved": saved_searches(request),
        "feed_address": "" if query.is_empty else address_with(base=context["feed"], order=""),
    }
    response = TemplateResponse(request, TEMPLATE, whole, status=503 if unavailable else 200)
    if unavailable:
        response["Retry-After"] = RETRY_AFTER
    with timezone.override(zone):
        response.render()
    # Hits, counts and dates depend on the reader.
    patch_cache_control(response, private=True)
    leave_to_readers(request, response)
    return response
