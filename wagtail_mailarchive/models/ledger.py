"""The ledger: one row per message ever seen in a mailbox.

*Outcome* says what we did with it, *presence* whether it is still there. Over the rows present the
outcomes add up to what the server holds; `fetching.tally` says so after every run.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .account import AfterFetch


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
            number of our own, and `uidvalidity` is 0. Once a server has given a UID to another
            message, the row of the first has a negative one of our own.
        size: RFC822.SIZE as the server claimed, in bytes; null until asked.
        message: the page that holds it; for a duplicate, the page of its first copy.
        original: set as soon as the bytes are here, so also for quarantined messages.
        reason_code, reason_params: an error of `exceptions`: why a message is in quarantine, why
            a waiting one could not be read, why an archived one was not treated on the server as
            its account says.
        treated, treated_at: what was last done to it on the server after archiving it, and when
            the server said that it is done. Begun and not known to be done: `treated_at` is null,
            and where it takes the message away, `presence` is REMOVAL_PENDING.
        is_wanted: it is to be archived although it is larger than the limit.
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
    treated = models.CharField(max_length=10, choices=AfterFetch.choices, blank=True, db_default="")
    treated_at = models.DateTimeField(null=True)
    is_wanted = models.BooleanField(default=False, db_default=False)
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
            # What is left to do, and the tallies, without reading a row. Of all outcomes, because
            # SQLite does not see that a condition on some of them would hold for a question.
            models.Index(
                fields=["mailbox", "outcome", "presence"], name="mailarchive_entry_outcome"
            ),
            # What was begun on a server and has to be finished, whoever began it.
            models.Index(
                fields=["mailbox"],
                name="mailarchive_entry_pending",
                condition=models.Q(presence="pending"),
            ),
            # What one run did.
            models.Index(fields=["mailbox", "decided_at"], name="mailarchive_entry_decided"),
        ]

    def __str__(self) -> str:
        return f"{self.uidvalidity}/{self.uid}"


class Envelope(models.Model):
    """What a message says of itself that is no page: one in quarantine, or too large.

    Read forgivingly and cut to fit, so that it can be found.

    Attributes:
        message_id_digest: see `reference.message_id_digest`; null without a Message-ID.
        sender: name and address as one text.
        source_thread: what the server calls its thread (X-GM-THRID), for when it becomes a page;
            null where it tells none.
    """

    entry = models.OneToOneField(
        LedgerEntry, primary_key=True, on_delete=models.CASCADE, related_name="envelope"
    )
    message_id = models.TextField(blank=True)
    message_id_digest = models.BigIntegerField(null=True, db_index=True)
    subject = models.TextField(blank=True)
    sender = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True)
    source_thread = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("envelope")
        verbose_name_plural = _("envelopes")
        default_permissions = ()

    def __str__(self) -> str:
        return self.subject
