"""What the managers of an account have to know: found each minute, told once by mail.

An alert opens when something is found and stands until it is over; both are told. Accounts that
are switched off are not watched. Of what is the matter with fetching itself (held, failing,
silent) only the most urgent stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from ..models import (
    AccountHealth,
    EmailFolderPage,
    FetchRun,
    MailAccount,
    Notice,
    OAuthGrant,
    WorkerHeartbeat,
)
from ..models.permissions import folders_managed_by, managers_of
from ..models.site_settings import effective_settings, is_on
from ..sources.base import Login
from . import reconciliation_alerts, states
from .alert_words import TROUBLES, Kind, sentence_of, step_of
from .health import BACKLOG_RUNS, health_of, interval_of
from .schedule import latest_run_id
from .states import Goal, State, Tone

FAILURES = 3
_SILENCE = timedelta(days=1)
_ENDS_SOON = timedelta(days=14)

Facts = dict[str, Any]
Alerts = dict[str, Facts]  # kind -> facts, ready for JSON


@dataclass(frozen=True, slots=True)
class Standing:
    """One alert as the dashboard shows it, in the active language.

    Attributes:
        account, folder: what it is about; None where it concerns the whole site.
        kind: a `Kind`, or "worker".
        state: its sentence, since when, and the next step.
    """

    kind: str
    state: State
    account: MailAccount | None = None
    folder: EmailFolderPage | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of one account's alerts.

    Attributes:
        standing: all that stand from now on, with "since" among their facts.
        opened, closed: what managers have to be told.
    """

    standing: Alerts
    opened: Alerts
    closed: Alerts


def evaluate() -> int:
    """Look at every account and note what is to be told to whom; return how many changed.

    A few queries, whatever the number of accounts, and a few for each that changed.
    """
    if not is_on():
        _forget(AccountHealth.objects.all())
        return 0
    _forget(AccountHealth.objects.filter(account__enabled=False))
    accounts = _watched()
    failed = FetchRun.objects.in_bulk(
        [each.latest for each in accounts if health_of(each).failures >= FAILURES]
    )
    site = effective_settings()
    now = timezone.now()
    changed = 0
    for account in accounts:
        found = _fetching(account, failed.get(account.latest), interval_of(account, site), now)
        found |= _ending(account, now) | _backlog(health_of(account))
        found |= reconciliation_alerts.found(account, now)
        change = _change(health_of(account), found, now)
        if change.standing != health_of(account).open_alerts:
            changed += _apply(account, change, now)
    return changed


def standing_for(user: Any) -> list[Standing]:
    """Return what `user` has to know of the accounts that they manage, most urgent first.

    Empty where all is well, and for those who manage none; a few queries.
    """
    if not is_on():
        return []
    accounts = MailAccount.objects.filter(enabled=True, folder__in=folders_managed_by(user))
    found = [
        _standing(account, Kind(kind), facts)
        for account in accounts.select_related("health", "folder").defer("sealed_secret")
        for kind, facts in health_of(account).open_alerts.items()
    ]
    found.sort(key=lambda each: (list(Kind).index(Kind(each.kind)), each.state.at))
    if accounts.exists() and not WorkerHeartbeat.is_alive():
        found.insert(0, Standing("worker", states.no_worker(waits=False)))
    return found


def _standing(account: MailAccount, kind: Kind, facts: Facts) -> Standing:
    state = State(
        Tone.FAILURE if kind in TROUBLES else Tone.WARNING,
        sentence_of(kind, facts),
        at=datetime.fromisoformat(facts["since"]),
        step=step_of(kind),
        goal=Goal.RECONCILE if kind in (Kind.DIFFERENCES, Kind.UNCOMPARED) else Goal.ACCOUNT,
        target=account.pk,
    )
    return Standing(kind.value, state, account, account.folder)


def _forget(healths: QuerySet[AccountHealth]) -> None:
    """Close the alerts of accounts that are not watched; whoever switched them off knows."""
    watched = healths.filter(watched_since__isnull=False)
    watched.update(watched_since=None, open_alerts={})


def _watched() -> list[Any]:
    """Return the enabled accounts with all that is asked of them, each with a health."""
    enabled = MailAccount.objects.filter(enabled=True)
    new = enabled.filter(health__isnull=True)
    AccountHealth.objects.bulk_create(
        [AccountHealth(account_id=pk) for pk in new.values_list("pk", flat=True)],
        ignore_conflicts=True,
    )
    AccountHealth.objects.filter(account__enabled=True, watched_since=None).update(
        watched_since=timezone.now()
    )
    return list(
        enabled.select_related("health", "grant")
        .defer("sealed_secret", "grant__sealed_refresh_token", "grant__sealed_access_token")
        .annotate(latest=latest_run_id(), **reconciliation_alerts.to_annotate())
    )


def _fetching(
    account: MailAccount, failed: FetchRun | None, interval: timedelta, now: datetime
) -> Alerts:
    """Return the most urgent trouble with fetching, if there is any."""
    health = health_of(account)
    if health.held_code:
        return {Kind.HELD: {"code": health.held_code, "params": health.held_params}}
    if health.failures >= FAILURES:
        reason = {"code": failed.error_code, "params": failed.error_params} if failed else {}
        return {Kind.FAILING: {"number": health.failures, **reason}}
    since = max(filter(None, [health.last_success_at, health.watched_since]), default=now)
    if now - since > max(_SILENCE, 2 * interval):
        return {Kind.SILENT: {"last": since.isoformat()}}
    return {}


def _ending(account: MailAccount, now: datetime) -> Alerts:
    """Return what ends soon, or did."""
    found: Alerts = {}
    certificate = health_of(account).certificate_expires_at
    if certificate is not None and certificate < now + _ENDS_SOON:
        found[Kind.CERTIFICATE] = {"host": account.host, "ends": certificate.isoformat()}
    grant = _grant(account)
    ends = grant.refresh_expires_at if grant else None
    if ends is not None and ends < now + _ENDS_SOON:
        found[Kind.SIGN_IN] = {"ends": ends.isoformat()}
    return found


def _grant(account: MailAccount) -> OAuthGrant | None:
    """Return what `account` is entered with, if that is a provider's grant."""
    if account.login != Login.OAUTH2:
        return None
    try:
        grant = account.grant
    except OAuthGrant.DoesNotExist:
        return None
    return grant if grant.provider == account.oauth_provider else None


def _backlog(health: AccountHealth) -> Alerts:
    """Return the backlog if it grew from run to run, or has grown and does not shrink yet."""
    numbers = health.backlog
    if not numbers or not numbers[-1]:
        return {}
    if len(numbers) < BACKLOG_RUNS:
        return {}
    steps = [after - before for before, after in pairwise(numbers)]
    grows = all(step > 0 for step in steps)
    shrinks = all(step < 0 for step in steps)
    stands = Kind.BACKLOG in health.open_alerts and not shrinks
    return {Kind.BACKLOG: {"waiting": numbers[-1]}} if grows or stands else {}


def _change(health: AccountHealth, found: Alerts, now: datetime) -> _Change:
    before: Alerts = health.open_alerts
    standing: Alerts = {}
    closed: Alerts = {}
    trouble = next((kind for kind in TROUBLES if kind in found), None)
    for kind, facts in before.items():
        if kind in found:
            standing[kind] = {**found[kind], "since": facts["since"]}
            continue
        is_well = trouble is None and _succeeded_since(health, facts["since"])
        if is_well or kind not in TROUBLES:
            closed[kind] = facts
        elif trouble is None:
            # Somebody acted, and nobody knows yet whether it helped.
            standing[kind] = facts
    known = next((kind for kind in TROUBLES if kind in before), None)
    opened: Alerts = {}
    for kind, facts in found.items():
        if kind in before:
            continue
        standing[kind] = {**facts, "since": now.isoformat()}
        is_lesser = known is not None and kind in TROUBLES and _rank(kind) > _rank(known)
        if not is_lesser:
            opened[kind] = facts
    return _Change(standing, opened, closed)


def _rank(kind: str) -> int:
    return TROUBLES.index(Kind(kind))


def _succeeded_since(health: AccountHealth, since: str) -> bool:
    last = health.last_success_at
    return last is not None and last >= datetime.fromisoformat(since)


def _apply(account: MailAccount, change: _Change, now: datetime) -> bool:
    """Keep the change and who is to be told of it, unless another worker was faster."""
    row = AccountHealth.objects.filter(pk=account.pk)
    with transaction.atomic():
        # A write first: it locks the row, or on SQLite the database.
        row.update(watched_since=F("watched_since"))
        present: Mapping[str, Any] = row.get().open_alerts
        if present != health_of(account).open_alerts:
            return False
        row.update(open_alerts=change.standing)
        if change.opened or change.closed:
            Notice.objects.bulk_create(
                Notice(
                    account=account,
                    recipient=manager,
                    opened=change.opened,
                    closed=change.closed,
                    try_at=now,
                )
                for manager in managers_of(account.folder).exclude(email="")
            )
    return True
