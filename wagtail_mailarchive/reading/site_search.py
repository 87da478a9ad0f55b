"""Mail in the site's own search: the best hits, for a view of the site to show beside its own."""

from __future__ import annotations

from django.http import HttpRequest

from ..archive.search import Question, parse
from ..archive.search.snippets import Highlighter
from ..conf import archive_settings
from .search_folders import hidden_messages, named, on_a_site, readable_folders
from .search_hits import PAGE_SIZE, Hit, find_hits
from .zones import reader_zone


def best_hits(request: HttpRequest, text: str, limit: int = 10) -> list[Hit]:
    """Return messages that the reader may see, the best first, as the page of hits would.

    Args:
        text: as typed; what cannot be understood is left out.
        limit: at most 25.

    Raises:
        SearchUnavailable.
    """
    query = parse(text, reader_zone(request))
    folders, addresses = on_a_site(
        named(readable_folders(request), query), lambda folder: folder.get_url(request)
    )
    if query.is_empty or not folders.folders:
        return []
    question = Question.of(
        query,
        folders.ids,
        is_everywhere=folders.is_everything,
        hidden=hidden_messages(folders.ids, request),
    )
    stems = archive_settings().SEARCH_LANGUAGE != "simple"
    highlighter = Highlighter(query.shown_terms(), stems=stems)
    found = find_hits(question, request, addresses, highlighter, by_relevance=True, behind="")
    return found.hits[: min(limit, PAGE_SIZE)]
