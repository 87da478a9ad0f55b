"""When accounts are fetched: by the schedule, or at once at somebody's wish."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from ..conf import ArchiveSettings
from ..models import FetchRun, MailAccount, RunStatus, Trigger
from ..models.run import ACTIVE
from ..models.site_settings import effective_settings, is_on
from . import lease as leases
from .health import health_of, interval_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SCHEDULE_NAME = "wagtail_mailarchive: fetch due accounts"
DISPATCH = "wagtail_mailarchive.tasks.dispatch"
FETCH = "wagtail_mailarchive.tasks.fetch"

# A run whose task was lost with its worker is queued again after this long.
_STALE = timedelta(minutes=10)
# A time that lies further ahead was written by a clock that is wrong.
_CLOCKS_DIFFER = timedelta(minutes=10)


def open_run(
    account: MailAccount, *, trigger: Trigger, user: User | None = None
) -> tuple[FetchRun, bool]:
    """Return the account's active run, or a new queued one, and whether it is new."""
    try:
        with transaction.atomic():
            active = account.runs.filter(status__in=ACTIVE).first()
            if active is not None:
                return active, False
            run = FetchRun.objects.create(
                account=account,
                account_name=account.name,
                folder_id=account.folder_id,
                trigger=trigger,
                started_by=user,
            )
    except IntegrityError:
        # Somebody else was first; a constraint allows one active run an account.
        return account.runs.get(status__in=ACTIVE), False
    return run, True


def request_fetch(account: MailAccount, *, trigger: Trigger, user: User | None = None) -> FetchRun:
    """Have the worker fetch `account` as soon as it can; return the run to watch."""
    run, is_new = open_run(account, trigger=trigger, user=user)
    if is_new:
        enqueue(run)
    return run


def enqueue(run: FetchRun) -> None:
    """Give the run to the worker once the present transaction commits."""
    transaction.on_commit(lambda: async_task(FETCH, run.pk))


def dispatch_due() -> list[FetchRun]:
    """Request a fetch of every account whose time has come; return the runs.

    None where the site is switched off; what is under way ends by itself then.
    """
    stop_orphans()
    _requeue_stale()
    due = _due_accounts() if is_on() else []
    return [request_fetch(account, trigger=Trigger.SCHEDULE) for account in due]


def stop_orphans() -> None:
    """End the runs whose account was deleted meanwhile; nobody can work on them."""
    FetchRun.objects.filter(status__in=ACTIVE, account=None).update(
        status=RunStatus.STOPPED, finished_at=timezone.now(), current_mailbox=""
    )


def latest_run_id() -> Subquery:
    """Return what to annotate accounts with: the id of the run that tells each one's state."""
    runs = FetchRun.objects.filter(account=OuterRef("pk"))
    return Subquery(runs.order_by("-pk").values("pk")[:1])


def next_fetch_at(
    account: MailAccount, latest: FetchRun | None, site: ArchiveSettings
) -> datetime | None:
    """Return when the schedule fetches `account`; None if it will not or does now.

    Where the whole site is switched off, no schedule fetches anything.

    Args:
        account: read with its health, else that costs a query.
        latest: the account's latest run; None before the first.
        site: the settings in effect, which say how often where the account does not.
    """
    if not account.enabled or (latest is not None and latest.is_active):
        return None
    health = health_of(account)
    if health.held_code:
        return None
    due = now = timezone.now()
    finished_at = latest.finished_at if latest is not None else None
    # Nobody is to wait for mail until such a time has come.
    if finished_at is not None and finished_at <= now + _CLOCKS_DIFFER:
        due = finished_at + interval_of(account, site)
    return max(due, health.hold_until or due)


def ensure_schedule() -> Schedule:
    """Return the one schedule that dispatches; make it if it is not there.

    `Schedule.name` is not unique, and what an administrator changed in it stays.
    """
    found = Schedule.objects.filter(name=SCHEDULE_NAME).order_by("pk").first()
    if found is not None:
        return found
    return Schedule.objects.create(
        name=SCHEDULE_NAME,
        func=DISPATCH,
        schedule_type=Schedule.MINUTES,
        minutes=1,
        repeats=-1,
    )


def repair_schedule() -> Schedule:
    """Make the schedule as it is on a new site: one row, each minute, without end."""
    Schedule.objects.filter(Q(name=SCHEDULE_NAME) | Q(func=DISPATCH)).delete()
    return ensure_schedule()


def _due_accounts() -> list[MailAccount]:
    enabled = MailAccount.objects.filter(enabled=True, folder__trashed=None)
    enabled = enabled.select_related("health")
    accounts = list(enabled.annotate(latest=latest_run_id()))
    runs = FetchRun.objects.in_bulk([each.latest for each in accounts if each.latest])
    site = effective_settings()
    due = [(next_fetch_at(each, runs.get(each.latest), site), each) for each in accounts]
    return [account for moment, account in due if moment and moment <= timezone.now()]


def _requeue_stale() -> None:
    """Queue runs again that nobody works on: their worker or their queue entry was lost."""
    for run in FetchRun.objects.filter(status__in=ACTIVE, account__isnull=False):
        if run.account_id is None or leases.is_held(run.account_id):
            continue
        waited_since = timezone.now() - _STALE
        is_interrupted = run.status == RunStatus.RUNNING
        # `queued_at` moves along, so that a long queue gets no second entry each minute.
        untouched = FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE)
        if not is_interrupted:
            untouched = untouched.filter(queued_at__lt=waited_since)
        if untouched.update(status=RunStatus.QUEUED, queued_at=timezone.now()):
            enqueue(run)
