"""`Lease`: who may work on an account, until when, by the database's clock.

`token` grows with each new holder and fences writes: a transaction of a holder whose token is no
longer the row's, or whose time is up, must not commit (`fetching.lease`).
"""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    account = models.OneToOneField(
        "MailAccount", primary_key=True, on_delete=models.CASCADE, related_name="lease"
    )
    token = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.account_id}#{self.token}"
