"""What joins a message with others: msg-ids that count, and keys that messages of a thread share.

No database here. Two messages belong together where they share a key, or where one answers the
other by In-Reply-To and both are archived. Both can be told of any two messages alone, so threads
come out the same in whatever order messages arrive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..mime.subjects import canonical_subject

# Of References: the first names the thread's beginning, the last are nearest. Mail programs drop
# those in the middle themselves (RFC 5537 section 3.4.4 lets them).
_FIRST, _LAST = 1, 50


@dataclass(frozen=True, slots=True)
class Links:
    """What a message says of its thread.

    Attributes:
        message_id: "" if it has none.
        reply_to: the msg-id that it answers; "" if none. See `reply_to`.
        keys: what it shares with others about the same subject.
    """

    message_id: str
    reply_to: str
    keys: frozenset[int]


def links(
    folder_id: int,
    *,
    message_id: str,
    in_reply_to: Sequence[str],
    references: Sequence[str],
    subject: str,
    source_thread: int | None,
) -> Links:
    """Return what joins a message with others of its folder.

    References join two messages only where both are about the same subject, also through a
    message that is not archived. The thread that the server knows is a hint of that kind, too.
    """
    answered = reply_to(message_id, in_reply_to)
    names = {message_id, answered, *counted_references(message_id, in_reply_to, references)} - {""}
    topic = hashlib.sha256(canonical_subject(subject).encode("utf-8", "replace")).hexdigest()
    keys = {_digest(f"{folder_id} {topic} {name}") for name in names}
    if source_thread is not None:
        # No msg-id holds a blank.
        keys.add(_digest(f"{folder_id} {topic} source {source_thread}"))
    return Links(message_id, answered, frozenset(keys))


def direct_key(folder_id: int, message_id: str) -> int:
    """Return what a message and its answers share, whatever they are about.

    It counts once both a message of that Message-ID and an answer to it are archived: two answers
    alone, about different subjects, are none of each other's business.
    """
    return _digest(f"{folder_id} direct {message_id}")


def reply_to(message_id: str, in_reply_to: Sequence[str]) -> str:
    """Return the msg-id in In-Reply-To that counts: the first that is not the message itself."""
    return next((name for name in in_reply_to if name != message_id), "")


def counted_references(
    message_id: str, in_reply_to: Sequence[str], references: Sequence[str]
) -> list[str]:
    """Return the msg-ids in References that count, in order.

    None do where In-Reply-To names a message that they do not: the two contradict each other, and
    In-Reply-To is what the mail program had in hand.
    """
    answered = reply_to(message_id, in_reply_to)
    if answered and answered not in references:
        return []
    names = [name for name in dict.fromkeys(references) if name != message_id]
    if len(names) <= _FIRST + _LAST:
        return names
    return [*names[:_FIRST], *names[-_LAST:]]


def _digest(text: str) -> int:
    head = hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]
    return int.from_bytes(head, "big") >> 1
