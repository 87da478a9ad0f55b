"""`Original`: the exact bytes of one message, kept once per content, never altered.

The header row names its own store, so a site may change `ORIGINALS_STORAGE` at any time. In the
database the bytes are chunk rows of at most 1 MiB each, so that 50 MB never is one parameter.
`archive.originals` reads and writes both.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

CHUNK_SIZE = 1024 * 1024
DATABASE = ""


# Wagtail brings no types, so the manager of messages that refer here cannot be told.
class Original(models.Model):  # type: ignore[django-manager-missing]
    """Header of one original.

    Attributes:
        sha256: lower-case hex digest of the bytes.
        size: number of bytes.
        store: a storage alias of the site, or "" for `OriginalChunk` rows.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField()
    store = models.CharField(max_length=100, default=DATABASE, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("original")
        verbose_name_plural = _("originals")

    def __str__(self) -> str:
        return self.sha256


class OriginalChunk(models.Model):
    """`CHUNK_SIZE` bytes of an original (the last one: what is left).

    Attributes:
        number: from 0.
        deflated: whether `data` is zlib's; it is where that paid.
    """

    original = models.ForeignKey(
        Original, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    number = models.PositiveIntegerField()
    deflated = models.BooleanField(default=False)
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["original", "number"], name="mailarchive_chunk_of_original"
            )
        ]

    def __str__(self) -> str:
        return f"{self.original_id}/{self.number}"
