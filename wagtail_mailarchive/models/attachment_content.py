"""`AttachmentContent`: what is in an attachment, read once however often it was sent."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ContentState(models.TextChoices):
    """What became of reading it."""

    WAITING = "waiting", _("not read yet")
    READ = "read", _("read")
    UNSUPPORTED = "unsupported", _("of a kind that is not read")
    LACKING = "lacking", _("needs an extra that is not installed")
    ENCRYPTED = "encrypted", _("encrypted")
    TOO_LARGE = "too_large", _("too large")
    TOO_SLOW = "too_slow", _("took too long")
    FAILED = "failed", _("could not be read")
    MISSING = "missing", _("its original could not be read")


class AttachmentContent(models.Model):
    """The content of all attachments of one SHA-256.

    A row is inserted, waiting, together with the first such attachment; see `archive.contents`.

    Attributes:
        text: what is said in it, cut; see `mime.contents.limits`. "" for an image.
        picture: an image of it, or of its first page, as WebP; empty for none.
        width, height: of the picture, in pixels; 0 for none.
        read_by: the `mime.contents.VERSION` that read it; 0 for none.
    """

    sha256 = models.CharField(max_length=64)
    state = models.CharField(
        max_length=12, choices=ContentState.choices, default=ContentState.WAITING
    )
    text = models.TextField(blank=True)
    picture = models.BinaryField(blank=True, default=b"")
    width = models.PositiveSmallIntegerField(default=0)
    height = models.PositiveSmallIntegerField(default=0)
    read_by = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("content of attachments")
        verbose_name_plural = _("contents of attachments")
        default_permissions = ()
        # As a constraint: `unique=True` would have PostgreSQL keep another index, for LIKE.
        constraints = [models.UniqueConstraint(fields=["sha256"], name="mailarchive_content")]
        indexes = [models.Index(fields=["state", "id"], name="mailarchive_content_state")]

    def __str__(self) -> str:
        return self.sha256
