"""A dry run says what the next fetch would do, and does none of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.maildrop import Maildrop
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive import tasks
from wagtail_mailarchive.fetching import dry_run as dry_runs
from wagtail_mailarchive.fetching import trials
from wagtail_mailarchive.fetching.dry_run import dry_run
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import (
    ArchiveSiteSettings,
    EmailFolderPage,
    LedgerEntry,
    MailAccount,
    MailboxChoice,
    Selection,
    TrialKind,
    TrialStatus,
)
from wagtail_mailarchive.models.account import AfterFetch
from wagtail_mailarchive.models.run import sentence

pytestmark = pytest.mark.django_db

PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3"])


@pytest.fixture
def make(folder: EmailFolderPage, dovecot: Dovecot, mail_user: str) -> Any:
    """Make an account for `mail_user` on the real Dovecot, by either protocol."""

    def account(protocol: str = "imap", **values: Any) -> MailAccount:
        endpoint = dovecot.endpoint(mail_user, protocol=protocol)
        return factories.account(folder, endpoint, protocol=protocol, **values)

    return account


def deliver(dovecot: Dovecot, user: str, *subjects: str, **options: Any) -> None:
    for subject in subjects:
        dovecot.deliver(user, factories.raw(subject), **options)


def fates(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["subject"], each["outcome"]) for each in result["messages"]]


def counts(result: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in result["counts"].items() if number}


def reasons(result: dict[str, Any], outcome: str) -> set[str]:
    return {
        sentence(each["reason_code"], each["reason_params"])
        for each in result["messages"]
        if each["outcome"] == outcome
    }


@PROTOCOLS
def test_it_lists_what_would_be_archived(
    make: Any, protocol: str, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, "One", "Zwölf")
    result = dry_run(make(protocol))
    assert result["error"] is None
    assert fates(result) == [("One", "archive"), ("Zwölf", "archive")]
    assert counts(result) == {"archive": 2}
    assert not result["truncated"]
    first = result["messages"][0]
    assert (first["mailbox"], first["sender"]) == ("INBOX", "Ada Lovelace")
    assert datetime.fromisoformat(first["date"]) == datetime(2026, 3, 5, 13, 30, tzinfo=UTC)
    assert first["size"] > 100


@PROTOCOLS
def test_the_fetch_then_does_what_it_said(
    make: Any, protocol: str, dovecot: Dovecot, mail_user: str
) -> None:
    account = make(protocol, message_limit=2)
    deliver(dovecot, mail_user, "One", "Two", "Three")
    for expected in ({"archive": 2, "waiting": 1}, {"archive": 1, "known": 2}, {"known": 3}):
        said = counts(dry_run(account))
        assert said == expected
        run = fetch_now(account).run
        assert (run.archived, run.waiting) == (said.get("archive", 0), said.get("waiting", 0))


@PROTOCOLS
def test_it_changes_nothing_here_and_nothing_there(
    make: Any, protocol: str, dovecot: Dovecot, mail_user: str
) -> None:
    def everything() -> dict[str, Any]:
        ours = apps.get_app_config("wagtail_mailarchive").get_models()
        return {
            model.__name__: list(model._default_manager.order_by("pk").values()) for model in ours
        }

    def flags() -> list[str]:
        # Dovecot itself moves what is new to another folder.
        return [path.name.partition(":2,")[2] for path in dovecot.message_files(mail_user)]

    account = make(protocol)
    deliver(dovecot, mail_user, "One")
    fetch_now(account)
    deliver(dovecot, mail_user, "Two", flags="")
    deliver(dovecot, mail_user, "Three", flags="S")
    before = everything(), flags()
    result = dry_run(account)
    assert counts(result) == {"known": 1, "archive": 2}
    assert (everything(), flags()) == before


def test_what_is_too_large_or_waits_for_the_limit_says_so(
    make: Any, dovecot: Dovecot, mail_user: str
) -> None:
    ArchiveSiteSettings.objects.create(max_message_megabytes=1)
    dovecot.deliver(mail_user, factories.raw("Huge", ("x" * 70 + "\n") * 20_000))
    deliver(dovecot, mail_user, "One", "Two", "Three")
    result = dry_run(make(message_limit=2))
    assert counts(result) == {"archive": 2, "waiting": 1, "too_large": 1}
    assert fates(result)[:2] == [("One", "archive"), ("Two", "archive")]
    assert reasons(result, "too_large") == {
        "It has 2 MB, and the account takes messages up to 1 MB."
    }
    assert reasons(result, "waiting") == {
        "It comes later, because one fetch takes at most 2 messages."
    }


@pytest.mark.usefixtures("durable")
@PROTOCOLS
def test_what_would_be_deleted_is_listed_with_the_reason(
    make: Any, protocol: str, dovecot: Dovecot, mail_user: str
) -> None:
    account = make(protocol)
    deliver(dovecot, mail_user, "Old", "Recent")
    fetch_now(account)
    old = LedgerEntry.objects.filter(message__subject="Old")
    old.update(decided_at=timezone.now() - timedelta(days=8))
    deliver(dovecot, mail_user, "New")
    account.after_fetch, account.after_fetch_days = AfterFetch.DELETE, 7
    result = dry_run(account)
    assert fates(result) == [("New", "archive"), ("Old", "delete")]
    assert counts(result) == {"archive": 1, "delete": 1, "known": 1}
    assert reasons(result, "delete") == {
        "It is archived already, and the time that the account waits (7 days) has passed."
    }
    account.after_fetch_days = 0
    assert counts(dry_run(account)) == {"archive": 1, "delete": 2}
    assert reasons(dry_run(account), "delete") == {"It is archived already."}
    assert result["refusal"] is None


@pytest.mark.usefixtures("durable")
@pytest.mark.parametrize("action", [AfterFetch.MARK_READ, AfterFetch.MOVE])
def test_what_would_be_marked_or_moved_is_listed_until_it_is_done(
    action: AfterFetch, make: Any, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, "One")
    account = make(after_fetch=action, move_to="Done")
    assert counts(dry_run(account)) == {"archive": 1}
    MailAccount.objects.update(after_fetch=AfterFetch.LEAVE)
    fetch_now(MailAccount.objects.get())
    assert counts(dry_run(account)) == {action.value: 1}
    MailAccount.objects.update(after_fetch=action)
    fetch_now(MailAccount.objects.get())
    left = {"known": 1} if action == AfterFetch.MARK_READ else {}
    assert counts(dry_run(account)) == left


def test_why_nothing_would_be_deleted_is_told(make: Any, dovecot: Dovecot, mail_user: str) -> None:
    ArchiveSiteSettings.objects.create(allow_server_deletion=False)
    deliver(dovecot, mail_user, "One")
    account = make()
    fetch_now(account)
    account.after_fetch = AfterFetch.DELETE
    result = dry_run(account)
    assert counts(result) == {"known": 1}
    assert result["refusal"]["code"] == "ServerDeletionForbidden"


def test_the_accounts_own_limit_of_size_counts(make: Any, dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, factories.raw("Huge", ("x" * 70 + "\n") * 20_000))
    account = make(size_limit=1)
    assert counts(dry_run(account)) == {"too_large": 1}
    run = fetch_now(account).run
    assert (run.too_large, run.archived) == (1, 0)
    LedgerEntry.objects.update(is_wanted=True)
    assert counts(dry_run(account)) == {"archive": 1}


def test_what_is_not_selected_says_why(make: Any, dovecot: Dovecot, mail_user: str) -> None:
    deliver(dovecot, mail_user, "Read", flags="S", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    deliver(dovecot, mail_user, "Unread", received_at=datetime(2026, 3, 1, tzinfo=UTC))
    account = make(selection=Selection.UNREAD)
    result = dry_run(account)
    assert fates(result) == [("Unread", "archive"), ("Read", "excluded")]
    [reason] = reasons(result, "excluded")
    assert "read" in reason
    account.selection, account.since = Selection.SINCE, date(2026, 2, 1)
    result = dry_run(account)
    assert fates(result) == [("Unread", "archive"), ("Read", "excluded")]
    [reason] = reasons(result, "excluded")
    assert "2026-02-01" in reason
    account.selection = Selection.EVERYTHING
    assert counts(dry_run(account)) == {"archive": 2}


def test_excluded_mail_is_looked_at_anew(make: Any, dovecot: Dovecot, mail_user: str) -> None:
    deliver(dovecot, mail_user, "Read", flags="S")
    account = make(selection=Selection.UNREAD)
    fetch_now(account)
    assert counts(dry_run(account)) == {"excluded": 1}
    account.selection = Selection.EVERYTHING
    assert counts(dry_run(account)) == {"archive": 1}


def test_it_looks_at_the_mailboxes_that_would_be_fetched(
    make: Any, dovecot: Dovecot, mail_user: str
) -> None:
    for mailbox in ("INBOX", "Übersicht", "Spam"):
        deliver(dovecot, mail_user, f"In {mailbox}", mailbox=mailbox)
    result = dry_run(make(mailbox_choice=MailboxChoice.ALL))
    assert {each["mailbox"] for each in result["messages"]} == {"INBOX", "Übersicht"}


def test_one_missing_mailbox_does_not_hide_the_others(
    make: Any, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, "One")
    result = dry_run(make(mailboxes=["Nowhere", "INBOX"]))
    assert result["error"]["code"] == "MailboxNotFound"
    assert "Nowhere" in sentence(result["error"]["code"], result["error"]["params"])
    assert counts(result) == {"archive": 1}


def test_of_many_messages_the_first_are_listed_and_all_are_counted(
    make: Any, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "LISTED", 5)
    account = make(selection=Selection.UNREAD)
    deliver(dovecot, mail_user, *[f"Read {number}" for number in range(9)], flags="S")
    deliver(dovecot, mail_user, "One", "Two", "Three")
    result = dry_run(account)
    assert counts(result) == {"archive": 3, "excluded": 9}
    # Those to be archived come first, however many others the server holds.
    assert [outcome for _, outcome in fates(result)] == ["archive"] * 3 + ["excluded"] * 2
    assert result["truncated"]


def test_mail_without_or_with_hostile_headers_is_listed(
    make: Any, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.deliver(mail_user, b"\r\nNothing but a body.\r\n")
    words = b"=?utf-8?q?=00=ED=A0=80?= " * 3000
    dovecot.deliver(mail_user, b"Subject: " + words + b"\r\nFrom: " + b"(" * 5000 + b"\r\n\r\nx")
    result = dry_run(make())
    assert counts(result) == {"archive": 2}
    assert result["messages"][0]["subject"] == ""
    assert len(result["messages"][1]["subject"]) <= 200
    assert "\x00" not in str(result)


def test_a_login_that_is_rejected_is_told(make: Any) -> None:
    account = make()
    account.set_secret("wrong")
    result = dry_run(account)
    assert result["error"]["code"] == "LoginRejected"
    assert result["messages"] == []


def test_a_maildrop_is_left_without_a_goodbye(folder: EmailFolderPage) -> None:
    """Some servers delete at QUIT what was looked at."""

    maildrop = Maildrop([factories.raw("One").replace(b"\n", b"\r\n")], deletes=True)
    with ScriptedServer(maildrop) as server:
        account = factories.account(folder, server.endpoint(), protocol="pop3")
        assert fates(dry_run(account)) == [("One", "archive")]
        assert server.received
    assert (maildrop.quits, maildrop.retrieved) == (0, [[]])


def test_the_worker_does_it_by_id(make: Any, dovecot: Dovecot, mail_user: str) -> None:
    deliver(dovecot, mail_user, "One")
    user: User = factories.user()
    trial = trials.request_trial(make(), TrialKind.DRY_RUN, user)
    tasks.run_trial(trial.pk)
    trial.refresh_from_db()
    assert trial.status == TrialStatus.DONE
    assert fates(trial.result) == [("One", "archive")]
