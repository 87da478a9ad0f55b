"""Managers are told once of what needs them, and once that it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.mail import EmailMessage
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from pytest_django import DjangoAssertNumQueries, Settings
from wagtail.users.models import UserProfile

from tests import factories
from tests.admin.conftest import manager_of, user_with
from wagtail_mailarchive import tasks
from wagtail_mailarchive.fetching import alerts, health, notices
from wagtail_mailarchive.models import (
    AccountHealth,
    ArchiveSiteSettings,
    EmailFolderPage,
    MailAccount,
    Notice,
    OAuthGrant,
    RunStatus,
    Trial,
    TrialKind,
    TrialStatus,
    WorkerHeartbeat,
)

pytestmark = pytest.mark.django_db

REJECTED = {"host": "imap.example.org", "username": "ada"}


@pytest.fixture
def manager(folder: EmailFolderPage) -> User:
    return with_address(manager_of(folder), "manager@example.org")


@pytest.fixture
def account(folder: EmailFolderPage, manager: User) -> MailAccount:
    """Watched since long, and well."""
    made = factories.account(folder, name="Support")
    succeed(made)
    watch()
    return made


def with_address(user: User, address: str) -> User:
    user.email = address
    user.save()
    return user


def fail(account: MailAccount, code: str = "HostNotFound", times: int = 1) -> None:
    for _ in range(times):
        run = factories.fetch_run(
            account,
            RunStatus.FAILED,
            finished_at=timezone.now(),
            error_code=code,
            error_params=REJECTED,
        )
        health.note_end(run)


def succeed(account: MailAccount, waiting: int = 0) -> None:
    run = factories.fetch_run(
        account, RunStatus.SUCCEEDED, finished_at=timezone.now(), waiting=waiting
    )
    health.note_end(run)


def watch() -> None:
    """What the worker does each minute, mails included."""
    alerts.evaluate()
    notices.send_due()


def know(account: MailAccount, **values: Any) -> None:
    AccountHealth.objects.filter(pk=account.pk).update(**values)


def standing(user: Any) -> list[tuple[str, str]]:
    return [(each.kind, each.state.sentence) for each in alerts.standing_for(user)]


def text(mail: EmailMessage) -> str:
    return f"{mail.subject}\n{mail.body}"


def test_all_is_well(account: MailAccount, manager: User, mailoutbox: list[EmailMessage]) -> None:
    WorkerHeartbeat.beat()
    watch()
    assert (standing(manager), mailoutbox) == ([], [])


def test_three_failures_are_told_once_and_so_is_the_recovery(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    WorkerHeartbeat.beat()
    fail(account, times=2)
    watch()
    assert mailoutbox == []
    fail(account)
    watch()
    fail(account)
    watch()
    [mail] = mailoutbox
    assert mail.to == ["manager@example.org"]
    assert mail.subject == "Mail account Support needs attention"
    assert "The last 3 fetches failed. There is no server named imap.example.org." in text(mail)
    assert f"http://localhost/admin/mailarchive/accounts/edit/{account.pk}/" in text(mail)
    [(kind, sentence)] = standing(manager)
    assert kind == "failing"
    # The dashboard tells it as it is now.
    assert sentence.startswith("The last 4 fetches failed.")
    succeed(account)
    watch()
    watch()
    [_, recovery] = mailoutbox
    assert recovery.subject == "Mail account Support is well again"
    assert "New mail is fetched again." in text(recovery)
    assert standing(manager) == []
    # It is told anew when it comes anew.
    fail(account, times=3)
    watch()
    assert len(mailoutbox) == 3


def test_an_account_that_is_held_says_why_and_stands_until_a_fetch_succeeds(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    WorkerHeartbeat.beat()
    fail(account, "LoginRejected", times=3)
    watch()
    [mail] = mailoutbox
    assert "Nothing is fetched any more until somebody acts." in text(mail)
    assert "rejected the user name or password of ada" in text(mail)
    health.release(account)
    watch()
    # Nobody knows yet whether what was changed helps.
    assert [kind for kind, _ in standing(manager)] == ["held"]
    assert len(mailoutbox) == 1
    succeed(account)
    watch()
    assert "New mail is fetched again." in text(mailoutbox[1])
    assert standing(manager) == []


def test_what_gets_worse_is_told_and_what_gets_better_in_part_is_not(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    WorkerHeartbeat.beat()
    fail(account, times=3)
    watch()
    know(account, held_code="LoginRejected", held_params=REJECTED)
    watch()
    assert [mail.subject for mail in mailoutbox] == ["Mail account Support needs attention"] * 2
    assert [kind for kind, _ in standing(manager)] == ["held"]
    know(account, held_code="", failures=3)
    watch()
    assert [kind for kind, _ in standing(manager)] == ["failing"]
    assert len(mailoutbox) == 2


def test_a_day_without_success_is_told(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    long_ago = datetime(2026, 3, 5, 13, 30, tzinfo=UTC)
    know(account, last_success_at=timezone.now() - timedelta(hours=23), watched_since=long_ago)
    compare(account, is_complete=True)
    watch()
    assert mailoutbox == []
    know(account, last_success_at=long_ago)
    watch()
    watch()
    [mail] = mailoutbox
    # In the site's zone, because the manager chose none.
    assert "No fetch has succeeded since March 5, 2026, 2:30 p.m." in text(mail)


def test_who_is_fetched_once_a_week_is_not_missed_after_a_day(
    account: MailAccount, mailoutbox: list[EmailMessage]
) -> None:
    MailAccount.objects.update(interval=7 * 24 * 60)
    week_ago = timezone.now() - timedelta(days=8)
    know(account, last_success_at=week_ago, watched_since=week_ago)
    watch()
    assert mailoutbox == []


def test_an_account_that_is_switched_on_again_is_not_missed_at_once(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    month_ago = timezone.now() - timedelta(days=30)
    know(account, last_success_at=month_ago, watched_since=month_ago)
    MailAccount.objects.update(enabled=False)
    watch()
    MailAccount.objects.update(enabled=True)
    watch()
    assert mailoutbox == []


def test_who_switches_an_account_or_the_site_off_is_not_told_of_it(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    WorkerHeartbeat.beat()
    fail(account, times=3)
    watch()
    MailAccount.objects.update(enabled=False)
    watch()
    assert (standing(manager), len(mailoutbox)) == ([], 1)
    MailAccount.objects.update(enabled=True)
    ArchiveSiteSettings.objects.create(is_on=False)
    watch()
    assert (standing(manager), len(mailoutbox)) == ([], 1)


def test_a_certificate_that_ends_soon_is_told(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    now = timezone.now()
    health.note_certificate(account.pk, now + timedelta(days=15))
    watch()
    assert mailoutbox == []
    health.note_certificate(account.pk, now + timedelta(days=13))
    watch()
    watch()
    assert "The certificate of imap.example.org ends on" in text(mailoutbox[0])
    health.note_certificate(account.pk, now + timedelta(days=90))
    watch()
    assert "does not end soon any more" in text(mailoutbox[1])
    assert len(mailoutbox) == 2


def test_a_sign_in_that_ends_soon_is_told(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    grant = OAuthGrant.objects.create(
        account=account,
        provider="google",
        refresh_expires_at=timezone.now() + timedelta(days=3),
        access_expires_at=timezone.now() + timedelta(hours=1),
    )
    watch()
    # This account is entered with a password.
    assert mailoutbox == []
    MailAccount.objects.update(login="oauth2", oauth_provider="google")
    watch()
    assert "Sign in again before." in text(mailoutbox[0])
    grant.refresh_expires_at = None
    grant.save()
    watch()
    assert mailoutbox[1].subject == "Mail account Support is well again"


def test_a_backlog_that_grows_is_told_until_it_shrinks(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    for waiting in (20, 20, 30):
        succeed(account, waiting)
        watch()
    assert mailoutbox == []
    for waiting in (31, 31, 40):
        succeed(account, waiting)
        watch()
    [mail] = mailoutbox
    assert "31 messages wait on the server" in text(mail)
    for waiting in (25, 20):
        succeed(account, waiting)
        watch()
    assert "becomes less again" in text(mailoutbox[1])
    assert len(mailoutbox) == 2


def test_a_first_fetch_in_portions_is_no_backlog(
    account: MailAccount, mailoutbox: list[EmailMessage]
) -> None:
    for waiting in (5000, 4900, 4800, 4700):
        succeed(account, waiting)
        watch()
    assert mailoutbox == []


def test_only_managers_with_an_address_are_told(
    account: MailAccount, folder: EmailFolderPage, mailoutbox: list[EmailMessage]
) -> None:
    manager_of(folder)  # no address
    with_address(user_with(folder, "change", "publish"), "publisher@example.org")
    with_address(manager_of(factories.folder()), "elsewhere@example.org")
    with_address(factories.superuser(), "boss@example.org")
    left = with_address(manager_of(folder), "left@example.org")
    left.is_active = False
    left.save()
    fail(account, times=3)
    watch()
    assert sorted(mail.to[0] for mail in mailoutbox) == ["boss@example.org", "manager@example.org"]
    assert all(len(mail.to) == 1 and not mail.cc and not mail.bcc for mail in mailoutbox)


def test_who_lost_the_permission_meanwhile_is_not_told(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    fail(account, times=3)
    alerts.evaluate()
    manager.groups.clear()
    notices.send_due()
    assert (mailoutbox, Notice.objects.count()) == ([], 0)


def test_a_mail_is_in_its_readers_language_and_time(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    UserProfile.objects.create(
        user=manager, preferred_language="de", current_time_zone="Asia/Tokyo"
    )
    moment = datetime(2026, 3, 5, 20, 30, tzinfo=UTC)
    know(account, last_success_at=moment, watched_since=moment)
    watch()
    # Dates follow the language even where a sentence is not translated.
    assert "6. März 2026 05:30" in text(mailoutbox[0])


def test_names_are_shown_as_they_are_and_never_become_headers(
    account: MailAccount, folder: EmailFolderPage, mailoutbox: list[EmailMessage]
) -> None:
    MailAccount.objects.update(name="R&D <x>\r\nBcc: victim@example.org")
    fail(account, times=3)
    watch()
    [mail] = mailoutbox
    assert mail.subject == "Mail account R&D <x> Bcc: victim@example.org needs attention"
    assert "R&D <x>" in mail.body
    assert mail.recipients() == ["manager@example.org"]


def test_a_site_can_replace_the_words(
    account: MailAccount, mailoutbox: list[EmailMessage], settings: Settings, tmp_path: Any
) -> None:
    place = tmp_path / "wagtail_mailarchive" / "alerts"
    place.mkdir(parents=True)
    (place / "subject.txt").write_text("[intranet] {{ account.name }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    fail(account, times=3)
    watch()
    assert mailoutbox[0].subject == "[intranet] Support"


# The second one is what e.g. an address raises that no message can hold.
@pytest.mark.parametrize("error", [ConnectionRefusedError, UnicodeError])
def test_a_mail_server_that_fails_is_tried_again_and_stops_nothing(
    account: MailAccount,
    settings: Settings,
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    def refuse(self: EmailMessage, *args: object, **kwargs: object) -> int:
        raise error

    fail(account, times=3)
    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", refuse)
        tasks.dispatch()
        assert tasks.send_notices() == 0
        # Not again in the next minute.
        assert tasks.send_notices() == 0
    assert Notice.objects.get().tries == 1
    assert notices.send_due() == 0
    Notice.objects.update(try_at=timezone.now())
    assert notices.send_due() == 1
    assert len(mailoutbox) == 1
    assert not Notice.objects.exists()


def test_a_mail_that_nobody_takes_is_given_up(
    account: MailAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: EmailMessage, *args: object, **kwargs: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailMessage, "send", refuse)
    fail(account, times=3)
    alerts.evaluate()
    for _ in range(25):
        Notice.objects.update(try_at=timezone.now())
        notices.send_due()
    assert not Notice.objects.exists()


def compare(account: MailAccount, *, is_complete: bool, days_ago: int = 0) -> None:
    Trial.objects.create(
        kind=TrialKind.RECONCILIATION,
        account=account,
        status=TrialStatus.DONE,
        finished_at=timezone.now() - timedelta(days=days_ago),
        result={"is_complete": is_complete, "differences": 0},
    )


def test_an_account_that_is_never_compared_to_the_end_is_told(
    account: MailAccount, manager: User, mailoutbox: list[EmailMessage]
) -> None:
    know(account, watched_since=timezone.now() - timedelta(days=60))
    compare(account, is_complete=True, days_ago=20)
    compare(account, is_complete=False)
    watch()
    assert mailoutbox == []
    Trial.objects.filter(result__is_complete=True).delete()
    compare(account, is_complete=True, days_ago=22)
    watch()
    watch()
    [mail] = mailoutbox
    assert "have not been compared completely since" in text(mail)
    # That it is not fetched any more, and so not compared, is no recovery.
    know(account, held_code="LoginRejected", held_params=REJECTED)
    watch()
    assert "were compared completely again" not in text(mailoutbox[-1])
    know(account, held_code="", held_params={})
    compare(account, is_complete=True)
    succeed(account)
    watch()
    assert "were compared completely again" in text(mailoutbox[-1])


def test_an_account_that_never_succeeded_is_not_told_to_be_compared(
    account: MailAccount, manager: User
) -> None:
    know(account, watched_since=timezone.now() - timedelta(days=60), last_success_at=None)
    watch()
    assert "uncompared" not in [each.kind for each in alerts.standing_for(manager)]


def test_two_workers_send_one_mail(
    account: MailAccount, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(account, times=3)
    # Another worker looks at the same account between our look and our note.
    look = alerts._watched

    def look_while_another_is_faster() -> list[Any]:
        mine = look()
        monkeypatch.setattr(alerts, "_watched", look)
        alerts.evaluate()
        return mine

    monkeypatch.setattr(alerts, "_watched", look_while_another_is_faster)
    alerts.evaluate()
    assert Notice.objects.count() == 1

    # Another worker sends it while we do.
    send = EmailMessage.send

    def send_while_another_tries(self: EmailMessage, *args: Any, **kwargs: Any) -> int:
        monkeypatch.setattr(EmailMessage, "send", send)
        notices.send_due()
        return send(self, *args, **kwargs)

    monkeypatch.setattr(EmailMessage, "send", send_while_another_tries)
    notices.send_due()
    assert len(mailoutbox) == 1


def test_the_minutely_task_only_queues_the_mails(
    account: MailAccount, mailoutbox: list[EmailMessage]
) -> None:
    fail(account, times=3)
    tasks.dispatch()
    assert mailoutbox == []
    queued = [SignedPackage.loads(row.payload) for row in OrmQ.objects.all()]
    assert ("wagtail_mailarchive.tasks.send_notices", ()) in [
        (package["func"], package["args"]) for package in queued
    ]


def test_everyone_sees_on_the_dashboard_what_they_manage(
    account: MailAccount, manager: User, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    fail(account, times=3)
    other = factories.account(factories.folder(title="Elsewhere"))
    fail(other, times=3)
    alerts.evaluate()
    [mine] = alerts.standing_for(manager)
    assert (mine.account, mine.folder) == (account, folder)
    assert (mine.state.target, mine.state.step) == (account.pk, "Open the mail account")
    assert mine.state.at is not None
    assert len(alerts.standing_for(factories.superuser())) == 2
    for nobody in (AnonymousUser(), factories.user(), user_with(folder, "change", "publish")):
        assert alerts.standing_for(nobody) == []


def test_the_most_urgent_stands_first(folder: EmailFolderPage, manager: User) -> None:
    WorkerHeartbeat.beat()
    ending, held = factories.account(folder), factories.account(folder)
    health.note_certificate(ending.pk, timezone.now() + timedelta(days=1))
    fail(held, "LoginRejected", times=3)
    alerts.evaluate()
    assert [kind for kind, _ in standing(manager)] == ["held", "certificate"]


def test_without_a_worker_the_dashboard_says_so(account: MailAccount, manager: User) -> None:
    [found] = alerts.standing_for(manager)
    assert (found.kind, found.state.command) == ("worker", "python manage.py qcluster")
    MailAccount.objects.update(enabled=False)
    assert alerts.standing_for(manager) == []


def test_the_number_of_queries_is_constant(
    folder: EmailFolderPage, manager: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def queries(number: int) -> None:
        for _ in range(number):
            fail(factories.account(folder), times=3)
        watch()
        with django_assert_num_queries(7):
            alerts.evaluate()

    queries(1)
    queries(6)
    boss = factories.superuser()
    with django_assert_num_queries(4):
        alerts.standing_for(boss)
