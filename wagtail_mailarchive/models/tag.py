"""`MailTag` and `TaggedMessage`: words by which people put mail in order (django-taggit).

Mail has tags of its own, apart from those of images and documents: who may see those need not be
told of what is in mail. A thread's tags are those of its messages, so that they stay right
when threads are merged, split or read anew. `archive.tagging` writes both.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from taggit.models import ItemBase, TagBase

MAX_TAG: Final = 50  # characters
MOST_TAGS: Final = 50  # of one message


class MailTag(TagBase):
    """A tag.

    Attributes:
        key: its words, folded; "Budget 2026" and "budget-2026" are one tag.
        mark: what stands for it in the search index.
    """

    key = models.CharField(max_length=200, unique=True)
    mark = models.CharField(max_length=20, unique=True)

    class Meta:
        verbose_name = _("tag of mail")
        verbose_name_plural = _("tags of mail")
        default_permissions = ()


class TaggedMessage(ItemBase):
    """A message bears a tag.

    Attributes:
        folder: the message's.
        tagged_by: null once the user is deleted.
    """

    tag = models.ForeignKey(
        MailTag, on_delete=models.CASCADE, related_name="tagged", verbose_name=_("tag")
    )
    content_object = models.ForeignKey(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="tagged_items", db_index=False
    )
    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    tagged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    tagged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("tagged message")
        verbose_name_plural = _("tagged messages")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["content_object", "tag"], name="mailarchive_tag_once")
        ]
        indexes = [
            models.Index(fields=["folder", "tag", "content_object"], name="mailarchive_tags")
        ]
