"""When accounts are reconciled without anybody asking: each once a week, not all at once.

A reconciliation that failed does not count, and is tried again after half a day.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from ..models import AccountHealth, MailAccount, Trial, TrialKind, TrialStatus
from ..models.run import ACTIVE
from ..models.site_settings import is_on
from .trials import request_trial

EVERY = timedelta(days=7)
_AGAIN_AFTER = timedelta(hours=12)
_HOURS = 7 * 24


def request_due() -> list[Trial]:
    """Request reconciliations that are due, so few at once that all fit into a week.

    Called each minute by the schedule, perhaps by several workers at once.
    """
    if not is_on():
        return []
    watched = _watched()
    most = -(-watched.count() // _HOURS)
    hour_ago = timezone.now() - timedelta(hours=1)
    begun = Trial.objects.filter(
        kind=TrialKind.RECONCILIATION, requested_by=None, requested_at__gt=hour_ago
    ).count()
    if begun >= most:
        return []
    due = _due(watched).exclude(runs__status__in=ACTIVE)
    # Those never asked for first, then those that were not for longest: what fails again and again
    # does not keep others waiting.
    ordered = due.order_by(F("asked_at").asc(nulls_first=True), "pk")
    requested = [_request(each) for each in ordered[: most - begun]]
    return [each for each in requested if each is not None]


def _watched() -> QuerySet[MailAccount]:
    """Return the accounts that are fetched: of others there is nothing new to compare."""
    return MailAccount.objects.filter(
        enabled=True, health__held_code="", health__last_success_at__isnull=False
    ).defer("sealed_secret")


def _due(accounts: QuerySet[MailAccount]) -> QuerySet[MailAccount]:
    now = timezone.now()
    asked = Q(trials__kind=TrialKind.RECONCILIATION)
    complete = asked & Q(trials__status=TrialStatus.DONE, trials__result__is_complete=True)
    return accounts.annotate(
        asked_at=Max("trials__requested_at", filter=asked),
        reconciled_at=Max("trials__requested_at", filter=complete),
    ).filter(
        Q(asked_at=None) | Q(asked_at__lt=now - _AGAIN_AFTER),
        Q(reconciled_at=None) | Q(reconciled_at__lt=now - EVERY),
    )


def _request(account: MailAccount) -> Trial | None:
    """Request one, unless another worker did meanwhile."""
    with transaction.atomic():
        # Writing first makes others wait here, on SQLite as well.
        AccountHealth.objects.filter(account=account).update(failures=F("failures"))
        if not _due(MailAccount.objects.filter(pk=account.pk)).exists():
            return None
        return request_trial(account, TrialKind.RECONCILIATION, None)
