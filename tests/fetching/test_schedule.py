"""Due accounts are fetched once each, lost runs are found again, one schedule row does it."""

from __future__ import annotations

import functools
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive import tasks
from wagtail_mailarchive.apps import make_schedule
from wagtail_mailarchive.fetching import batches, lease, schedule
from wagtail_mailarchive.fetching import run as runs
from wagtail_mailarchive.fetching.health import note_end
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    MailAccount,
    RunStatus,
    Trigger,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.site_settings import effective_settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def on_commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> DjangoCaptureOnCommitCallbacks:
    return django_capture_on_commit_callbacks


def finish(
    run: FetchRun, *, minutes_ago: float = 0, status: RunStatus = RunStatus.SUCCEEDED
) -> None:
    FetchRun.objects.filter(pk=run.pk).update(
        status=status, finished_at=timezone.now() - timedelta(minutes=minutes_ago)
    )


def queued() -> list[tuple[str, tuple[object, ...]]]:
    """Functions and arguments in the queue."""
    packages = [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]
    return [(package["func"], package["args"]) for package in packages]


def test_a_new_account_is_due_at_once(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    [run] = schedule.dispatch_due()
    assert (run.account, run.trigger, run.status) == (account, Trigger.SCHEDULE, RunStatus.QUEUED)


@pytest.mark.parametrize(
    ("interval", "minutes_ago", "due"),
    [(None, 29, False), (None, 31, True), (5, 4, False), (5, 6, True), (120, 119, False)],
)
def test_an_account_is_due_after_its_interval(
    folder: EmailFolderPage, interval: int | None, minutes_ago: float, due: bool
) -> None:
    account = factories.account(folder, interval=interval)
    [run] = schedule.dispatch_due()
    finish(run, minutes_ago=minutes_ago)
    assert bool(schedule.dispatch_due()) is due
    expected = timezone.now() + timedelta(minutes=(account.interval or 30) - minutes_ago)
    if not due:
        next_fetch = schedule.next_fetch_at(account, FetchRun.objects.get(), effective_settings())
        assert next_fetch is not None
        assert abs(next_fetch - expected) < timedelta(seconds=5)


def test_the_sites_interval_is_a_setting(folder: EmailFolderPage, settings: Settings) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "FETCH_INTERVAL": 10}
    factories.account(folder)
    [run] = schedule.dispatch_due()
    finish(run, minutes_ago=9)
    assert not schedule.dispatch_due()
    finish(run, minutes_ago=11)
    assert len(schedule.dispatch_due()) == 1


def test_an_interval_without_sense_keeps_no_other_account_from_being_fetched(
    folder: EmailFolderPage,
) -> None:
    # As much as PostgreSQL takes; doubled with each failure it would leave all calendars.
    account = factories.account(folder, interval=2**31 - 1)
    for _ in range(12):
        run = FetchRun.objects.create(
            account=account, account_name=account.name, folder=folder, trigger=Trigger.SCHEDULE
        )
        finish(run, minutes_ago=1, status=RunStatus.FAILED)
        note_end(run)
    other = factories.account(folder)
    assert [run.account for run in schedule.dispatch_due()] == [other]


def test_a_worker_whose_clock_was_a_day_ahead_delays_no_fetch(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    tomorrow = timezone.now() + timedelta(days=1)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=tomorrow)
    [run] = schedule.dispatch_due()
    assert run.account == account


def test_a_failed_account_is_tried_again_after_its_interval(folder: EmailFolderPage) -> None:
    factories.account(folder)
    [run] = schedule.dispatch_due()
    finish(run, minutes_ago=31, status=RunStatus.FAILED)
    assert len(schedule.dispatch_due()) == 1


def test_an_account_switched_off_is_never_due(folder: EmailFolderPage) -> None:
    account = factories.account(folder, enabled=False)
    assert schedule.dispatch_due() == []
    assert schedule.next_fetch_at(account, None, effective_settings()) is None


def test_an_account_has_one_active_run_however_often_it_is_asked_for(
    folder: EmailFolderPage, on_commit: DjangoCaptureOnCommitCallbacks
) -> None:
    account = factories.account(folder)
    with on_commit(execute=True):
        runs = {
            schedule.request_fetch(account, trigger=Trigger.HAND).pk,
            schedule.request_fetch(account, trigger=Trigger.SCHEDULE).pk,
            *[run.pk for run in schedule.dispatch_due()],
        }
    assert len(runs) == 1
    assert queued() == [(schedule.FETCH, (runs.pop(),))]


def test_a_run_whose_worker_died_is_queued_again(
    folder: EmailFolderPage, on_commit: DjangoCaptureOnCommitCallbacks
) -> None:
    account = factories.account(folder)
    run = schedule.request_fetch(account, trigger=Trigger.HAND)
    OrmQ.objects.all().delete()
    FetchRun.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    held = lease.acquire(account)
    assert held is not None
    with on_commit(execute=True):
        schedule.dispatch_due()
    assert queued() == []
    held.release()
    with on_commit(execute=True):
        schedule.dispatch_due()
        schedule.dispatch_due()
    assert queued() == [(schedule.FETCH, (run.pk,))]


def test_a_run_lost_from_the_queue_is_queued_again_after_a_while(
    folder: EmailFolderPage, on_commit: DjangoCaptureOnCommitCallbacks
) -> None:
    run = schedule.request_fetch(factories.account(folder), trigger=Trigger.HAND)
    with on_commit(execute=True):
        schedule.dispatch_due()
    assert queued() == []
    FetchRun.objects.filter(pk=run.pk).update(queued_at=timezone.now() - timedelta(minutes=11))
    with on_commit(execute=True):
        schedule.dispatch_due()
        schedule.dispatch_due()
    assert queued() == [(schedule.FETCH, (run.pk,))]


def test_task_arguments_are_ids_only(
    folder: EmailFolderPage, on_commit: DjangoCaptureOnCommitCallbacks
) -> None:
    account = factories.account(folder)
    with on_commit(execute=True):
        schedule.request_fetch(account, trigger=Trigger.HAND)
    payload = SignedPackage.loads(OrmQ.objects.get().payload)
    assert payload["args"] == (account.runs.get().pk,)
    assert "secret" not in str(payload)


def test_migrating_makes_one_schedule_and_leaves_an_administrators_change() -> None:
    make_schedule()
    Schedule.objects.filter(name=schedule.SCHEDULE_NAME).update(minutes=7)
    make_schedule()
    assert Schedule.objects.get(func=schedule.DISPATCH).minutes == 7


def test_schedule_command_repairs() -> None:
    Schedule.objects.all().delete()
    for _ in range(2):
        Schedule.objects.create(name=schedule.SCHEDULE_NAME, func="nonsense", minutes=99)
    out = StringIO()
    call_command("mailarchive_schedule", "--repair", stdout=out)
    repaired = Schedule.objects.get()
    assert (repaired.func, repaired.minutes, repaired.repeats) == (schedule.DISPATCH, 1, -1)
    assert "every 1 min" in out.getvalue()


def test_dispatch_beats_the_heart() -> None:
    assert not WorkerHeartbeat.is_alive()
    tasks.dispatch()
    assert WorkerHeartbeat.is_alive()
    WorkerHeartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=4))
    assert not WorkerHeartbeat.is_alive()


def test_fetch_task_fetches(account: MailAccount, dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, factories.raw())
    run = schedule.request_fetch(account, trigger=Trigger.HAND)
    assert tasks.fetch(run.pk) == "finished"
    assert EmailMessagePage.objects.count() == 1
    assert WorkerHeartbeat.is_alive()


def test_fetch_task_queues_the_rest_of_its_run(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
    on_commit: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    in_no_time = functools.partial(runs.work_on, seconds=0)
    monkeypatch.setattr(runs, "work_on", in_no_time)
    for _ in range(5):
        dovecot.deliver(mail_user, factories.raw())
    run = schedule.request_fetch(account, trigger=Trigger.HAND)
    with on_commit(execute=True):
        assert tasks.fetch(run.pk) == "continues"
    assert queued()[-1] == (schedule.FETCH, (run.pk,))
