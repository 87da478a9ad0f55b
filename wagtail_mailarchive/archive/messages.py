"""The pages of new messages, with all that hangs on them: parts, threads, text, month counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from django.db import transaction
from wagtail.models import Page

from ..mime.message import ParsedMessage
from ..models import Attachment, EmailMessagePage, MessageText
from ..signals import message_archived
from . import (
    attached_text,
    contents,
    facets,
    month_counts,
    pages,
    records,
    rows,
    thread_division,
    threads,
)
from .rows import Row
from .search.texts import COLUMNS, text_row


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What becomes a page.

    Attributes:
        original_id, sha256, size: of its original, which is in the database.
        received_at: what the server says, in UTC; None where that is no time.
        source_thread: what the server calls its thread; None if nothing.
    """

    original_id: int
    sha256: str
    size: int
    received_at: datetime | None
    parsed: ParsedMessage = field(repr=False)
    source_thread: int | None = None


def of_originals(folder_id: int, original_ids: Iterable[int]) -> dict[int, int]:
    """Return what the folder holds already of these originals: the messages' keys by theirs."""
    found = EmailMessagePage.objects.filter(folder_id=folder_id, original__in=list(original_ids))
    return dict(found.values_list("original_id", "pk"))


def insert(parent: Page, new: Sequence[NewMessage], now: datetime) -> dict[int, int]:
    """Insert pages below `parent`, which `pages.lock_folder` gave, in the present transaction.

    Args:
        new: of originals that the folder does not hold, each once.

    Returns:
        The pages' keys by their originals'.

    Raises:
        FolderFull, DatabaseError.
    """
    if not new:
        return {}
    values = [
        records.message_values(
            parent.pk, each.original_id, each.size, each.parsed, each.received_at, now
        )
        | {"source_thread": each.source_thread}
        for each in new
    ]
    divided = threads.join(parent.pk, values)
    keys = pages.insert(parent, values, [each.sha256 for each in new], now)
    moments = [each["sorted_at"] for each in values]
    attachments: list[Row] = []
    texts: list[list[Any]] = []
    hashes = {part.sha256 for each in new for part in each.parsed.attachments}
    contents.await_reading(hashes)
    known = attached_text.known(hashes)
    for key, each, value in zip(keys, new, values, strict=True):
        parts = each.parsed.attachments
        attachments += records.attachment_rows(key, value, parts)
        attached = attached_text.joined((part.sha256 for part in parts), known)
        texts.append(text_row(key, value, each.parsed, attached))
    rows.insert(Attachment, records.ATTACHMENT, attachments)
    insert_texts(texts)
    facets.add(texts)
    month_counts.add(parent.pk, moments)
    thread_division.divide(parent.pk, divided)
    transaction.on_commit(partial(_announce, parent.pk, keys))
    return {each.original_id: key for each, key in zip(new, keys, strict=True)}


def _announce(folder_id: int, keys: Sequence[int]) -> None:
    for key in keys:
        message_archived.send_robust(sender=EmailMessagePage, message_id=key, folder_id=folder_id)


def insert_texts(texts: Sequence[list[Any]]) -> None:
    """Insert the columns of `search.texts.COLUMNS`; a key that is taken makes way."""
    _make_keys_unique(texts)
    # In order, because FTS5 is quickest where its keys rise.
    rows.insert(MessageText, COLUMNS, sorted(texts, key=itemgetter(0)))


def _make_keys_unique(texts: Sequence[list[Any]]) -> None:
    """Count keys up that are taken: another message of the same second, 2^20 pages away."""
    taken = set(
        MessageText.objects.filter(pk__in=[row[0] for row in texts]).values_list("pk", flat=True)
    )
    for row in texts:
        while row[0] in taken:
            row[0] += 1
            if MessageText.objects.filter(pk=row[0]).exists():
                taken.add(row[0])
        taken.add(row[0])
