"""The folder's messages, newest first."""

from __future__ import annotations

from ..models import EmailMessagePage
from .keyset import ListPage, Place, around, cut
from .listing import COLUMNS, PAGE_SIZE
from .narrowing import Chosen


def newest_first(chosen: Chosen, place: Place[int]) -> ListPage[EmailMessagePage]:
    """Return a page of messages (one query)."""
    rows = chosen.with_messages(around(chosen.rows, chosen.key, place, PAGE_SIZE), COLUMNS)
    page, newer, older = cut(list(rows), place, PAGE_SIZE)
    if not page:
        return ListPage()
    return ListPage(
        [chosen.message_of(row) for row in page],
        newer=str(chosen.key_of(page[0])) if newer else "",
        older=str(chosen.key_of(page[-1])) if older else "",
    )
