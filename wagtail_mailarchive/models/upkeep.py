"""`UpkeepRun`: work on what is archived already, in as many tasks as it takes.

And `IntegrityProblem`: what such a run found that is not as it was archived.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .run import sentence


class UpkeepKind(models.TextChoices):
    VERIFY = "verify", _("check of all mail")
    SAMPLE = "sample", _("check of a sample")
    REPROCESS = "reprocess", _("reading again")
    RETRY = "retry", _("reading quarantined mail again")
    CONTENTS = "contents", _("reading attachments")
    DKIM = "dkim", _("check of DKIM signatures")
    CLUSTER = "cluster", _("update of the search cluster")
    TRASH = "trash", _("moving all mail to the trash")
    RESTORE = "restore", _("restoring all mail from the trash")
    ERASE = "erase", _("erasing mail")
    EMPTY = "empty", _("emptying the trash by time")
    MOVE = "move", _("moving pages with their mail")
    READDRESS = "readdress", _("bringing mail to its new address")


class UpkeepStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


UNDER_WAY = (UpkeepStatus.QUEUED, UpkeepStatus.RUNNING)


class UpkeepRun(models.Model):
    """One pass over what is archived.

    Attributes:
        folder: which one; null for all folders.
        is_complete: reads again what was read by the present version, too; of erasing: readers'
            comments go as well.
        position: where the next task goes on: the key of what was last done, beside the number
            of the step that it belongs to; see `fetching.upkeep`. Whoever commits moves it on,
            so that of two workers one stops.
        total, done: what is looked at: originals, entries of the chain, messages. Of a sample,
            `total` is how many were asked for, a third of each kind.
        problems: those of `done` that are not as they should be.
        bytes_read: bytes of originals that a check has read back.
        worked_at: when a worker last committed; the run of one that died goes on elsewhere.
        reason: why mail is trashed or erased.
        until: the highest key of what it is about; what comes later is not. Null for no bound.
        plan: of moving, {"pages": [[key, title, path, number of messages]...], "destination": key,
            "into": its title}; keys and no relations, because a deleted page must take no run
            along, nor deleting one ask for runs.
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
    is_complete = models.BooleanField(default=False)
    position = models.BigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    problems = models.PositiveBigIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True, db_default="")
    until = models.BigIntegerField(null=True)
    plan = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_params = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("upkeep run")
        verbose_name_plural = _("upkeep runs")
        default_permissions = ()
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "folder"],
                condition=models.Q(status__in=["queued", "running"]),
                name="mailarchive_one_upkeep",
            ),
            # Null equals no null, so runs over all folders need their own.
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(status__in=["queued", "running"], folder=None),
                name="mailarchive_one_upkeep_of_all",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

    @property
    def is_active(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def is_stoppable(self) -> bool:
        """Whether asking for its end would change anything.

        Addresses are brought to their end, and so is a page that moves.
        """
        if not self.is_active or self.stop_requested or self.kind == UpkeepKind.READDRESS:
            return False
        is_at_last_page = self.kind == UpkeepKind.MOVE and self.position + 1 >= len(
            self.plan["pages"]
        )
        return self.status == UpkeepStatus.QUEUED or not is_at_last_page

    @property
    def error(self) -> str:
        """The sentence for the reader, in the active language; "" if there was no error."""
        return sentence(self.error_code, self.error_params)


class IntegrityProblem(models.Model):
    """Something that is not as it was archived. It stands until a later check finds it well.

    Attributes:
        folder: one that holds an original; null for one that no folder holds, and for a check of
            everything.
        subject: what it is about: "original <sha256>", "chain <folder's key>/<number>",
            "message <page's key>", "arrival <folder's key>/<sha256>". Or a check that could not be
            done: "check <kind>", and the folder's key if it was of one.
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

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in the active language."""
        told = sentence(self.code, self.params)
        if self.subject.startswith("check "):
            return gettext("A check could not be done. %(reason)s") % {"reason": told}
        return told
