"""Connections are tested as they are fetched from, bounded and limited, and nothing is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive import tasks
from wagtail_mailarchive.exceptions import TooManyTrials
from wagtail_mailarchive.fetching import trials
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Trial,
    TrialKind,
    TrialStatus,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.run import sentence
from wagtail_mailarchive.sources.base import Endpoint, Security
from wagtail_mailarchive.sources.probe import Probe, probe

pytestmark = pytest.mark.django_db

CONNECTION = TrialKind.CONNECTION


@pytest.fixture
def user(db: None) -> User:
    return factories.user()


def outcomes(trial: Trial) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in trial.result["steps"]}


def failure(trial: Trial) -> tuple[str, str]:
    """Name of the step that failed, and what is said of it."""
    [step] = [step for step in trial.result["steps"] if step["outcome"] == "failed"]
    return step["name"], sentence(step["code"], step["params"])


def facts(trial: Trial, name: str) -> dict[str, Any]:
    [found] = [step["facts"] for step in trial.result["steps"] if step["name"] == name]
    return dict(found)


def run(account: MailAccount, user: User) -> Trial:
    """What the worker does when the test of a saved account is asked for."""
    trial = trials.request_trial(account, CONNECTION, user)
    tasks.run_trial(trial.pk)
    trial.refresh_from_db()
    return trial


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS, Security.PLAIN])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_values_that_nobody_saved_are_tested_step_by_step(
    protocol: str, security: Security, dovecot: Dovecot, mail_user: str, user: User
) -> None:
    for _ in range(3):
        dovecot.deliver(mail_user, factories.raw())
    endpoint = dovecot.endpoint(mail_user, security, protocol=protocol)
    trial = trials.try_values(endpoint, protocol, user)
    assert trial.status == TrialStatus.DONE
    assert trial.result["passed"]
    expected = "skipped" if security is Security.PLAIN else "passed"
    assert outcomes(trial) == dict.fromkeys(outcomes(trial), "passed") | {"tls": expected}
    assert list(outcomes(trial)) == [
        *("resolve", "connect", "tls", "login", "capabilities", "mailboxes", "messages")
    ]
    unread = 3 if protocol == "imap" else None
    assert facts(trial, "messages") == {"mailbox": "INBOX", "messages": 3, "unread": unread}
    assert {"name": "INBOX", "special_use": ""} in trial.result["mailboxes"]
    if security is not Security.PLAIN:
        assert "expires_at" in facts(trial, "tls")


def test_nothing_of_unsaved_values_is_stored_or_queued(
    dovecot: Dovecot, mail_user: str, user: User
) -> None:
    dovecot.deliver(mail_user, factories.raw())
    endpoint = dovecot.endpoint(mail_user)
    trials.try_values(endpoint, "imap", user)
    trials.try_values(replace(endpoint, secret="hunter2"), "imap", user)
    assert not OrmQ.objects.exists()
    kept = json.dumps(list(Trial.objects.values("account", "result")))
    assert endpoint.secret not in kept
    assert "hunter2" not in kept
    assert not MailAccount.objects.exists()


def test_a_step_that_fails_names_its_cause_and_ends_the_test(
    dovecot: Dovecot, mail_user: str, user: User
) -> None:
    endpoint = dovecot.endpoint(mail_user)
    trial = trials.try_values(replace(endpoint, secret="wrong"), "imap", user)
    assert not trial.result["passed"]
    name, said = failure(trial)
    assert name == "login"
    assert f"rejected the user name or password of {mail_user}" in said
    assert [outcomes(trial)[step] for step in ("tls", "login", "mailboxes", "messages")] == [
        *("passed", "failed", "skipped", "skipped")
    ]
    trial = trials.try_values(replace(endpoint, ca_certificate=""), "imap", user)
    assert failure(trial)[0] == "tls"
    trial = trials.try_values(endpoint, "imap", user, mailbox="Nowhere")
    assert failure(trial)[0] == "messages"


@pytest.mark.parametrize("host", ["10.1.2.3", "169.254.169.254", "::1", "127.0.0.1"])
def test_refused_targets_all_get_the_same_words(host: str, user: User) -> None:
    endpoint = Endpoint(host, 993, Security.TLS, "ada", "secret")
    trial = trials.try_values(endpoint, "imap", user)
    _, said = failure(trial)
    assert said == (
        f"{host}:993 may not be reached from this site. If it is your mail server, ask the site "
        "owner to allow this host in Settings > Mail archive. Another port than those of mail is "
        "allowed in the Django settings alone."
    )
    assert trial.result["mailboxes"] == []


def test_a_server_that_says_nothing_ends_the_test_in_time(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "SECONDS", 0.5)
    with ScriptedServer(Talk.await_end) as server:
        trial = trials.try_values(server.endpoint(), "imap", user)
    name, said = failure(trial)
    assert name == "connect" or "did not answer within" in said
    assert "did not answer within" in said


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Let no probe come to an end, as a name server may; call it for how many are under way."""
    let_go = threading.Event()
    begun = []

    def hang(*args: object, **kwargs: object) -> Probe:
        begun.append(1)
        let_go.wait(60)
        return Probe([], [])

    monkeypatch.setattr(trials, "probe", hang)
    yield lambda: len(begun)
    let_go.set()
    for _ in range(trials._MOST_AT_ONCE):
        assert trials._slots.acquire(timeout=60)
    trials._slots.release(trials._MOST_AT_ONCE)


def test_a_lookup_that_hangs_is_not_waited_for(
    hanging: Callable[[], int], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "SECONDS", 0.2)
    monkeypatch.setattr(trials, "_GRACE", 0.1)
    trial = trials.try_values(Endpoint("a.example", 993, Security.TLS, "a", "b"), "imap", user)
    assert "a.example did not answer within" in failure(trial)[1]


def test_four_tests_run_at_once_in_a_process(
    hanging: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "SECONDS", 0.1)
    monkeypatch.setattr(trials, "_GRACE", 0.0)
    endpoint = Endpoint("a.example", 993, Security.TLS, "a", "b")
    for _ in range(4):
        trials.try_values(endpoint, "imap", factories.user())
    with pytest.raises(TooManyTrials):
        trials.try_values(endpoint, "imap", factories.user())
    assert hanging() == 4
    assert Trial.objects.count() == 4


def test_a_user_may_ask_ten_times_in_five_minutes(folder: EmailFolderPage, user: User) -> None:
    account = factories.account(folder)
    for _ in range(10):
        trials.request_trial(account, CONNECTION, user)
    with pytest.raises(TooManyTrials, match="Wait a few minutes"):
        trials.request_trial(account, TrialKind.DRY_RUN, user)
    with pytest.raises(TooManyTrials):
        trials.try_values(account.endpoint(), "imap", user)
    # Others may go on, and this user later.
    trials.request_trial(account, CONNECTION, factories.user())
    Trial.objects.update(requested_at=timezone.now() - timedelta(minutes=6))
    trials.request_trial(account, CONNECTION, user)


def test_a_site_makes_thirty_tests_a_minute(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    for _ in range(6):
        user = factories.user()
        for _ in range(5):
            trials.request_trial(account, CONNECTION, user)
    with pytest.raises(TooManyTrials):
        trials.request_trial(account, CONNECTION, factories.user())
    Trial.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
    trials.request_trial(account, CONNECTION, factories.user())


def test_a_saved_account_is_tested_by_the_worker_by_id(
    account: MailAccount,
    user: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        trial = trials.request_trial(account, CONNECTION, user)
    assert trial.status == TrialStatus.QUEUED
    [package] = [SignedPackage.loads(row.payload) for row in OrmQ.objects.all()]
    assert (package["func"], package["args"]) == (
        "wagtail_mailarchive.tasks.run_trial",
        (trial.pk,),
    )
    assert tasks.run_trial(trial.pk) == "done"
    trial.refresh_from_db()
    assert (trial.status, trial.result["passed"]) == (TrialStatus.DONE, True)
    assert trial.finished_at is not None
    # The queue may deliver it twice.
    Trial.objects.update(result={"passed": "as it was"})
    tasks.run_trial(trial.pk)
    trial.refresh_from_db()
    assert trial.result == {"passed": "as it was"}


def test_a_test_that_passed_frees_the_account_and_lets_it_be_enabled(
    account: MailAccount, user: User
) -> None:
    AccountHealth.objects.create(account=account, held_code="LoginRejected", rejections=3)
    assert run(account, user).result["passed"]
    account.refresh_from_db()
    assert account.verified_at is not None
    assert not AccountHealth.objects.get().held_code


def test_a_test_that_failed_does_neither(account: MailAccount, user: User) -> None:
    AccountHealth.objects.create(account=account, held_code="LoginRejected", rejections=3)
    account.set_secret("wrong")
    account.save()
    assert not run(account, user).result["passed"]
    account.refresh_from_db()
    assert account.verified_at is None
    assert AccountHealth.objects.get().held_code


@pytest.mark.parametrize(
    "change",
    [{"host": "127.0.0.1"}, {"username": "other"}, {"sealed_secret": "x"}, {"protocol": "pop3"}],
)
def test_a_test_of_other_values_says_nothing_about_the_account(
    account: MailAccount, user: User, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    def changed_meanwhile(*args: Any, **kwargs: Any) -> Probe:
        MailAccount.objects.update(**change)
        return probe(*args, **kwargs)

    monkeypatch.setattr(trials, "probe", changed_meanwhile)
    assert run(account, user).result["passed"]
    assert MailAccount.objects.get().verified_at is None


def test_the_first_of_the_accounts_mailboxes_is_counted(
    account: MailAccount, dovecot: Dovecot, mail_user: str, user: User
) -> None:
    dovecot.deliver(mail_user, factories.raw(), mailbox="Übersicht")
    account.mailboxes = ["Übersicht", "INBOX"]
    account.save()
    trial = run(account, user)
    assert facts(trial, "messages") == {"mailbox": "Übersicht", "messages": 1, "unread": 1}
    assert {"name": "Übersicht", "special_use": ""} in trial.result["mailboxes"]


def test_a_secret_that_cannot_be_read_fails_the_login(account: MailAccount, user: User) -> None:
    MailAccount.objects.update(username="somebody else")
    name, said = failure(run(account, user))
    assert name == "login"
    assert "cannot be read with this site's encryption keys" in said


def test_a_test_changes_nothing(
    account: MailAccount, dovecot: Dovecot, mail_user: str, user: User
) -> None:
    dovecot.deliver(mail_user, factories.raw())
    before = [path.name for path in dovecot.message_files(mail_user)]
    assert run(account, user).result["passed"]
    flags = [path.name.partition(":2,")[2] for path in dovecot.message_files(mail_user)]
    assert (flags, len(before)) == ([""], 1)
    assert not Mailbox.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_without_a_worker_a_trial_says_what_it_waits_for(
    folder: EmailFolderPage, user: User
) -> None:
    trial = trials.request_trial(factories.account(folder), CONNECTION, user)
    state = trials.waits_because(trial)
    assert state is not None
    assert state.command == "python manage.py qcluster"
    WorkerHeartbeat.beat()
    assert trials.waits_because(trial) is None


def test_what_nobody_foresaw_ends_the_trial_and_is_raised(
    account: MailAccount, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: object, **kwargs: object) -> Probe:
        raise RuntimeError

    monkeypatch.setattr(trials, "probe", break_down)
    trial = trials.request_trial(account, CONNECTION, user)
    with pytest.raises(RuntimeError):
        tasks.run_trial(trial.pk)
    with pytest.raises(RuntimeError):
        trials.try_values(account.endpoint(), "imap", user)
    for trial in Trial.objects.all():
        assert trial.status == TrialStatus.DONE
        assert "did not foresee" in failure(trial)[1]


@pytest.mark.parametrize("kind", TrialKind.values)
def test_a_trial_lost_with_its_worker_is_ended_and_old_ones_are_forgotten(
    folder: EmailFolderPage, user: User, kind: TrialKind
) -> None:
    account = factories.account(folder)
    lost, fresh, old = (trials.request_trial(account, kind, user) for _ in range(3))
    now = timezone.now()
    of = Trial.objects.filter
    of(pk=lost.pk).update(requested_at=now - timedelta(minutes=20), status=TrialStatus.RUNNING)
    days = 91 if kind == TrialKind.RECONCILIATION else 8
    of(pk=old.pk).update(requested_at=now - timedelta(days=days))
    tasks.dispatch()
    assert not of(pk=old.pk).exists()
    lost.refresh_from_db()
    fresh.refresh_from_db()
    assert (lost.status, fresh.status) == (TrialStatus.DONE, TrialStatus.QUEUED)
    assert "TrialLost" in json.dumps(lost.result)
