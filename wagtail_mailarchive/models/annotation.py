"""`Annotation`: a note about a passage of a message's text, and the replies to it.

What it is about is kept as the Web Annotation Data Model has it (W3C, 2017): the words themselves
with what stands around them (TextQuoteSelector) and where they stand (TextPositionSelector), bound
to the original by its hash. `archive.quotations` finds the passage again.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MAX_NOTE: Final = 4_000  # characters
MAX_QUOTATION: Final = 2_000  # characters
CONTEXT: Final = 32  # characters on either side of the quotation
MOST_OF_MESSAGE: Final = 500  # notes that all readers see, and as many of each reader's own
MOST_REPLIES: Final = 100  # to one note


def keep_what_was_shared(collector: Any, field: Any, rows: Any, using: str) -> None:
    """Delete the private notes of a user who goes; what was written for others stays."""
    models.CASCADE(collector, field, rows.filter(is_private=True), using)
    models.SET_NULL(collector, field, rows.filter(is_private=False), using)


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def visible_to(self, user: Any) -> AnnotationQuerySet:
        """Return what `user` may be shown of messages that they may read."""
        own = Q(author=user.pk) if user.is_authenticated else Q(pk__in=())
        return self.filter(Q(is_private=False) | own)

    def notes(self) -> AnnotationQuerySet:
        """Return notes without the replies to them."""
        return self.filter(parent=None)


class Annotation(models.Model):
    """A note about a passage, or a reply to a note.

    Attributes:
        folder: the message's.
        original_sha256: of the original that the text was read from.
        parent: the note that this replies to; never a reply itself.
        author: null once the user is deleted.
        author_name: as it was when this was written.
        is_private: for its author's eyes only; a reply is as private as its note.
        exact, prefix, suffix: the quotation and what stands around it; "" for replies.
        start, end: where it stood in the text, in characters (code points) from 0.
        note: plain; "" once it is deleted and only stands for the replies to it.
    """

    message = models.ForeignKey(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="annotations", db_index=False
    )
    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    original_sha256 = models.CharField(max_length=64)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="replies")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=keep_what_was_shared,
        null=True,
        related_name="+",
        db_index=False,
    )
    author_name = models.CharField(_("name"), max_length=100)
    is_private = models.BooleanField(_("only for me"), default=False)
    exact = models.TextField(blank=True)
    prefix = models.CharField(max_length=CONTEXT, blank=True)
    suffix = models.CharField(max_length=CONTEXT, blank=True)
    start = models.PositiveIntegerField(default=0)
    end = models.PositiveIntegerField(default=0)
    note = models.TextField(_("note"), max_length=MAX_NOTE)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        default_permissions = ()
        indexes = [
            models.Index(fields=["message", "start"], name="mailarchive_notes"),
            models.Index(
                fields=["folder", "-id"],
                name="mailarchive_folder_notes",
                condition=Q(parent=None),
            ),
            models.Index(fields=["author", "created_at"], name="mailarchive_notes_by"),
        ]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.note[:40]}"

    @property
    def web_annotation(self) -> dict[str, Any]:
        """The note as the Web Annotation Data Model has it, without addresses."""
        return {
            "@context": "http://www.w3.org/ns/anno.jsonld",
            "type": "Annotation",
            "motivation": "commenting",
            "created": self.created_at.isoformat(),
            "creator": {"type": "Person", "name": self.author_name},
            "body": {"type": "TextualBody", "value": self.note, "format": "text/plain"},
            "target": {
                "source": f"urn:sha256:{self.original_sha256}",
                "selector": [
                    {
                        "type": "TextQuoteSelector",
                        "exact": self.exact,
                        "prefix": self.prefix,
                        "suffix": self.suffix,
                    },
                    {"type": "TextPositionSelector", "start": self.start, "end": self.end},
                ],
            },
        }
