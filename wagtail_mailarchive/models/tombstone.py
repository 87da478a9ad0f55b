"""`Tombstone`: what stays of an erased message, so that it never comes back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .trash import LONGEST_REASON


class Tombstone(models.Model):
    """An original that this folder does not take any more, whatever account brings it.

    Attributes:
        sha256: the original's; of the message itself nothing is kept.
        reason: why it was erased; "" where the trash was emptied by time.
        user: null where the schedule did it, and for users who are no more.
        comments: [[name, moment, text], ...] of readers' comments, where they were to be kept.
        bytes_kept: another folder, or the quarantine of one, held the original at that time.
    """

    sha256 = models.CharField(max_length=64)
    folder = models.ForeignKey("EmailFolderPage", on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    erased_at = models.DateTimeField()
    comments = models.JSONField(default=list)
    bytes_kept = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("tombstone")
        verbose_name_plural = _("tombstones")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["sha256", "folder"], name="mailarchive_tombstone")
        ]

    def __str__(self) -> str:
        return self.sha256
