"""One batch of fetched messages, written in one transaction.

Originals, pages, attachments, references, search rows, month counts and ledger entries commit
together or not at all, after the fence has proved that the account is still ours.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, Protocol

from django.db import DatabaseError, transaction
from django.utils import timezone
from wagtail.models import Page

from ..crossings import Crossing, cross
from ..exceptions import DatabaseRefusedMessage, MessageError
from ..mime.message import ParsedMessage
from ..models import (
    Attachment,
    EmailMessagePage,
    LedgerEntry,
    Mailbox,
    MessageReference,
    MessageText,
    Outcome,
    Presence,
)
from . import month_counts, originals, pages, records, rows
from .database_errors import DATA_ERRORS, refused_for_data, worth_retrying
from .dates import showable
from .originals import PreparedOriginal
from .rows import Row

logger = logging.getLogger("wagtail_mailarchive.archive")

_ATTEMPTS = 5

_ENTRY = ("mailbox_id", "uidvalidity", "uid")
_DECISION = (
    *("outcome", "size", "received_at", "original_id", "message_id", "decided_at"),
    *("reason_code", "reason_params"),
)

# What becomes of one message of a batch; the number is its original's key.
_Decided = tuple["Incoming", int, Outcome]


@dataclass(slots=True)
class Incoming:
    """One message on its way into the archive.

    Attributes:
        received_at: what the server says, in UTC; None where that is no time.
        parsed: what it says, or why it could not be read; then it is quarantined.
    """

    uid: int
    received_at: datetime | None
    original: PreparedOriginal
    parsed: ParsedMessage | MessageError = field(repr=False)

    def __post_init__(self) -> None:
        self.received_at = showable(self.received_at)


class InTransaction(Protocol):
    """Called inside each batch's transaction."""

    def __call__(self, outcomes: Counter[Outcome], size: int) -> None: ...


class Writer:
    """Writes the batches of one mailbox.

    Args:
        fence: the first statement of each transaction; raises `LeaseLost` to prevent the commit.
        also: the last one, told the batch's outcomes and the bytes of its originals.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        uidvalidity: int,
        *,
        fence: Callable[[], None],
        also: InTransaction,
    ) -> None:
        self._mailbox = mailbox
        self._uidvalidity = uidvalidity
        self._fence = fence
        self._also = also

    def write(self, batch: Sequence[Incoming]) -> None:
        """Write `batch`; once this returns, it is committed.

        What the database refuses for its data is tried again in halves, down to the one message
        that it means, and that one is quarantined.

        Raises:
            LeaseLost, StorageError, FolderFull, DatabaseError: nothing of the part being written
                was committed.
        """
        if not batch:
            return
        try:
            self._commit(batch)
        except (DatabaseError, *DATA_ERRORS) as error:
            if not refused_for_data(error):
                raise
            if len(batch) == 1:
                self._quarantine(batch[0])
                return
            middle = len(batch) // 2
            self.write(batch[:middle])
            self.write(batch[middle:])

    def _quarantine(self, incoming: Incoming) -> None:
        refused = DatabaseRefusedMessage()
        self._commit([Incoming(incoming.uid, incoming.received_at, incoming.original, refused)])

    def _commit(self, batch: Sequence[Incoming]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with transaction.atomic(durable=True):
                    self._write(batch)
                cross(Crossing.BATCH_COMMITTED)
                self._log_quarantined(batch)
                return
            except DatabaseError as error:
                if attempt == _ATTEMPTS or not worth_retrying(error):
                    raise
            time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311 (no secret)

    def _log_quarantined(self, batch: Sequence[Incoming]) -> None:
        for each in batch:
            if isinstance(each.parsed, MessageError):
                # Nothing of the mail itself: logs are read by others than mail is.
                logger.warning(
                    "Quarantined UID %d of mailbox %d (%r): %s: %s",
                    each.uid,
                    self._mailbox.pk,
                    self._mailbox.name,
                    each.parsed.code,
                    each.parsed,
                )

    def _write(self, batch: Sequence[Incoming]) -> None:
        self._fence()
        cross(Crossing.BATCH_BEGUN)
        keys = originals.insert([each.original for each in batch])
        cross(Crossing.ORIGINALS_INSERTED)
        # Another account's worker may be archiving into this folder: what it holds is only
        # known for sure once its page is locked.
        parent = pages.lock_folder(self._mailbox.folder_id)
        messages = _messages_of(parent.pk, keys.values())
        decided: list[_Decided] = []
        new: dict[int, tuple[Incoming, ParsedMessage]] = {}
        for each in batch:
            original_id = keys[each.original.sha256]
            if isinstance(each.parsed, MessageError):
                outcome = Outcome.QUARANTINED
            elif original_id in messages or original_id in new:
                outcome = Outcome.DUPLICATE
            else:
                outcome = Outcome.ARCHIVED
                new[original_id] = each, each.parsed
            decided.append((each, original_id, outcome))
        now = timezone.now()
        if new:
            messages |= _insert_messages(parent, new, now)
        cross(Crossing.PAGES_INSERTED)
        self._record(decided, messages, now)
        cross(Crossing.LEDGER_WRITTEN)
        outcomes = Counter(outcome for _, _, outcome in decided)
        self._also(outcomes, sum(each.original.size for each in batch))
        cross(Crossing.RUN_COUNTED)

    def _record(self, decided: Sequence[_Decided], messages: dict[int, int], now: datetime) -> None:
        rows.insert(
            LedgerEntry,
            (*_ENTRY, *_DECISION, "seen_at", "presence"),
            [
                (
                    self._mailbox.pk,
                    self._uidvalidity,
                    incoming.uid,
                    outcome,
                    incoming.original.size,
                    incoming.received_at,
                    original_id,
                    None if outcome is Outcome.QUARANTINED else messages[original_id],
                    now,
                    *_reason(incoming.parsed),
                    now,
                    Presence.PRESENT,
                )
                for incoming, original_id, outcome in decided
            ],
            unique=_ENTRY,
            update=_DECISION,
        )


def _reason(parsed: ParsedMessage | MessageError) -> tuple[str, dict[str, str | int]]:
    return (parsed.code, parsed.params) if isinstance(parsed, MessageError) else ("", {})


def _messages_of(folder_id: int, original_ids: Iterable[int]) -> dict[int, int]:
    """Return what the folder holds already of these originals: the messages' keys by theirs."""
    found = EmailMessagePage.objects.filter(folder_id=folder_id, original__in=list(original_ids))
    return dict(found.values_list("original_id", "pk"))


def _insert_messages(
    parent: Page, new: dict[int, tuple[Incoming, ParsedMessage]], now: datetime
) -> dict[int, int]:
    """Insert pages for `new`, whose keys are originals'; return the pages' keys by those."""
    values = [
        records.message_values(
            parent.pk, original_id, incoming.original.size, parsed, incoming.received_at, now
        )
        for original_id, (incoming, parsed) in new.items()
    ]
    keys = pages.insert(parent, values, [each.original.sha256 for each, _ in new.values()])
    moments = [each["sorted_at"] for each in values]
    attachments: list[Row] = []
    references: list[Row] = []
    texts: list[list[Any]] = []
    for key, moment, (_, parsed) in zip(keys, moments, new.values(), strict=True):
        attachments += records.attachment_rows(key, parsed.attachments)
        references += records.reference_rows(key, parsed)
        texts.append(records.text_row(key, parent.pk, moment, parsed))
    rows.insert(Attachment, records.ATTACHMENT, attachments)
    rows.insert(MessageReference, records.REFERENCE, references)
    _make_keys_unique(texts)
    # In order, because FTS5 is quickest where its keys rise.
    rows.insert(MessageText, records.TEXT, sorted(texts, key=itemgetter(0)))
    month_counts.add(parent.pk, moments)
    return dict(zip(new, keys, strict=True))


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
