"""`UpkeepRun`: work on what is archived already, in as many tasks as it takes.

And `IntegrityProblem`: what such a run found that is not as it was archived.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class UpkeepKind(models.TextChoices):
    VERIFY = "verify", _("check of all mail")
    SAMPLE = "sample", _("check of a sample")
    REPROCESS = "reprocess", _("reading again")
    RETRY = "retry", _("reading quarantined mail again")


class UpkeepStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


class UpkeepRun(models.Model):
    """One pass over what is archived.

    Attributes:
        folder: which one; null for all folders.
        position: where the next task goes on: the key of what was last done.
        total, done: originals or messages.
        problems: those of `done` that are not as they should be.
        worked_at: when a worker last committed; the run of one that died goes on elsewhere.
        error_code, error_params: why it failed; an error of `exceptions`.
    """

    kind = models.CharField(max_length=10, choices=UpkeepKind.choices)
    folder = models.ForeignKey(
        "EmailFolderPage", null=True, on_delete=models.CASCADE, related_name="+"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    status = models.CharField(
        max_length=10, choices=UpkeepStatus.choices, default=UpkeepStatus.QUEUED
    )
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    position = models.BigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    problems = models.PositiveBigIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_params = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("upkeep run")
        verbose_name_plural = _("upkeep runs")
        default_permissions = ()
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class IntegrityProblem(models.Model):
    """Something that is not as it was archived. It stands until a later check finds it well.

    Attributes:
        folder: null for an original that no folder holds.
        subject: what it is about: "original <sha256>", "chain <folder's key>/<number>".
        code, params: an error of `exceptions`.
        told_at: when those who have to know were told.
    """

    folder = models.ForeignKey(
        "EmailFolderPage", null=True, on_delete=models.CASCADE, related_name="+"
    )
    subject = models.CharField(max_length=100, unique=True)
    code = models.CharField(max_length=60)
    params = models.JSONField(default=dict, blank=True)
    found_at = models.DateTimeField(auto_now_add=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("integrity problem")
        verbose_name_plural = _("integrity problems")
        default_permissions = ()

    def __str__(self) -> str:
        return self.subject
