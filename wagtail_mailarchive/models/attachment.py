"""`Attachment`: a part of a message, as a byte range of its original."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AttachmentKind(models.TextChoices):
    """What people look for by; values are those of `mime.kinds`."""

    IMAGE = "image", _("Images")
    PDF = "pdf", _("PDF")
    DOCUMENT = "document", _("Documents")
    SHEET = "sheet", _("Spreadsheets")
    SLIDES = "slides", _("Presentations")
    ARCHIVE = "archive", _("Archives")
    AUDIO = "audio", _("Audio")
    VIDEO = "video", _("Video")
    MESSAGE = "message", _("Messages")
    CALENDAR = "calendar", _("Invitations")
    OTHER = "other", _("Other files")


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
        is_inline: an image shown in the text: logos and smileys mostly, which lists leave out.
        folder, sorted_at, sender_address: of the message, the address in lower case; kept here so
            that one index serves each list of a folder's attachments and its order.
    """

    message = models.ForeignKey(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="attachments", db_index=False
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
    kind = models.CharField(max_length=10, choices=AttachmentKind.choices)
    is_inline = models.BooleanField()
    # Each of them costs while archiving: the message guards the folder already.
    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    sorted_at = models.DateTimeField()
    sender_address = models.CharField(max_length=320, blank=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "position"], name="mailarchive_attachment_position"
            )
        ]
        indexes = [
            models.Index(
                fields=["folder", "-sorted_at", "-id"],
                name="mailarchive_attached",
                condition=models.Q(is_inline=False),
            ),
            models.Index(
                fields=["folder", "kind", "-sorted_at", "-id"],
                name="mailarchive_attached_kind",
                condition=models.Q(is_inline=False),
            ),
            models.Index(
                fields=["folder", "sender_address", "-sorted_at", "-id"],
                name="mailarchive_attached_by",
                condition=models.Q(is_inline=False),
            ),
            models.Index(
                fields=["folder", "-sorted_at", "-id"],
                name="mailarchive_inline",
                condition=models.Q(is_inline=True),
            ),
            models.Index(fields=["sha256"], name="mailarchive_attached_content"),
        ]

    def __str__(self) -> str:
        return self.filename or self.content_type
