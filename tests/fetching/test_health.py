"""Failures slow an account down, rejected logins stop it, and somebody's act sets it free."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.admin.conftest import manager_of, user_with
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching import health, schedule
from wagtail_mailarchive.fetching.by_hand import fetch_new_mail
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.health import health_of
from wagtail_mailarchive.fetching.states import Tone
from wagtail_mailarchive.models import (
    AccountHealth,
    ArchiveSiteSettings,
    EmailFolderPage,
    FetchRun,
    MailAccount,
    OAuthGrant,
    RunStatus,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.site_settings import effective_settings

pytestmark = pytest.mark.django_db

HOUR = 60  # minutes


def end(account: MailAccount, code: str = "", **params: Any) -> AccountHealth:
    """Let a run of `account` end now: failed with `code`, or succeeded without one."""
    run = factories.fetch_run(
        account,
        RunStatus.FAILED if code else RunStatus.SUCCEEDED,
        finished_at=timezone.now(),
        error_code=code,
        error_params=params,
    )
    health.note_end(run)
    return AccountHealth.objects.get(pk=account.pk)


def fresh(account: MailAccount) -> MailAccount:
    return MailAccount.objects.get(pk=account.pk)


def minutes_to_next_try(account: MailAccount) -> float:
    run = account.runs.order_by("-pk").first()
    moment = schedule.next_fetch_at(fresh(account), run, effective_settings())
    assert moment is not None
    return (moment - timezone.now()).total_seconds() / 60


def test_failures_in_a_row_double_the_time_to_the_next_try(folder: EmailFolderPage) -> None:
    account = factories.account(folder, interval=30)
    waits = []
    for _ in range(8):
        end(account, "HostNotFound", host="imap.example.org")
        waits.append(minutes_to_next_try(account))
    # The first failure changes nothing: it is tried again after the interval.
    assert waits[0] == pytest.approx(30, abs=1)
    for number, wait in enumerate(waits[1:5], start=1):
        assert 30 * 2**number * 0.79 < wait < 30 * 2**number * 1.01
    assert all(24 * HOUR * 0.79 < wait < 24 * HOUR * 1.01 for wait in waits[6:])


def test_accounts_that_fail_together_do_not_come_back_together(folder: EmailFolderPage) -> None:
    moments = set()
    for _ in range(10):
        account = factories.account(folder)
        end(account, "HostNotFound")
        moments.add(round(end(account, "HostNotFound").hold_until.timestamp()))  # type: ignore[union-attr]
    assert len(moments) > 5


def test_an_interval_of_a_week_stays_one(folder: EmailFolderPage) -> None:
    week = 7 * 24 * HOUR
    account = factories.account(folder, interval=week)
    for _ in range(6):
        end(account, "HostNotFound")
    assert minutes_to_next_try(account) == pytest.approx(week, abs=1)


def test_a_missing_mailbox_does_not_slow_down_the_others(folder: EmailFolderPage) -> None:
    account = factories.account(folder, interval=30)
    for _ in range(5):
        found = end(account, "MailboxNotFound", host="imap.example.org", mailbox="Old")
    assert found.failures == 5
    assert minutes_to_next_try(account) == pytest.approx(30, abs=1)


def test_a_success_makes_it_forget(folder: EmailFolderPage) -> None:
    account = factories.account(folder, interval=30)
    for _ in range(5):
        end(account, "HostNotFound")
    found = end(account)
    assert (found.failures, found.hold_until) == (0, None)
    assert found.last_success_at is not None
    assert minutes_to_next_try(account) == pytest.approx(30, abs=1)


@pytest.mark.parametrize("code", ["ServerBusy", "LoginUnavailable"])
def test_a_server_gets_the_time_it_asks_for(folder: EmailFolderPage, code: str) -> None:
    account = factories.account(folder, interval=30)
    end(account, code, host="imap.example.org", seconds=5 * 3600)
    assert 5 * HOUR - 1 < minutes_to_next_try(account) < 5.5 * HOUR + 1


def test_a_timeouts_seconds_are_not_a_servers_wish(folder: EmailFolderPage) -> None:
    account = factories.account(folder, interval=30)
    end(account, "ConnectionTimedOut", host="imap.example.org", seconds=5 * 3600)
    assert minutes_to_next_try(account) == pytest.approx(30, abs=1)


@pytest.mark.parametrize("code", ["LoginRejected", "TokenRejected"])
def test_three_rejected_logins_stop_it_until_somebody_acts(
    folder: EmailFolderPage, code: str
) -> None:
    account = factories.account(folder)
    params = {"host": "imap.example.org", "username": "ada"}
    for _ in range(2):
        assert not end(account, code, **params).held_code
    # What failed in between says nothing about the login.
    assert not end(account, "ConnectionRefused", host="imap.example.org", port=993).held_code
    found = end(account, code, **params)
    assert (found.held_code, found.held_params) == (code, params)
    assert "imap.example.org" in found.held_because
    FetchRun.objects.update(finished_at=timezone.now() - timedelta(days=30))
    AccountHealth.objects.update(hold_until=None)
    run = account.runs.first()
    assert schedule.next_fetch_at(fresh(account), run, effective_settings()) is None
    assert schedule.dispatch_due() == []
    health.release(account)
    assert not AccountHealth.objects.get(pk=account.pk).held_code
    assert len(schedule.dispatch_due()) == 1


def test_after_a_release_a_login_may_be_rejected_three_times_again(
    folder: EmailFolderPage,
) -> None:
    account = factories.account(folder)
    for _ in range(3):
        end(account, "LoginRejected", host="imap.example.org", username="ada")
    health.release(account)
    assert not end(account, "LoginRejected", host="imap.example.org", username="ada").held_code


def test_a_success_between_rejections_counts(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    for _ in range(2):
        end(account, "LoginRejected", host="imap.example.org", username="ada")
    end(account)
    for _ in range(2):
        found = end(account, "LoginRejected", host="imap.example.org", username="ada")
    assert not found.held_code


def test_who_has_to_sign_in_again_is_not_tried_at_all(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    assert end(account, "SignInNeeded", provider="Google").held_code == "SignInNeeded"


def test_who_signed_in_while_the_run_failed_is_tried_again(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    run = factories.fetch_run(
        account,
        RunStatus.FAILED,
        started_at=timezone.now() - timedelta(minutes=1),
        finished_at=timezone.now(),
        error_code="SignInNeeded",
    )
    OAuthGrant.objects.create(account=account, provider="google", signed_in_at=timezone.now())
    health.note_end(run)
    assert AccountHealth.objects.get().held_code == ""
    OAuthGrant.objects.update(problem_code="SignInNeeded")
    health.note_end(run)
    assert AccountHealth.objects.get().held_code == "SignInNeeded"


def test_a_stopped_run_teaches_nothing(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    end(account, "HostNotFound")
    before = AccountHealth.objects.values().get()
    health.note_end(factories.fetch_run(account, RunStatus.STOPPED, finished_at=timezone.now()))
    assert AccountHealth.objects.values().get() == before


def test_backlogs_of_the_last_three_runs_are_kept(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    for waiting in (1, 5, 7, 2):
        run = factories.fetch_run(
            account, RunStatus.SUCCEEDED, finished_at=timezone.now(), waiting=waiting
        )
        health.note_end(run)
    assert AccountHealth.objects.get().backlog == [5, 7, 2]


def test_the_certificates_end_is_kept_beside_all_else(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    end(account, "HostNotFound")
    moment = timezone.now() + timedelta(days=90)
    health.note_certificate(account.pk, moment)
    found = health_of(fresh(account))
    assert (found.certificate_expires_at, found.failures) == (moment, 1)


def test_an_account_without_runs_is_healthy(folder: EmailFolderPage) -> None:
    found = health_of(factories.account(folder))
    assert (found.failures, found.held_code) == (0, "")


def test_a_wrong_password_reaches_the_server_three_times_only(
    folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    account = factories.account(folder, dovecot.endpoint(mail_user))
    account.set_secret("wrong")
    account.save()
    for _ in range(3):
        fetch_now(account)
    found = AccountHealth.objects.get()
    assert (found.held_code, found.rejections) == ("LoginRejected", 3)
    FetchRun.objects.update(finished_at=timezone.now() - timedelta(days=30))
    AccountHealth.objects.update(hold_until=None)
    assert schedule.dispatch_due() == []


def test_by_hand_an_account_that_is_held_is_refused_with_the_next_step(
    folder: EmailFolderPage,
) -> None:
    WorkerHeartbeat.beat()
    owner = factories.user("grace", first_name="Grace", last_name="Hopper")
    account = factories.account(folder, name="Support", created_by=owner)
    for _ in range(3):
        end(account, "LoginRejected", host="imap.example.org", username="ada")
    answer = fetch_new_mail([fresh(account)], manager_of(folder))
    assert answer.tone == Tone.WARNING
    assert "rejected the user name or password of ada" in answer.sentence
    assert "Enter the password again" in answer.sentence
    answer = fetch_new_mail([fresh(account)], user_with(folder, "change", "publish"))
    assert "Connected by Grace Hopper: ask them." in answer.sentence
    assert not FetchRun.objects.filter(status=RunStatus.QUEUED).exists()
    # Its neighbour is fetched all the same.
    other = factories.account(folder)
    answer = fetch_new_mail([fresh(account), fresh(other)], manager_of(folder))
    assert answer.sentence.startswith("Fetching new mail from 1 account.")
    assert "Support" in answer.sentence
    assert FetchRun.objects.get(status=RunStatus.QUEUED).account == other


def test_by_hand_an_account_that_is_slowed_down_is_fetched(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    for _ in range(4):
        end(account, "HostNotFound")
    fetch_new_mail([fresh(account)], None)
    assert FetchRun.objects.filter(status=RunStatus.QUEUED).exists()


def test_a_site_that_is_switched_off_fetches_nothing(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    ArchiveSiteSettings.objects.create(is_on=False)
    assert schedule.dispatch_due() == []
    assert "switched off for this site" in fetch_new_mail([account], None).sentence
    assert not FetchRun.objects.exists()
