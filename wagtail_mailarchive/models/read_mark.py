"""`ReadMark`: how far a reader has come in a thread; nobody else sees it."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ReadMark(models.Model):
    """One row for each signed-in reader and each thread that they opened.

    Messages are compared by their keys, which rise in the order in which a folder's mail is
    archived: by a clock, mail that is committed while the page is being made would count as seen.

    Attributes:
        seen_before: the highest key of the thread's messages when the present visit began; what
            is above it is new to the reader. 0 during the first visit.
        seen_until: the same when the page was last shown.
        visited_at: when that was; a pause of `reading.read_marks.PAUSE` ends a visit.
    """

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    thread = models.ForeignKey("Thread", on_delete=models.CASCADE, related_name="+", db_index=False)
    seen_before = models.BigIntegerField(default=0)
    seen_until = models.BigIntegerField()
    visited_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["thread", "reader"], name="mailarchive_one_mark_per_reader"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reader_id}: thread {self.thread_id}"
