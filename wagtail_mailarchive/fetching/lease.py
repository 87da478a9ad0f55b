"""The lease: one worker per account, by the database's clock, with a fencing token.

django-q2 delivers at least once, and a worker that was thought dead may wake up. So every
transaction of a fetch begins with `HeldLease.renew`: whoever lost the lease cannot commit.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from ..exceptions import LeaseLost
from ..models import Lease, MailAccount

# Far longer than what lies between two renewals, a transaction or `RENEW_EVERY`; short enough
# that a killed worker's account is taken up again soon.
LEASE_TIME = timedelta(minutes=3)
# Seconds; while a slow server keeps us waiting, the lease is renewed as often.
RENEW_EVERY = 20.0


@dataclass(frozen=True)
class HeldLease:
    account_id: int
    account_name: str
    token: int

    def renew(self) -> None:
        """Extend the lease; as a transaction's first statement, fence it.

        It also takes SQLite's write lock: reading first and writing later would fail with
        "database is locked" at once.

        Raises:
            LeaseLost: it expired, or somebody else holds it.
        """
        if not self._mine().filter(expires_at__gt=Now()).update(expires_at=Now() + LEASE_TIME):
            raise LeaseLost(account=self.account_name)

    def remaining(self) -> float:
        """Return the seconds until it ends, by the database's clock; 0 if it is lost."""
        left = ExpressionWrapper(F("expires_at") - Now(), output_field=DurationField())
        held = self._mine().filter(expires_at__gt=Now()).annotate(left=left)
        return float(sum(each.total_seconds() for each in held.values_list("left", flat=True)))

    def release(self) -> None:
        """Give the account free; harmless if the lease is lost already."""
        self._mine().update(expires_at=None, holder="")

    def _mine(self) -> QuerySet[Lease]:
        return Lease.objects.filter(account_id=self.account_id, token=self.token)


def acquire(account: MailAccount) -> HeldLease | None:
    """Return the lease of `account`, or None while somebody else holds it."""
    Lease.objects.get_or_create(account_id=account.pk)
    with transaction.atomic():
        taken = Lease.objects.filter(
            Q(expires_at=None) | Q(expires_at__lte=Now()), account_id=account.pk
        ).update(
            token=F("token") + 1,
            holder=f"{socket.gethostname()}:{os.getpid()}",
            expires_at=Now() + LEASE_TIME,
        )
        if not taken:
            return None
        token = Lease.objects.values_list("token", flat=True).get(account_id=account.pk)
    return HeldLease(account.pk, account.name, token)


def is_held(account_id: int) -> bool:
    """Whether somebody works on the account now."""
    return Lease.objects.filter(account_id=account_id, expires_at__gt=Now()).exists()
