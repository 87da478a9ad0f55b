"""One batch of fetched messages, written in one transaction.

Originals, pages, attachments, references, search rows, month counts, the chain and ledger entries
commit together or not at all, after the fence has proved that the account is still ours.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from django.utils import timezone

from ..crossings import Crossing, cross
from ..exceptions import DatabaseRefusedMessage, MessageError
from ..mime.message import ParsedMessage
from ..models import LedgerEntry, Mailbox, Outcome, Presence
from . import chain, envelopes, erasing, facets, messages, originals, pages, rows
from .chain import Arrival
from .dates import showable
from .messages import NewMessage
from .originals import PreparedOriginal
from .transactions import commit, in_halves

logger = logging.getLogger("wagtail_mailarchive.archive")

_ENTRY = ("mailbox_id", "uidvalidity", "uid")
_DECISION = (
    *("outcome", "size", "received_at", "original_id", "message_id", "decided_at"),
    *("reason_code", "reason_params"),
)

_WITH_PAGE = (Outcome.ARCHIVED, Outcome.DUPLICATE)

# What becomes of one message of a batch; the number is its original's key.
_Decided = tuple["Incoming", int, Outcome]


@dataclass(slots=True)
class Incoming:
    """One message on its way into the archive.

    Attributes:
        received_at: what the server says, in UTC; None where that is no time.
        parsed: what it says, or why it could not be read; then it is quarantined.
        source_thread: what the server calls its thread; None if nothing.
    """

    uid: int
    received_at: datetime | None
    original: PreparedOriginal
    parsed: ParsedMessage | MessageError = field(repr=False)
    source_thread: int | None = None

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
        in_halves(batch, self._commit, self._quarantine)

    def _quarantine(self, incoming: Incoming) -> None:
        self._commit([replace(incoming, parsed=DatabaseRefusedMessage())])

    def _commit(self, batch: Sequence[Incoming]) -> None:
        commit(lambda: self._write(batch))
        cross(Crossing.BATCH_COMMITTED)
        self._log_quarantined(batch)

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
        refused = erasing.held_back(parent.pk, keys)
        held = messages.of_originals(parent.pk, keys.values())
        decided: list[_Decided] = []
        new: dict[int, NewMessage] = {}
        for each in batch:
            original = each.original
            original_id = keys[original.sha256]
            if original.sha256 in refused:
                outcome = Outcome.ERASED
            elif isinstance(each.parsed, MessageError):
                outcome = Outcome.QUARANTINED
            elif original_id in held or original_id in new:
                outcome = Outcome.DUPLICATE
            else:
                outcome = Outcome.ARCHIVED
                new[original_id] = NewMessage(
                    original_id,
                    original.sha256,
                    original.size,
                    each.received_at,
                    each.parsed,
                    each.source_thread,
                )
            decided.append((each, original_id, outcome))
        now = timezone.now()
        held |= messages.insert(parent, list(new.values()), now)
        if self._mailbox.account_id is not None:
            came = {
                held[original_id] for _, original_id, outcome in decided if outcome in _WITH_PAGE
            }
            facets.add_account(self._mailbox.account_id, came, parent.pk)
        chain.append(
            parent.pk,
            [
                Arrival(each.original.sha256, self._mailbox.name)
                for each, _, outcome in decided
                if outcome in (Outcome.ARCHIVED, Outcome.QUARANTINED)
            ],
            now,
        )
        cross(Crossing.PAGES_INSERTED)
        self._record(decided, held, now)
        erasing.release(keys[sha256] for sha256 in refused)
        cross(Crossing.LEDGER_WRITTEN)
        outcomes = Counter(outcome for _, _, outcome in decided)
        self._also(outcomes, sum(each.original.size for each in batch))
        cross(Crossing.RUN_COUNTED)

    def _record(self, decided: Sequence[_Decided], held: dict[int, int], now: datetime) -> None:
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
                    None if outcome is Outcome.ERASED else original_id,
                    held[original_id] if outcome in _WITH_PAGE else None,
                    now,
                    *_reason(incoming.parsed if outcome is Outcome.QUARANTINED else None),
                    now,
                    Presence.PRESENT,
                )
                for incoming, original_id, outcome in decided
            ],
            unique=_ENTRY,
            update=_DECISION,
        )
        unread = {
            incoming.uid: original_id
            for incoming, original_id, outcome in decided
            if outcome is Outcome.QUARANTINED
        }
        if unread:
            headers = envelopes.beginnings(unread)
            threads = {incoming.uid: incoming.source_thread for incoming, *_ in decided}
            envelopes.keep(self._mailbox, self._uidvalidity, headers, threads)


def _reason(parsed: ParsedMessage | MessageError | None) -> tuple[str, dict[str, str | int]]:
    return (parsed.code, parsed.params) if isinstance(parsed, MessageError) else ("", {})
