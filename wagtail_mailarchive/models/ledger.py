"""The ledger: one row per message ever seen in a mailbox.

*Outcome* says what we did with it, *presence* whether it is still there. Over the rows present the
outcomes add up to what the server holds; `fetching.tally` says so after every run.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    WAITING = "waiting", _("waiting")
    ARCHIVED = "archived", _("archived")
    DUPLICATE = "duplicate", _("duplicate")
    EXCLUDED = "excluded", _("excluded")
    QUARANTINED = "quarantined", _("quarantined")
    TOO_LARGE = "too_large", _("too large")
    ERASED = "erased", _("erased")


class Presence(models.TextChoices):
    PRESENT = "present", _("on the server")
    REMOVAL_PENDING = "pending", _("removal pending")
    REMOVED = "removed", _("removed by us")
    GONE = "gone", _("gone from the server")


class LedgerEntry(models.Model):
    """One message in one mailbox, by (UIDVALIDITY, UID).

    Attributes:
        uidl: what a POP3 server calls it (RFC 1939 section 7), "" elsewhere. There `uid` is a
            number of our own, and `uidvalidity` is 0.
        size: RFC822.SIZE as the server claimed, in bytes; null until asked.
        message: the page that holds it; for a duplicate, the page of its first copy.
        original: set as soon as the bytes are here, so also for quarantined messages.
        reason_code, reason_params: an error of `exceptions`, for quarantined messages and for
            waiting ones that could not be read.
        failed_in: id of the last run in which the server did not hand it over when it was asked
            for alone; null if it never failed so.
    """

    mailbox = models.ForeignKey("Mailbox", on_delete=models.PROTECT, related_name="entries")
    uidvalidity = models.BigIntegerField()
    uid = models.BigIntegerField()
    # A default of the database's, because batches insert no column that has nothing to say.
    uidl = models.CharField(max_length=200, blank=True, db_default="")
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.WAITING)
    presence = models.CharField(max_length=8, choices=Presence.choices, default=Presence.PRESENT)
    size = models.BigIntegerField(null=True)
    received_at = models.DateTimeField(null=True)
    original = models.ForeignKey(
        "Original", null=True, on_delete=models.PROTECT, related_name="entries"
    )
    message = models.ForeignKey(
        "EmailMessagePage", null=True, on_delete=models.PROTECT, related_name="entries"
    )
    reason_code = models.CharField(max_length=60, blank=True)
    reason_params = models.JSONField(default=dict, blank=True)
    failed_in = models.BigIntegerField(null=True)
    seen_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox", "uidvalidity", "uid"], name="mailarchive_entry_by_uid"
            )
        ]
        indexes = [
            # What is left to do, and the tallies, without walking what is done.
            models.Index(
                fields=["mailbox", "outcome"],
                name="mailarchive_entry_undone",
                condition=~models.Q(outcome__in=["archived", "duplicate"]),
            ),
            # What one run did.
            models.Index(fields=["mailbox", "decided_at"], name="mailarchive_entry_decided"),
        ]

    def __str__(self) -> str:
        return f"{self.uidvalidity}/{self.uid}"
