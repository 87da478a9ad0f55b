"""How much there is for upkeep to do: the numbers on the page “Mail integrity”."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from ..archive import contents, dkim
from ..fetching.upkeep_work import to_reprocess, to_retry
from ..models import ContentState, DkimVerdict, EmailFolderPage, EmailMessagePage


def to_read_again(folder: EmailFolderPage | None) -> dict[str, int]:
    """Return how much mail of `folder`, or of all folders, there is to read again."""
    key = folder.pk if folder else None
    pages: QuerySet[EmailMessagePage] = to_reprocess(key, is_complete=True)
    return {
        "messages_to_read": pages.count(),
        "older": to_reprocess(key, is_complete=False).count(),
        "quarantined": to_retry(key).count(),
    }


def contents_read() -> dict[str, Any]:
    """Return how many attachments were read, are still to be read, or cannot be, and why."""
    numbers = contents.numbers()
    read = numbers.pop(ContentState.READ, 0)
    return {
        "contents": read + sum(numbers.values()),
        "contents_read": read,
        "contents_to_read": contents.to_read().count(),
        "contents_not_read": [
            (state.label, numbers[state])
            for state in ContentState
            if state != ContentState.WAITING and state in numbers
        ],
        "lacks_pdf": ContentState.LACKING in numbers,
    }


def signatures_checked() -> dict[str, Any]:
    """Return how many DKIM signatures there are of each verdict."""
    numbers = dkim.numbers()
    return {
        "checks_signatures": True,
        "signatures": sum(numbers.values()),
        "verdicts": [
            (verdict.label, numbers[verdict]) for verdict in DkimVerdict if verdict in numbers
        ],
    }
