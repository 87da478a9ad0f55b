"""The trash: what readers have no more, and can have back.

A message in the trash keeps its page, its original and all that people wrote about it, but is
counted, searched and listed nowhere. A folder in the trash is hidden in place, with all its mail.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_REASON = 500


class TrashEntry(models.Model):
    """A message in the trash of its folder.

    Attributes:
        user: who put it there; null for users who are no more.
        was_live: whether it was published, and is to be again.
        text: its row of `MessageText` by column, which search no longer holds; empty if none.
        to_erase: a manager wants it gone; the worker does it.
    """

    message = models.OneToOneField(
        "EmailMessagePage", on_delete=models.CASCADE, related_name="trash_entry"
    )
    # The constraint below and the index serve whoever asks by folder.
    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    trashed_at = models.DateTimeField()
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    was_live = models.BooleanField(default=True)
    text = models.JSONField(default=dict)
    to_erase = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("message in the trash")
        verbose_name_plural = _("messages in the trash")
        default_permissions = ()
        permissions = [("trash_mail", _("Can move mail to the trash and restore it"))]
        indexes = [
            models.Index(fields=["folder", "-id"], name="mailarchive_trash_newest"),
            models.Index(fields=["folder", "trashed_at"], name="mailarchive_trash_age"),
            models.Index(
                fields=["folder", "id"],
                name="mailarchive_trash_to_erase",
                condition=models.Q(to_erase=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.message_id)


class TrashedFolder(models.Model):
    """A folder that was put into the trash as a whole: hidden where it is, and fetched no more.

    Publishing it again takes it out.

    Attributes:
        was_live: whether it was published, and is to be again.
        to_erase: a manager wants it gone with all its mail; the worker does it.
    """

    folder = models.OneToOneField(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="trashed"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    trashed_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    was_live = models.BooleanField(default=True)
    to_erase = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("email folder in the trash")
        verbose_name_plural = _("email folders in the trash")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.folder_id)
