"""One batch of fetched messages, written in one transaction.

Originals, pages, attachments, references, search rows, month counts and ledger entries commit
together or not at all, after the fence has proved that the account is still ours.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.db import DatabaseError, transaction
from django.utils import timezone

from ..exceptions import DatabaseRefusedMessage, MessageError
from ..mime.message import ParsedMessage
from ..models import (
    Attachment,
    EmailMessagePage,
    LedgerEntry,
    Mailbox,
    MessageReference,
    MessageText,
    Original,
    Outcome,
)
from . import month_counts, originals, pages, records
from .database_errors import DATA_ERRORS, refused_for_data, worth_retrying
from .originals import PreparedOriginal

_ATTEMPTS = 5

# What becomes of one message of a batch.
_Decided = tuple["Incoming", Original, Outcome, EmailMessagePage | None]


@dataclass(slots=True)
class Incoming:
    """One message on its way into the archive.

    Attributes:
        parsed: what it says, or why it could not be read; then it is quarantined.
    """

    uid: int
    received_at: datetime | None
    original: PreparedOriginal
    parsed: ParsedMessage | MessageError = field(repr=False)


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
                return
            except DatabaseError as error:
                if attempt == _ATTEMPTS or not worth_retrying(error):
                    raise
            time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311 (no secret)

    def _write(self, batch: Sequence[Incoming]) -> None:
        self._fence()
        rows = originals.insert([each.original for each in batch])
        # Another account's worker may be archiving into this folder: what it holds is only
        # known for sure once its page is locked.
        parent = pages.lock_folder(self._mailbox.folder_id)
        known = _messages_of(parent.pk, rows)
        decided: list[_Decided] = []
        new: list[tuple[EmailMessagePage, ParsedMessage]] = []
        now = timezone.now()
        for each in batch:
            original = rows[each.original.sha256]
            if isinstance(each.parsed, MessageError):
                decided.append((each, original, Outcome.QUARANTINED, None))
            elif original.pk in known:
                decided.append((each, original, Outcome.DUPLICATE, known[original.pk]))
            else:
                message = records.message_record(
                    parent.pk, original, each.parsed, each.received_at, now
                )
                new.append((message, each.parsed))
                known[original.pk] = message
                decided.append((each, original, Outcome.ARCHIVED, message))
        if new:
            pages.insert(parent, [m for m, _ in new], [m.original.sha256 for m, _ in new])
            _insert_parts(new)
            month_counts.add(parent.pk, [message.sorted_at for message, _ in new])
        self._record(decided, now)
        outcomes = Counter(outcome for _, _, outcome, _ in decided)
        self._also(outcomes, sum(each.original.size for each in batch))

    def _record(self, decided: Sequence[_Decided], now: datetime) -> None:
        LedgerEntry.objects.bulk_create(
            [
                LedgerEntry(
                    mailbox=self._mailbox,
                    uidvalidity=self._uidvalidity,
                    uid=incoming.uid,
                    outcome=outcome,
                    size=original.size,
                    received_at=incoming.received_at,
                    original=original,
                    message=message,
                    decided_at=now,
                    **_reason(incoming.parsed),
                )
                for incoming, original, outcome, message in decided
            ],
            update_conflicts=True,
            unique_fields=["mailbox", "uidvalidity", "uid"],
            update_fields=[
                "outcome",
                "size",
                "received_at",
                "original",
                "message",
                "decided_at",
                "reason_code",
                "reason_params",
            ],
        )


def _reason(parsed: ParsedMessage | MessageError) -> dict[str, object]:
    if isinstance(parsed, MessageError):
        return {"reason_code": parsed.code, "reason_params": parsed.params}
    return {}


def _messages_of(folder_id: int, rows: dict[str, Original]) -> dict[int, EmailMessagePage]:
    """Return what the folder holds already of these originals, by the original's key."""
    found = EmailMessagePage.objects.filter(
        folder_id=folder_id, original__in=[row.pk for row in rows.values()]
    ).only("pk", "original_id")
    return {message.original_id: message for message in found}


def _insert_parts(new: Sequence[tuple[EmailMessagePage, ParsedMessage]]) -> None:
    Attachment.objects.bulk_create(
        [
            row
            for message, parsed in new
            for row in records.attachment_records(message.pk, parsed.attachments)
        ],
        batch_size=1000,
    )
    MessageReference.objects.bulk_create(
        [row for message, parsed in new for row in records.reference_records(message.pk, parsed)],
        batch_size=1000,
    )
    texts = [records.text_record(message, parsed) for message, parsed in new]
    _make_keys_unique(texts)
    # In order, because FTS5 is quickest where its keys rise.
    MessageText.objects.bulk_create(sorted(texts, key=lambda row: row.pk))


def _make_keys_unique(texts: Sequence[MessageText]) -> None:
    """Count keys up that are taken: another message of the same second, 2^20 pages away."""
    taken = set(
        MessageText.objects.filter(pk__in=[row.pk for row in texts]).values_list("pk", flat=True)
    )
    for row in texts:
        while row.pk in taken:
            row.pk += 1
            if MessageText.objects.filter(pk=row.pk).exists():
                taken.add(row.pk)
        taken.add(row.pk)
