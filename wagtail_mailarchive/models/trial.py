"""`Trial`: a test, a dry run or a reconciliation, asked for by somebody and answered once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class TrialKind(models.TextChoices):
    CONNECTION = "connection", _("connection test")
    DRY_RUN = "dry_run", _("dry run")
    RECONCILIATION = "reconcile", _("reconciliation")


class TrialStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")


class Trial(models.Model):
    """One try of an account. It changes nothing on the server and archives nothing.

    Attributes:
        account: null where values were tried that nobody has saved.
        requested_by: null where the schedule asked.
        result: the steps with their outcome, what a first fetch would do, or how server and
            ledger differ; never a secret, never a server's own words.
    """

    kind = models.CharField(max_length=10, choices=TrialKind.choices)
    account = models.ForeignKey(
        "MailAccount", null=True, on_delete=models.CASCADE, related_name="trials"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True, db_index=True)
    status = models.CharField(
        max_length=10, choices=TrialStatus.choices, default=TrialStatus.QUEUED
    )
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("trial of a mail account")
        verbose_name_plural = _("trials of mail accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
