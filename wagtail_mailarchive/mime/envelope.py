"""What a message says of itself in four header fields, read where nothing else could be read.

For mail that is no page: in quarantine, or left on the server. It is read in the process that
writes, so only the beginning of the header is looked at, and nothing of it is parsed deeply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .addresses import read_addresses
from .dates import read_date
from .headers import message_ids, read_fields
from .message import storable
from .words import decode_words

# Of the header: servers put Received lines before, rarely more than some 20 kB.
HEADER_BYTES = 64 * 1024
# Of one field: no honest subject is longer, and a bomb's beginning is enough to find it.
FIELD_BYTES = 8 * 1024

_HEADER_END = re.compile(rb"\n\r?\n")
_WANTED = frozenset((b"message-id", b"subject", b"from", b"date"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EnvelopeFields:
    """Four fields, each "" or None where it is missing or unreadable; no NUL, no surrogates.

    Attributes:
        message_id: without angle brackets.
        sender: name and address of the first mailbox in From, as one text.
        sent_at: aware, in UTC.
    """

    message_id: str = ""
    subject: str = ""
    sender: str = ""
    sent_at: datetime | None = None


def read_envelope(raw: bytes) -> EnvelopeFields:
    """Return what the header at the beginning of `raw` says; never raises, whatever it holds.

    Args:
        raw: a message, its beginning, or some of its header fields.
    """
    head = raw[:HEADER_BYTES]
    if b"\n" not in head:  # old Macintoshes
        head = head.replace(b"\r", b"\n")
    head = _HEADER_END.split(b"\n" + head, 1)[0]
    fields = read_fields(head, _WANTED, set())
    found = {name: values[0][:FIELD_BYTES] for name, values in fields.items()}
    # The whole of it, because its digest has to be the one of the whole.
    ids = message_ids(fields.get("message-id", []))
    senders = read_addresses([found.get("from", b"")], set())
    sender = senders[0] if senders else None
    seconds, _ = read_date(found.get("date", b""))
    return EnvelopeFields(
        message_id=storable(ids[0]) if ids else "",
        subject=storable(decode_words(found.get("subject", b""))),
        sender=storable(f"{sender.name} {sender.address}".strip()) if sender else "",
        sent_at=None if seconds is None else _EPOCH + timedelta(seconds=seconds),
    )
