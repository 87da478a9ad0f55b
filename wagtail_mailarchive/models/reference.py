"""`MessageReference`: which Message-IDs a message names, findable by digest.

A Message-ID may be kilobytes long, so the index holds 63 bits of its SHA-256 and whoever looks one
up compares the text as well.
"""

from __future__ import annotations

import hashlib

from django.db import models


def message_id_digest(message_id: str) -> int:
    """Return 63 bits of the SHA-256 of `message_id` as a non-negative integer."""
    head = hashlib.sha256(message_id.encode("utf-8", "replace")).digest()[:8]
    return int.from_bytes(head, "big") >> 1


class MessageReference(models.Model):
    """One msg-id out of References or In-Reply-To (RFC 5322 section 3.6.4).

    Attributes:
        digest: `message_id_digest` of the msg-id named.
        position: from 0; In-Reply-To comes after References.
    """

    message = models.ForeignKey(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="reference_digests"
    )
    digest = models.BigIntegerField()
    position = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["digest"], name="mailarchive_reference_digest")]

    def __str__(self) -> str:
        return str(self.digest)
