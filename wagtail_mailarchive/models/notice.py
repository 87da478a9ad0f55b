"""`Notice`: a mail about an account that one of its managers has still to get."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """Made together with what it tells of, and deleted once the mail server took it.

    Attributes:
        opened, closed: kind of alert -> the facts of its sentence, as `open_alerts` holds them.
        try_at: not before that; moved on by whoever tries, so that no two workers send it.
        tries: how often it was tried.
    """

    account = models.ForeignKey("MailAccount", on_delete=models.CASCADE, related_name="+")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    opened = models.JSONField(default=dict, blank=True)
    closed = models.JSONField(default=dict, blank=True)
    try_at = models.DateTimeField(db_index=True)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("notice about a mail account")
        verbose_name_plural = _("notices about mail accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} -> {self.recipient_id}"
