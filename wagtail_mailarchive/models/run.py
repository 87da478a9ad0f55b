"""`FetchRun`: one pass over one account, however many tasks it takes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..exceptions import MailArchiveError, template_for


class RunStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    STOPPED = "stopped", _("stopped")


class Trigger(models.TextChoices):
    SCHEDULE = "schedule", _("schedule")
    HAND = "hand", _("by hand")
    COMMAND = "command", _("command")


ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


class FetchRun(models.Model):
    """One pass over one account.

    Attributes:
        archived ... erased: messages that got this outcome in this run.
        on_server, waiting: over all mailboxes of the account, as last listed.
        adds_up: whether the ledger's rows present equal what the server holds; null before.
        not_read: of those waiting, the messages that the server lists and did not hand over.
        bytes_fetched: bytes of message bodies read from the server.
        fetched_at: when all mailboxes were fetched; from then on archived messages are treated
            on the server as the account says.
        anomaly_code, anomaly_params: the first error of protocol, identity, integrity, lease or
            storage; a run that saw one takes nothing away from the server.
        marked_read, moved, deleted: messages so treated on the server.
        not_proven: messages that were to be taken away and are not, because what the server
            holds is not proven to be what is kept here.
        stop_requested: somebody wants it to end after the batch under way.
        error_code, error_params: why it failed; see `error`.
    """

    account = models.ForeignKey(
        "MailAccount", null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    account_name = models.CharField(max_length=120)
    folder = models.ForeignKey("EmailFolderPage", on_delete=models.CASCADE, related_name="+")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    current_mailbox = models.CharField(max_length=500, blank=True)

    archived = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)
    excluded = models.PositiveBigIntegerField(default=0)
    quarantined = models.PositiveBigIntegerField(default=0)
    too_large = models.PositiveBigIntegerField(default=0)
    erased = models.PositiveBigIntegerField(default=0)
    on_server = models.PositiveBigIntegerField(default=0)
    waiting = models.PositiveBigIntegerField(default=0)
    not_read = models.PositiveBigIntegerField(default=0)
    adds_up = models.BooleanField(null=True)
    bytes_fetched = models.PositiveBigIntegerField(default=0)

    fetched_at = models.DateTimeField(null=True)
    marked_read = models.PositiveBigIntegerField(default=0)
    moved = models.PositiveBigIntegerField(default=0)
    deleted = models.PositiveBigIntegerField(default=0)
    not_proven = models.PositiveBigIntegerField(default=0)
    anomaly_code = models.CharField(max_length=60, blank=True)
    anomaly_params = models.JSONField(default=dict, blank=True)

    error_code = models.CharField(max_length=60, blank=True)
    error_params = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("fetch run")
        verbose_name_plural = _("fetch runs")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(status__in=["queued", "running"]),
                name="mailarchive_one_active_run",
            )
        ]
        indexes = [models.Index(fields=["folder", "-id"], name="mailarchive_run_of_folder")]

    def __str__(self) -> str:
        return f"{self.account_name} #{self.pk}"

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def error(self) -> str:
        """The sentence for the reader, in the active language; "" if there was no error."""
        return sentence(self.error_code, self.error_params)


def sentence(code: str, params: dict[str, Any]) -> str:
    """Return a stored error's sentence in the active language; "" for no code."""
    if not code:
        return ""
    try:
        return gettext(template_for(code)) % params
    except KeyError:
        # A row written by an older version may lack a place that the sentence has today.
        return gettext(MailArchiveError.template)
