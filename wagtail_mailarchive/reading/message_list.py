"""The folder's messages, newest first."""

from __future__ import annotations

from .keyset import ListPage, Place, around, cut
from .listing import PAGE_SIZE
from .message_rows import MessageRow, columns_of
from .narrowing import Chosen


def newest_first(chosen: Chosen, place: Place[int]) -> ListPage[MessageRow]:
    """Return a page of messages (one query)."""
    found = around(chosen.rows, chosen.key, place, PAGE_SIZE)
    rows = found.values_list(chosen.key, *columns_of(chosen.message))
    page, newer, older = cut(list(rows), place, PAGE_SIZE)
    if not page:
        return ListPage()
    return ListPage(
        [MessageRow(*values) for _, *values in page],
        newer=str(page[0][0]) if newer else "",
        older=str(page[-1][0]) if older else "",
    )
