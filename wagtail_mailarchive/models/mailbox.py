"""`Mailbox`: one mailbox of an account as last seen; the ledger's rows hang on it.

It outlives its account: removing an account keeps its mail and what the ledger knows of it. It
goes with its folder, but entries of the ledger keep both.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Mailbox(models.Model):
    """A mailbox on a server.

    Attributes:
        server: user and host that it was listed as; "" before its first listing. On another one,
            equal UIDs name other messages.
        is_archived: whether the account's last run took it to be among those to archive.
        uidvalidity: as at the last complete listing (RFC 3501 section 2.3.1.1); 32 bits.
        uidnext, exists: the server's numbers at that listing. While both stay the same, nothing
            came and nothing went. Where something is in doubt, `uidnext` is forgotten, so that
            the next fetch lists and compares all of it.
        problem_code, problem_params: why it is left out although all mailboxes are archived, an
            error of `exceptions`; "" if it was read at the last time.
    """

    account = models.ForeignKey(
        "MailAccount", null=True, on_delete=models.SET_NULL, related_name="known_mailboxes"
    )
    folder = models.ForeignKey("EmailFolderPage", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=500)
    server = models.CharField(max_length=520, blank=True)
    is_archived = models.BooleanField(default=True)
    uidvalidity = models.BigIntegerField(null=True)
    uidnext = models.BigIntegerField(null=True)
    exists = models.BigIntegerField(null=True)
    listed_at = models.DateTimeField(null=True)
    problem_code = models.CharField(max_length=60, blank=True)
    problem_params = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"], name="mailarchive_mailbox_of_account"
            )
        ]

    def __str__(self) -> str:
        return self.name
