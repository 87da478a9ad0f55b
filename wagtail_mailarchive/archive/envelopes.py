"""Envelopes: what messages that are no pages say of themselves, kept so that they can be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..mime.envelope import HEADER_BYTES, EnvelopeFields, read_envelope
from ..models import Envelope, LedgerEntry, Mailbox, Original
from ..models.reference import message_id_digest
from . import originals, rows
from .dates import showable

_COLUMNS = ("message_id", "message_id_digest", "subject", "sender", "sent_at", "source_thread")
# Characters: RFC 5322 section 2.1.1 allows lines of 998, and nobody reads on.
_LONGEST = 998


def keep(
    mailbox: Mailbox,
    uidvalidity: int,
    headers: Mapping[int, bytes],
    source_threads: Mapping[int, int | None] | None = None,
) -> None:
    """Keep what `headers` say, by UID, of entries of the ledger; in the present transaction.

    Args:
        headers: the beginning of each message, or some of its header fields.
        source_threads: what the server calls their threads, by UID; None where it was not asked.
    """
    threads = source_threads or {}
    entries = LedgerEntry.objects.filter(
        mailbox=mailbox, uidvalidity=uidvalidity, uid__in=list(headers)
    )
    rows.insert(
        Envelope,
        ("entry_id", *_COLUMNS),
        [
            (entry_id, *_values(read_envelope(headers[uid])), threads.get(uid))
            for entry_id, uid in entries.values_list("pk", "uid")
        ],
        unique=("entry_id",),
        update=_COLUMNS,
    )


def beginnings(original_ids: Mapping[int, int]) -> dict[int, bytes]:
    """Return the beginnings of originals, in the same order of keys: UID -> bytes.

    Args:
        original_ids: UID -> key of an original.

    Raises:
        StorageError: a store cannot be read.
    """
    found = Original.objects.in_bulk(set(original_ids.values()))
    return {
        uid: originals.read(found[original_id], 0, HEADER_BYTES)
        for uid, original_id in original_ids.items()
    }


def _values(fields: EnvelopeFields) -> tuple[Any, ...]:
    name = fields.message_id
    return (
        name[:_LONGEST],
        # Of the whole, as for pages.
        message_id_digest(name) if name else None,
        fields.subject[:_LONGEST],
        fields.sender[:_LONGEST],
        showable(fields.sent_at),
    )
