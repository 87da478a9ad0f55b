"""`ChainEntry`: what came into a folder and when, each entry sealed by the next one's digest.

Nobody can change, leave out or put in an entry without changing every digest after it. That proves
something only to who keeps a digest elsewhere: see docs/explanation/durability.md.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ChainEntry(models.Model):
    """One original as it came into a folder. Written once, with the batch, and never changed.

    Attributes:
        number: from 1, without gaps.
        sha256: the original's.
        mailbox: the name of the mailbox it was read from.
        archived_at: aware, in microseconds.
        digest: of the previous entry's digest and of all of the above; see `archive.chain`.
    """

    # Without an index of its own: the constraint's serves, and each costs every message time.
    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="chain", db_index=False
    )
    number = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    mailbox = models.CharField(max_length=500)
    archived_at = models.DateTimeField()
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("chain entry")
        verbose_name_plural = _("chain entries")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["folder", "number"], name="mailarchive_chain_without_forks"
            )
        ]

    def __str__(self) -> str:
        return f"{self.folder_id}/{self.number}"
