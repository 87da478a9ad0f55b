"""`AccountHealth`: how fetching an account has gone, beside the account that people edit."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .run import sentence


class AccountHealth(models.Model):
    """What the runs of one account add up to; written by workers only.

    Attributes:
        failures: failed runs in a row.
        rejections: of those, how many in a row had their login rejected.
        last_success_at: end of the last run that succeeded.
        hold_until: no scheduled fetch before that (back-off).
        held_code, held_params: why no fetch is tried at all until somebody acts, an error of
            `exceptions`; "" if nothing holds it.
        treatment_code, treatment_params: why nothing is done on the server with archived messages
            although the account says so, an error of `exceptions`; "" if it is done, or nothing is
            to be done.
        certificate_expires_at: end of the certificate that the server showed last.
        watched_since: since when success is expected: a switched off account is not watched.
        backlog: messages left waiting on the server by the last succeeded runs, oldest first.
        open_alerts: kind of alert -> {"since": ISO time, ...} with the facts of its sentence
            (`fetching.alerts`); managers know of these.
    """

    account = models.OneToOneField(
        "MailAccount", primary_key=True, on_delete=models.CASCADE, related_name="health"
    )
    failures = models.PositiveIntegerField(default=0)
    rejections = models.PositiveIntegerField(default=0)
    last_success_at = models.DateTimeField(null=True)
    hold_until = models.DateTimeField(null=True)
    held_code = models.CharField(max_length=60, blank=True)
    held_params = models.JSONField(default=dict, blank=True)
    treatment_code = models.CharField(max_length=60, blank=True, default="")
    treatment_params = models.JSONField(default=dict, blank=True)
    certificate_expires_at = models.DateTimeField(null=True)
    watched_since = models.DateTimeField(null=True)
    backlog = models.JSONField(default=list, blank=True)
    open_alerts = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("health of a mail account")
        verbose_name_plural = _("health of mail accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.account_id)

    @property
    def held_because(self) -> str:
        """The sentence for the reader, in the active language; "" if nothing holds it."""
        return sentence(self.held_code, self.held_params)

    @property
    def not_treated_because(self) -> str:
        """Likewise why nothing is done on the server after a fetch; "" if nothing prevents it."""
        return sentence(self.treatment_code, self.treatment_params)
