"""What managers have to know of reconciliations: differences, and that none comes to its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from ..models import Trial, TrialKind, TrialStatus
from .alert_words import Kind
from .health import health_of

# Three times as long as it takes by itself.
_TOO_LONG = timedelta(days=21)


def to_annotate() -> dict[str, Subquery]:
    """Return what to annotate accounts with for `found`."""
    last = _complete().order_by("-pk")
    number = Cast(KeyTextTransform("differences", "result"), IntegerField())
    return {
        "differences": Subquery(last.annotate(number=number).values("number")[:1]),
        "compared_at": Subquery(last.values("finished_at")[:1]),
    }


def found(account: Any, now: datetime) -> dict[str, dict[str, Any]]:
    """Return what the last complete reconciliation of an annotated account found, or lacks."""
    told: dict[str, dict[str, Any]] = {}
    if account.differences:
        told[Kind.DIFFERENCES] = {"number": account.differences}
    health = health_of(account)
    since = max(filter(None, [account.compared_at, health.watched_since]), default=now)
    # Of an account that is not fetched something else is told, and nobody compares it.
    is_fetched = not health.held_code and health.last_success_at is not None
    if now - since > _TOO_LONG and (is_fetched or Kind.UNCOMPARED in health.open_alerts):
        told[Kind.UNCOMPARED] = {"last": since.isoformat()}
    return told


def _complete() -> QuerySet[Trial]:
    return Trial.objects.filter(
        account=OuterRef("pk"),
        kind=TrialKind.RECONCILIATION,
        status=TrialStatus.DONE,
        result__is_complete=True,
    )
