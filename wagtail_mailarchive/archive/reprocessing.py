"""Messages that are pages already, read again by the parser of today.

What the archive says of them is brought up to date in bulk. Their pages keep key, place, slug and
address, attachments keep theirs, and what others attached to either is not touched. A message that
today's parser cannot read stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from wagtail.models import Page

from ..exceptions import MailArchiveError
from ..mime import VERSION
from ..mime.message import ParsedMessage
from ..mime.process import ParserProcess
from ..models import Attachment, EmailMessagePage, MessageText
from ..models.message_text import SEQUENCE_BITS
from . import (
    attached_text,
    contents,
    facets,
    messages,
    month_counts,
    pages,
    records,
    rows,
    thread_division,
    thread_summaries,
    threads,
)
from .again import parse_again, portions
from .bulk_deletion import delete_rows
from .rows import Row
from .search.marks import with_tags
from .search.texts import ATTACHED, COLUMNS, MARKS, text_row
from .transactions import commit, in_halves

_KEPT = {
    *("page_ptr_id", "folder_id", "original_id", "listed", "trashed", "received_at"),
    *("source_thread", "thread_id"),
}
_FIELDS = tuple(
    field.attname
    for field in EmailMessagePage._meta.local_concrete_fields
    if field.attname not in _KEPT
)
_DECIDED_BY = "thread__decided_by"
_SECTION, _START = records.ATTACHMENT.index("section"), records.ATTACHMENT.index("start")
_POSITION, _SHA256 = records.ATTACHMENT.index("position"), records.ATTACHMENT.index("sha256")
# What makes a part the same: its place in the original, else its section and what it holds.
_SAME = ((_START,), (_SECTION, *map(records.ATTACHMENT.index, ("content_type", "sha256"))))


@dataclass(slots=True)
class Reprocessed:
    """How many messages were read again.

    Attributes:
        changed: say something else now.
        failed: could not be read, and stay as they were.
    """

    read: int = 0
    changed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    message_id: int
    parsed: ParsedMessage = field(repr=False)


def reprocess(
    message_ids: Sequence[int],
    *,
    parser: ParserProcess,
    fence: Callable[[], None] = lambda: None,
) -> Reprocessed:
    """Read messages again; commit batch by batch.

    Args:
        fence: the first statement of each transaction; may raise to prevent the commit.

    Raises:
        ParserUnavailable, StorageError, DatabaseError: what was committed stays.
    """
    # What is in the trash is read again once it is restored.
    chosen = EmailMessagePage.objects.filter(pk__in=message_ids, trashed=False)
    chosen = chosen.select_related("original")
    total = Reprocessed()
    for portion in portions(chosen.order_by("folder_id", "pk"), lambda page: page.original):
        results = parse_again([each.original for each in portion], parser)
        total.read += len(portion)
        readable = []
        for message, result in zip(portion, results, strict=True):
            if isinstance(result, MailArchiveError):
                total.failed += 1
            else:
                readable.append((message.folder_id, _Read(message.pk, result)))
        for folder_id, group in groupby(readable, lambda pair: pair[0]):
            _write_folder(folder_id, [read for _, read in group], fence, total)
    return total


def _write_folder(
    folder_id: int, read: Sequence[_Read], fence: Callable[[], None], total: Reprocessed
) -> None:
    def write(some: Sequence[_Read]) -> None:
        total.changed += commit(lambda: _write(folder_id, some, fence))

    def refused(one: _Read) -> None:
        # The row that the database took before is still there.
        total.failed += 1

    in_halves(read, write, refused)


def _write(folder_id: int, read: Sequence[_Read], fence: Callable[[], None]) -> int:
    """Write what is different; return how many messages are."""
    fence()
    pages.lock_folder(folder_id)
    parsed = {each.message_id: each.parsed for each in read}
    stored = _stored(parsed)
    values = {key: _values(old, parsed[key]) for key, old in stored.items()}
    changed = {
        key
        for key, new in values.items()
        if any(new[name] != stored[key][name] for name in _FIELDS if name != "parsed_by")
    }
    rows.update(
        EmailMessagePage,
        ("page_ptr_id", *_FIELDS),
        [(key, *(values[key][name] for name in _FIELDS)) for key in sorted(changed)],
    )
    EmailMessagePage.objects.filter(pk__in=stored.keys() - changed).update(parsed_by=VERSION)
    rows.update(
        Page,
        ("id", "title", "draft_title"),
        [
            (key, new["title"], new["title"])
            for key, new in sorted(values.items())
            if new["title"] != stored[key]["title"]
        ],
    )
    attached = _write_attachments(values, parsed)
    changed |= attached | _write_texts(values, parsed, attached_text.of_messages(attached))
    _write_threads(folder_id, stored, values)
    moved = [key for key in values if values[key]["sorted_at"] != stored[key]["sorted_at"]]
    if moved:
        month_counts.add(
            folder_id,
            [values[key]["sorted_at"] for key in moved],
            [stored[key]["sorted_at"] for key in moved],
        )
    return len(changed)


def _stored(parsed: Mapping[int, ParsedMessage]) -> dict[int, dict[str, Any]]:
    """Return what the database holds of messages; what is deleted or trashed is missing."""
    names = {*_FIELDS, *_KEPT, "title", "first_published_at", "original__size", _DECIDED_BY}
    chosen = EmailMessagePage.objects.filter(pk__in=parsed, trashed=False)
    found = chosen.order_by("pk").values(*names)
    return {values["page_ptr_id"]: values for values in found}


def _values(stored: Mapping[str, Any], parsed: ParsedMessage) -> dict[str, Any]:
    """Return what the message says now, where only reading it has changed."""
    values = records.message_values(
        stored["folder_id"],
        stored["original_id"],
        stored["original__size"],
        parsed,
        stored["received_at"],
        # When it was archived, which for some is the only time there is.
        stored["first_published_at"] or stored["sorted_at"],
    )
    if values["subject"] == stored["subject"]:
        # Without a subject the title holds words in the language of who archived it.
        values["title"] = stored["title"]
    return values


# -- attachments -----------------------------------------------------------------------------


def _write_attachments(
    values: Mapping[int, Mapping[str, Any]], parsed: Mapping[int, ParsedMessage]
) -> set[int]:
    """Bring the attachments up to date; return the messages where that changed anything."""
    old: defaultdict[int, dict[int, Row]] = defaultdict(dict)
    found = Attachment.objects.filter(message__in=values).order_by("message_id", "position")
    for key, *columns in found.values_list("pk", *records.ATTACHMENT):
        old[columns[0]][key] = columns
    updated: list[Row] = []
    inserted: list[Row] = []
    deleted: list[int] = []
    lost: set[str] = set()
    changed: set[int] = set()
    for message_id, value in values.items():
        before = old[message_id]
        after = records.attachment_rows(message_id, value, parsed[message_id].attachments)
        matches = dict(_matches(before, after))
        free = max((row[_POSITION] for row in before.values()), default=-1)
        for number, row in enumerate(after):
            if number in matches:
                key = matches[number]
                row = _at(row, before[key][_POSITION])
                if list(row) != before[key]:
                    updated.append((key, *row))
                    lost.add(before[key][_SHA256])
                    changed.add(message_id)
            else:
                free += 1
                inserted.append(_at(row, free))
                changed.add(message_id)
        gone = before.keys() - matches.values()
        deleted += gone
        lost.update(before[key][_SHA256] for key in gone)
        if gone:
            changed.add(message_id)
    if deleted:
        Attachment.objects.filter(pk__in=deleted).delete()
    rows.update(Attachment, ("id", *records.ATTACHMENT), updated)
    rows.insert(Attachment, records.ATTACHMENT, inserted)
    contents.await_reading(row[_SHA256] for row in (*inserted, *(row[1:] for row in updated)))
    contents.forget_unused(lost)
    return changed


def _matches(before: Mapping[int, Row], after: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Yield (index in `after`, key in `before`) of what is the same part.

    Never the same position: an attachment that is gone must not leave its address to another.
    """
    left_after = dict(enumerate(after))
    left_before = dict(before)
    for columns in _SAME:
        same = itemgetter(*columns)
        by_value = {same(row): key for key, row in reversed(left_before.items())}
        for number, row in list(left_after.items()):
            key = by_value.pop(same(row), None)
            if key is not None:
                del left_after[number], left_before[key]
                yield number, key


def _at(row: Row, position: int) -> Row:
    """Return `row` at the position by which it is addressed."""
    return (*row[:_POSITION], position, *row[_POSITION + 1 :])


# -- threads and text ------------------------------------------------------------------------


def _write_threads(
    folder_id: int, stored: Mapping[int, dict[str, Any]], values: Mapping[int, dict[str, Any]]
) -> None:
    """Join messages anew whose links say something else now, or were read by older rules."""

    def differ(key: int, names: Iterable[str]) -> bool:
        return any(values[key].get(name) != stored[key][name] for name in names if name in _FIELDS)

    anew = [
        key
        for key in values
        if stored[key][_DECIDED_BY] != VERSION or differ(key, threads.LINK_FIELDS)
    ]
    thread_division.rejoin(folder_id, anew)
    shown = {key for key in values if differ(key, thread_summaries.FIELDS)}
    thread_summaries.recount(thread_summaries.of_messages(shown - set(anew)))


def _write_texts(
    values: Mapping[int, Mapping[str, Any]],
    parsed: Mapping[int, ParsedMessage],
    attached: Mapping[int, str],
) -> set[int]:
    """Bring the texts up to date; return the messages where that changed anything.

    Args:
        attached: the text inside attachments, where those have changed.
    """
    found = MessageText.objects.filter(message__in=values)
    before = {row[1]: list(row) for row in found.values_list(*COLUMNS)}
    after = []
    for key, new in values.items():
        old = before.get(key)
        row = text_row(key, new, parsed[key], attached.get(key, old[ATTACHED] if old else ""))
        row[MARKS] = with_tags(row[MARKS], old[MARKS] if old else "")
        if old is not None and old[0] >> SEQUENCE_BITS == row[0] >> SEQUENCE_BITS:
            row[0] = old[0]
        if row != old:
            after.append(row)
    changed = {row[1] for row in after}
    if changed:
        delete_rows(MessageText._base_manager.filter(message__in=changed))
        messages.insert_texts(after)
        gone = [before[key] for key in changed if key in before]
        facets.add(after, gone)
        moved = {row[1]: row[0] for row in gone}
        facets.move(
            [(moved[row[1]], row[0]) for row in after if moved.get(row[1], row[0]) != row[0]]
        )
    return changed
