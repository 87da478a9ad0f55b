"""Mailboxes that nobody may open and messages that nobody hands over stop no fetch for ever."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import Mailboxes, Shown
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive.fetching import listing, run
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import (
    EmailFolderPage,
    FetchRun,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.sources.imap import ImapSource

pytestmark = pytest.mark.django_db


@functools.cache
def mail(number: int) -> bytes:
    return factories.raw(f"Message {number}")


def test_where_all_mailboxes_are_archived_one_that_may_not_be_read_is_left_out_and_told(
    folder: EmailFolderPage,
) -> None:
    shared = Shown({1: mail(2)}, refused=True)
    server = Mailboxes(INBOX=Shown({1: mail(1)}), Shared=shared)
    with ScriptedServer(server) as scripted:
        account = factories.account(folder, scripted.endpoint(), mailbox_choice="all")
        first = fetch_now(account).run
        left_out = Mailbox.objects.get(name="Shared")
        assert (first.status, first.archived, first.adds_up) == (RunStatus.SUCCEEDED, 1, True)
        assert (first.error_code, first.anomaly_code) == ("", "")
        assert (left_out.problem_code, left_out.is_archived) == ("MailboxNotFound", False)
        shared.refused = False
        second = fetch_now(account).run
    left_out.refresh_from_db()
    assert (second.archived, second.adds_up) == (1, True)
    assert (left_out.problem_code, left_out.is_archived) == ("", True)


def test_where_no_mailbox_may_be_read_the_fetch_fails(folder: EmailFolderPage) -> None:
    server = Mailboxes(INBOX=Shown(refused=True), Shared=Shown(refused=True))
    with ScriptedServer(server) as scripted:
        account = factories.account(folder, scripted.endpoint(), mailbox_choice="all")
        ended = fetch_now(account).run
    assert (ended.status, ended.error_code) == (RunStatus.FAILED, "MailboxNotFound")


def test_a_mailbox_that_somebody_picked_and_that_is_not_there_is_said(
    folder: EmailFolderPage,
) -> None:
    with ScriptedServer(Mailboxes(INBOX=Shown({1: mail(1)}))) as scripted:
        account = factories.account(folder, scripted.endpoint(), mailboxes=["Gone", "INBOX"])
        ended = fetch_now(account).run
    assert (ended.status, ended.error_code) == (RunStatus.FAILED, "MailboxNotFound")
    assert ended.archived == 1


def test_an_inbox_picked_twice_is_one_mailbox(folder: EmailFolderPage) -> None:
    server = Mailboxes(INBOX=Shown({1: mail(1)}), inbox=Shown({1: mail(1)}))
    with ScriptedServer(server) as scripted:
        account = factories.account(folder, scripted.endpoint(), mailboxes=["INBOX", "inbox"])
        ended = fetch_now(account).run
    assert (ended.archived, ended.duplicates, ended.on_server) == (1, 0, 1)


def test_many_messages_that_are_never_handed_over_make_no_fetch_fail_for_ever(
    folder: EmailFolderPage,
) -> None:
    broken = {2, 3, 4, 5, 6}
    inbox = Shown({uid: mail(uid) for uid in range(1, 8)}, broken=broken)
    server = Mailboxes(INBOX=inbox)
    with ScriptedServer(server) as scripted:
        account = factories.account(folder, scripted.endpoint())
        ended = [fetch_now(account).run for _ in range(4)]
        # Three new ones in a row may mean that the server is broken; once.
        assert [each.status for each in ended[1:]] == [RunStatus.SUCCEEDED] * 3
        assert (ended[-1].waiting, ended[-1].not_read, ended[-1].adds_up) == (5, 5, True)
        assert account.health.failures == 0
        # Each fetch tries three of them again, those that waited longest first.
        tried = LedgerEntry.objects.filter(failed_in__in=[each.pk for each in ended[-2:]])
        assert set(tried.values_list("uid", flat=True)) == broken
        broken.clear()
        last = fetch_now(account).run
    assert (last.archived, last.waiting, last.not_read, last.adds_up) == (5, 0, 0, True)


@pytest.mark.parametrize("change", ["stop", "remove"])
def test_a_run_that_nobody_wants_any_more_ends_while_its_mailbox_is_listed(
    change: str,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(6):
        dovecot.deliver(mail_user, mail(number))
    opened, _ = open_run(account, trigger=Trigger.HAND)
    record = listing._record_window
    windows: list[object] = []

    def one_by_one(self: ImapSource) -> Iterator[list[int]]:
        for uid in range(1, 7):
            yield [uid]

    def then_change(*args: object) -> list[int]:
        windows.append(args)
        found = record(*args)  # type: ignore[arg-type]
        if change == "stop":
            FetchRun.objects.update(stop_requested=True)
        else:
            MailAccount.objects.all().delete()
        return found

    monkeypatch.setattr(ImapSource, "list_uids", one_by_one)
    monkeypatch.setattr(listing, "_record_window", then_change)
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.archived, len(windows)) == (RunStatus.STOPPED, 0, 1)
    assert not Lease.objects.exclude(expires_at=None).exists()


def test_a_worker_says_that_it_is_alive_while_a_mailbox_is_listed(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.deliver(mail_user, mail(1))
    beats: list[int] = []

    def one_by_one(self: ImapSource) -> Iterator[list[int]]:
        yield [1]
        yield [2]

    monkeypatch.setattr(ImapSource, "list_uids", one_by_one)
    opened, _ = open_run(account, trigger=Trigger.HAND)
    before: list[int] = []
    record = listing._record_window

    def noting(*args: object) -> list[int]:
        before.append(len(beats))
        return record(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(listing, "_record_window", noting)
    run.work_on(opened.pk, beat=lambda: beats.append(1))
    assert before[1] > before[0]


def test_an_account_that_was_given_another_user_in_the_middle_goes_on_with_theirs(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    other = dovecot.create_user(f"{mail_user}-other")
    dovecot.deliver(mail_user, mail(1))
    dovecot.create_mailbox(mail_user, "Archive")
    dovecot.deliver(other, mail(2))
    MailAccount.objects.update(mailboxes=["Archive", "INBOX"])
    opened, _ = open_run(account, trigger=Trigger.HAND)
    assert run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES
    account.refresh_from_db()
    account.username, account.mailboxes = other, ["INBOX"]
    account.set_secret(dovecot.endpoint(other).secret)
    account.save()
    while run.work_on(opened.pk, seconds=60) is run.Verdict.CONTINUES:
        pass
    opened.refresh_from_db()
    assert (opened.status, opened.archived, opened.adds_up) == (RunStatus.SUCCEEDED, 1, True)
    assert LedgerEntry.objects.get().message.subject == "Message 2"  # type: ignore[union-attr]
