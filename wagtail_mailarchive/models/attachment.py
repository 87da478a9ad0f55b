"""`Attachment`: a part of a message, as a byte range of its original."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Attachment(models.Model):
    """One leaf part that is not a body; inline images too.

    Attributes:
        position: from 0, in the message's order.
        section: IMAP section number, e.g. "2.1".
        filename: as the sender named it, one line without folders; never used as a path.
        size: decoded bytes; `sha256` is of the decoded bytes as well.
        start, length: the still encoded bytes in the original.
        encoding: transfer encoding that decodes them.
        content_id: without angle brackets; what `cid:` addresses name.
    """

    message = models.ForeignKey(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="attachments"
    )
    position = models.PositiveIntegerField()
    section = models.CharField(max_length=200, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=255)
    disposition = models.CharField(max_length=10, blank=True)
    content_id = models.CharField(max_length=998, blank=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    start = models.BigIntegerField()
    length = models.BigIntegerField()
    encoding = models.CharField(max_length=20)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "position"], name="mailarchive_attachment_position"
            )
        ]

    def __str__(self) -> str:
        return self.filename or self.content_type
