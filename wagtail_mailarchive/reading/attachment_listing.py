"""A folder's attachments, newest first, by kind, sender and month; paged by key.

Each list has an index that serves its order (see `models.Attachment`), so that a page costs the
same in any folder. Numbers are not shown: counting would cost what the folder holds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from ..models import Attachment, AttachmentContent, AttachmentKind, EmailFolderPage
from .hidden import Hidden, any_of
from .listing import Cursor
from .message_rows import MessageRow, columns_of

PAGE_SIZE = 48
# Senders that are suggested, out of that many of the newest attachments.
_SENDERS = 30
_LOOKED_AT = 200
# What stands in the text is a list of its own.
INLINE = "inline"

_COLUMNS = (
    "id", "position", "filename", "content_type", "size", "length", "sha256", "kind", "is_inline",
    "sorted_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a folder's attachments is wanted.

    Attributes:
        kind: of `AttachmentKind`, `INLINE` for images in the text; "" for all but those.
        sender: address in lower case; "" for all.
        between: only messages from the first moment to just before the second.
    """

    kind: str = ""
    sender: str = ""
    between: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list.

    Attributes:
        attachments: newest first.
        messages: theirs, in the same order.
        contents: of those that were read, by SHA-256; without text and picture.
        newer, older: cursors for the neighbouring pages; "" at an end.
    """

    attachments: list[Attachment]
    messages: list[MessageRow]
    contents: dict[str, AttachmentContent]
    newer: str = ""
    older: str = ""


def newest_first(
    folder: EmailFolderPage,
    hidden: Collection[Hidden],
    choice: Choice,
    *,
    older_than: Cursor | None = None,
    newer_than: Cursor | None = None,
) -> Listing:
    """Return a page of what is attached to messages that the reader may see (two queries).

    Args:
        hidden: all that the reader may not see.
        older_than, newer_than: at most one; where the page begins or ends.
    """
    chosen = _chosen(folder, hidden, choice)
    if newer_than is not None:
        # The first condition alone is what the index can use.
        chosen = chosen.filter(sorted_at__gte=newer_than.sorted_at).filter(
            Q(sorted_at__gt=newer_than.sorted_at) | Q(pk__gt=newer_than.pk)
        )
        page = _rows(chosen.order_by("sorted_at", "pk"))
        more, page = len(page) > PAGE_SIZE, page[:PAGE_SIZE][::-1]
        return _listing(page, newer=more, older=True)
    if older_than is not None:
        chosen = chosen.filter(sorted_at__lte=older_than.sorted_at).filter(
            Q(sorted_at__lt=older_than.sorted_at) | Q(pk__lt=older_than.pk)
        )
    page = _rows(chosen.order_by("-sorted_at", "-pk"))
    return _listing(page[:PAGE_SIZE], newer=older_than is not None, older=len(page) > PAGE_SIZE)


def kinds() -> list[tuple[str, str]]:
    """Return (value, word) of what may be asked for; looking what is there would cost more."""
    words = [*AttachmentKind.choices, (INLINE, gettext("Images in the text"))]
    return [(kind, str(word)) for kind, word in words]


def senders(folder: EmailFolderPage, hidden: Collection[Hidden]) -> dict[str, str]:
    """Return the names of those who attached something lately, by their addresses (one query)."""
    latest = _chosen(folder, hidden, Choice()).order_by("-sorted_at", "-pk")
    rows = latest.values_list("sender_address", "message__sender_name")[:_LOOKED_AT]
    found: dict[str, str] = {}
    for address, name in rows:
        if address and len(found) < _SENDERS:
            found.setdefault(address, name)
    return found


def _chosen(
    folder: EmailFolderPage, hidden: Collection[Hidden], choice: Choice
) -> QuerySet[Attachment]:
    """Return what is chosen and attached to messages that the reader may see."""
    attachments = Attachment.objects.filter(folder=folder, is_inline=choice.kind == INLINE)
    if hidden:
        # Not by joining the messages: SQLite would look through all of them first, to filter by
        # them.
        attachments = attachments.exclude(message__in=any_of([each.pk for each in hidden]))
    if choice.kind and choice.kind != INLINE:
        attachments = attachments.filter(kind=choice.kind)
    if choice.sender:
        attachments = attachments.filter(sender_address=choice.sender)
    if choice.between is not None:
        begin, end = choice.between
        attachments = attachments.filter(sorted_at__gte=begin, sorted_at__lt=end)
    return attachments


_Row = tuple[Attachment, MessageRow]


def _rows(attachments: QuerySet[Attachment]) -> list[_Row]:
    found = attachments.values_list(*_COLUMNS, *columns_of("message"))[: PAGE_SIZE + 1]
    end = len(_COLUMNS)
    return [
        (Attachment(**dict(zip(_COLUMNS, values[:end], strict=True))), MessageRow(*values[end:]))
        for values in found
    ]


def _listing(rows: list[_Row], *, newer: bool, older: bool) -> Listing:
    if not rows:
        return Listing([], [], {})
    attachments = [attachment for attachment, _ in rows]
    first, last = attachments[0], attachments[-1]
    return Listing(
        attachments,
        [message for _, message in rows],
        contents_of(attachments),
        newer=str(Cursor(first.sorted_at, first.pk)) if newer else "",
        older=str(Cursor(last.sorted_at, last.pk)) if older else "",
    )


def contents_of(attachments: list[Attachment]) -> dict[str, AttachmentContent]:
    """Return what the worker found in attachments, without text and picture, by SHA-256."""
    contents = AttachmentContent.objects.filter(sha256__in={each.sha256 for each in attachments})
    return {each.sha256: each for each in contents.defer("text", "picture")}
