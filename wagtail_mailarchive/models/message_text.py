"""`MessageText`: what search looks through, and the text that the message page shows.

Its key sorts by date (see `sort_key`), which lets SQLite's FTS5 return the newest hits without
sorting all of them. The full-text index itself (an FTS5 table kept by triggers, or a generated
tsvector column) is made by a migration, since models have no word for it.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models

SEQUENCE_BITS = 20


def sort_key(moment: datetime, sequence: int) -> int:
    """Return seconds since 1970 x 2^20 + the lower 20 bits of `sequence`."""
    seconds = int(moment.timestamp())
    return (seconds << SEQUENCE_BITS) + (sequence & ((1 << SEQUENCE_BITS) - 1))


class MessageText(models.Model):
    """The searchable text of one message.

    Attributes:
        id: `sort_key` of the message's `sorted_at` and a number that makes it unique.
        scope: the folder as one word of the index, see `scope_of`.
        people: names and addresses of sender and recipients, and the addresses' parts.
        body: the text as read; see `ParsedMessage.text`.
    """

    id = models.BigIntegerField(primary_key=True)
    message = models.OneToOneField(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="text_entry"
    )
    scope = models.CharField(max_length=30)
    subject = models.TextField(blank=True)
    people = models.TextField(blank=True)
    body = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.subject


def scope_of(folder_id: int) -> str:
    """Return the word that stands for a folder in the index.

    Mail may hold this very word, so the index keeps it where no text comes: see migration 0002.
    """
    return f"folder{folder_id}"
