"""`MessageText`: what search looks through, and the text that the message page shows.

Its key sorts by date (see `sort_key`), which lets SQLite's FTS5 return the newest hits without
sorting all of them. The full-text index itself (an FTS5 table kept by triggers, or a tsvector
column kept by one) is made by a migration, since models have no word for it.
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
    """The searchable text of one message, and what hits are counted by.

    Attributes:
        id: `sort_key` of the message's `sorted_at` and a number that makes it unique.
        folder: the message's.
        scope: the folder as one word of the index, see `scope_of`.
        people: names and addresses of sender and recipients, and the addresses' parts.
        body: the text as read; see `ParsedMessage.text`.
        files: names of attachments, one a line.
        attached: text inside attachments; see `archive.search.contents`.
        marks: words of ours that stand for what is not text, see `archive.search.marks`.
        cjk: pairs of neighbouring characters, for scripts that put no spaces between words.
        sender: the sender's address in lower case.
        list_id, size, has_attachment: as the message says.
    """

    # SQLite reads a row from its beginning: what lists ask for stands before what is long.
    id = models.BigIntegerField(primary_key=True)
    message = models.OneToOneField(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="text_entry"
    )
    # No constraint: the message's own ties it to the folder, and each would cost a look-up.
    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    sender = models.CharField(max_length=320, blank=True)
    list_id = models.CharField(max_length=255, blank=True)
    size = models.BigIntegerField(default=0)
    has_attachment = models.BooleanField(default=False)
    scope = models.CharField(max_length=30)
    subject = models.TextField(blank=True)
    people = models.TextField(blank=True)
    files = models.TextField(blank=True)
    marks = models.TextField(blank=True)
    cjk = models.TextField(blank=True)
    body = models.TextField(blank=True)
    attached = models.TextField(blank=True)

    class Meta:
        indexes = [
            # The message is in each, so that lists are walked along without reading texts.
            models.Index(fields=["folder", "-id", "message"], name="mailarchive_text_newest"),
            models.Index(
                fields=["folder", "sender", "-id", "message"], name="mailarchive_text_of_sender"
            ),
            models.Index(
                fields=["folder", "list_id", "-id", "message"], name="mailarchive_text_of_list"
            ),
            models.Index(
                fields=["folder", "-id", "message"],
                name="mailarchive_text_attached",
                condition=models.Q(has_attachment=True),
            ),
        ]

    def __str__(self) -> str:
        return self.subject


def scope_of(folder_id: int) -> str:
    """Return the word that stands for a folder in the index.

    Mail may hold this very word, so the index keeps it where no text comes: see migration 0002.
    """
    return f"folder{folder_id}"
