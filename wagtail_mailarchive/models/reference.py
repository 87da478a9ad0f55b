"""Message-IDs as numbers: they may be kilobytes long, so an index holds 63 bits of their SHA-256.

Whoever looks one up compares the text as well.
"""

from __future__ import annotations

import hashlib


def message_id_digest(message_id: str) -> int:
    """Return 63 bits of the SHA-256 of `message_id` as a non-negative integer."""
    head = hashlib.sha256(message_id.encode("utf-8", "replace")).digest()[:8]
    return int.from_bytes(head, "big") >> 1
