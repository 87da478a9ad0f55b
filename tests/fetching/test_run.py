"""The whole way: a real server's mailbox becomes pages, and the ledger says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from django.db import connections
from django.utils import timezone
from pytest_django import Settings
from wagtail.models import Page, PageLogEntry

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.exceptions import LeaseLost, ParserTimedOut
from wagtail_mailarchive.fetching import batches, lease, run
from wagtail_mailarchive.fetching.foreground import Report, fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.fetching.tally import tally
from wagtail_mailarchive.fetching.waiting import leave_too_large, waiting
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.sources.base import RemoteHeader
from wagtail_mailarchive.sources.imap import ImapSource

pytestmark = pytest.mark.django_db


def crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def deliver(dovecot: Dovecot, user: str, number: int = 1, mailbox: str = "INBOX") -> list[bytes]:
    raws = [crlf(factories.raw(f"Message {n}")) for n in range(number)]
    for raw in raws:
        dovecot.deliver(user, raw, mailbox=mailbox)
    return raws


def fetch(account: MailAccount) -> Report:
    """Fetch to the end, and expect of every run that it adds up."""
    report = fetch_now(account)
    run = report.run
    assert (run.status, run.adds_up) == (RunStatus.SUCCEEDED, True), run.error
    assert tally(account).adds_up
    assert not any(Page.find_problems())
    return report


def test_mailbox_becomes_pages_byte_for_byte(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    raws = deliver(dovecot, mail_user, 3)
    report = fetch(account)
    assert report.run.status == RunStatus.SUCCEEDED, report.run.error
    assert (report.run.archived, report.run.on_server, report.run.waiting) == (3, 3, 0)
    assert report.run.bytes_fetched == sum(map(len, raws))
    stored = {originals.read(each.original) for each in folder.messages.all()}
    assert stored == set(raws)
    folder.refresh_from_db()
    assert folder.get_children().live().count() == 3


def test_received_time_is_the_servers_and_not_the_time_of_import(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    received = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    dovecot.deliver(mail_user, factories.raw(), received_at=received)
    fetch(account)
    assert EmailMessagePage.objects.get().received_at == received


def test_read_and_unread_mail_is_fetched_alike_and_no_flag_changes(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.deliver(mail_user, factories.raw("Read"), flags="S")
    dovecot.deliver(mail_user, factories.raw("Unread"))
    before = [path.name for path in dovecot.message_files(mail_user)]
    assert fetch(account).run.archived == 2
    assert [path.name for path in dovecot.message_files(mail_user)] == before


def test_second_fetch_finds_nothing_new_and_asks_little(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(dovecot, mail_user, 5)
    fetch(account)
    commands: list[int] = []
    leave = ImapSource.__exit__

    def counting(self: ImapSource, *exc: object) -> None:
        client = self._client
        leave(self, *exc)
        if client is not None:
            commands.append(client.protocol.tagnum)

    monkeypatch.setattr(ImapSource, "__exit__", counting)
    report = fetch(account)
    assert (report.run.archived, report.run.duplicates, report.run.on_server) == (0, 0, 5)
    assert commands[0] <= 8
    assert "nothing new" in report.sentence()


def test_a_fetch_keeps_when_the_servers_certificate_ends(
    account: MailAccount, dovecot: Dovecot
) -> None:
    fetch(account)
    ends = AccountHealth.objects.get(account=account).certificate_expires_at
    shown = x509.load_pem_x509_certificate(dovecot.certificate.certificate.encode())
    assert ends == shown.not_valid_after_utc


def test_only_new_mail_is_read_the_second_time(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, 3)
    fetch(account)
    [raw] = deliver(dovecot, mail_user, 1)
    report = fetch(account)
    assert report.run.archived == 1
    assert report.run.bytes_fetched == len(raw)


def test_several_mailboxes_with_names_beyond_ascii(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.create_mailbox(mail_user, "Entwürfe & mehr")
    deliver(dovecot, mail_user, 2)
    deliver(dovecot, mail_user, 3, mailbox="Entwürfe & mehr")
    account.mailboxes = ["INBOX", "Entwürfe & mehr"]
    account.save()
    assert fetch(account).run.archived == 5


def test_a_missing_mailbox_is_said_and_the_others_are_fetched(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, 2)
    account.mailboxes = ["Nowhere", "INBOX"]
    account.save()
    report = fetch_now(account)
    assert report.run.status == RunStatus.FAILED
    assert report.run.error_code == "MailboxNotFound"
    assert "Nowhere" in report.run.error
    assert report.run.archived == 2


def test_a_message_gone_from_the_server_stays_here(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, 3)
    fetch(account)
    dovecot.remove(mail_user, dovecot.message_files(mail_user)[0].name.partition(":")[0])
    report = fetch(account)
    assert report.run.on_server == 2
    assert LedgerEntry.objects.filter(presence=Presence.GONE).count() == 1
    assert EmailMessagePage.objects.count() == 3


def test_changed_uidvalidity_is_rescanned_without_a_second_page(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, 4)
    fetch(account)
    before = Mailbox.objects.get().uidvalidity
    dovecot.bump_uidvalidity(mail_user)
    report = fetch(account)
    assert Mailbox.objects.get().uidvalidity != before
    assert (report.run.archived, report.run.duplicates) == (0, 4)
    assert EmailMessagePage.objects.count() == 4
    assert LedgerEntry.objects.filter(presence=Presence.GONE).count() == 4


def test_the_same_bytes_in_two_mailboxes_make_one_page(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.create_mailbox(mail_user, "Copies")
    raw = factories.raw()
    dovecot.deliver(mail_user, raw)
    dovecot.deliver(mail_user, raw, mailbox="Copies")
    account.mailboxes = ["INBOX", "Copies"]
    account.save()
    report = fetch(account)
    assert (report.run.archived, report.run.duplicates, report.run.on_server) == (1, 1, 2)


def test_a_message_over_the_limit_stays_on_the_server_and_is_listed(
    account: MailAccount, dovecot: Dovecot, mail_user: str, settings: Settings
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": 5_000}
    deliver(dovecot, mail_user, 2)
    dovecot.deliver(mail_user, factories.raw(body="x\n" * 5_000))
    report = fetch(account)
    assert (report.run.archived, report.run.too_large) == (2, 1)
    entry = LedgerEntry.objects.get(outcome=Outcome.TOO_LARGE)
    assert entry.size is not None
    assert entry.size > 5_000
    assert entry.original is None


def test_a_huge_message_is_read_in_pieces(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "HUGE", 2_000_000)
    monkeypatch.setattr("wagtail_mailarchive.fetching.pipeline.HUGE", 2_000_000)
    raw = crlf(factories.raw(body="All work and no play.\n" * 150_000))
    deliver(dovecot, mail_user, 1)
    dovecot.deliver(mail_user, raw)
    deliver(dovecot, mail_user, 1)
    fetch(account)
    assert EmailMessagePage.objects.count() == 3
    huge = EmailMessagePage.objects.get(size=len(raw))
    assert originals.read(huge.original) == raw


def test_an_interrupted_run_goes_on_where_the_last_commit_ended(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    raws = deliver(dovecot, mail_user, 7)
    opened, _ = open_run(account, trigger=Trigger.HAND)

    class Killed(BaseException):
        """As if the process were gone."""

    def die(current: FetchRun) -> None:
        raise Killed

    with pytest.raises(Killed):
        run.work_on(opened.pk, after_batch=die)
    assert EmailMessagePage.objects.count() == 2
    opened.refresh_from_db()
    assert opened.status == RunStatus.RUNNING
    report = fetch(account)
    assert report.run == opened
    assert report.run.archived == 7
    assert report.run.bytes_fetched == sum(map(len, raws))


def test_a_task_ends_at_a_batch_when_its_time_is_up_and_the_run_continues(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    deliver(dovecot, mail_user, 5)
    opened, _ = open_run(account, trigger=Trigger.SCHEDULE)
    verdicts = []
    while (verdict := run.work_on(opened.pk, seconds=0)) is run.Verdict.CONTINUES:
        verdicts.append(verdict)
        assert not lease.is_held(account.pk)
    assert len(verdicts) >= 2
    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.SUCCEEDED, 5)


def test_a_lost_lease_stops_without_writing_and_leaves_the_run_to_the_other(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    deliver(dovecot, mail_user, 6)
    opened, _ = open_run(account, trigger=Trigger.HAND)

    def steal(current: FetchRun) -> None:
        Lease.objects.filter(account=account).update(token=99)

    assert run.work_on(opened.pk, after_batch=steal) is run.Verdict.BUSY
    assert EmailMessagePage.objects.count() == 2
    opened.refresh_from_db()
    assert opened.is_active


def test_a_redelivered_task_does_nothing_while_the_first_still_runs(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, 1)
    opened, _ = open_run(account, trigger=Trigger.HAND)
    assert lease.acquire(account) is not None
    assert run.work_on(opened.pk) is run.Verdict.BUSY
    assert not EmailMessagePage.objects.exists()


def test_a_finished_run_is_not_worked_on_again(account: MailAccount) -> None:
    opened, _ = open_run(account, trigger=Trigger.HAND)
    FetchRun.objects.filter(pk=opened.pk).update(status=RunStatus.SUCCEEDED)
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    assert not Mailbox.objects.exists()


def test_an_account_switched_off_is_not_fetched(account: MailAccount) -> None:
    opened, _ = open_run(account, trigger=Trigger.HAND)
    MailAccount.objects.update(enabled=False)
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert opened.status == RunStatus.STOPPED


def test_wrong_password_is_a_sentence_without_the_password(
    account: MailAccount, caplog: pytest.LogCaptureFixture
) -> None:
    account.set_secret("wrong secret")
    account.save()
    report = fetch_now(account)
    assert report.run.status == RunStatus.FAILED
    assert report.run.error_code == "LoginRejected"
    assert "rejected the user name or password" in report.sentence()
    assert "wrong secret" not in caplog.text
    assert "wrong secret" not in str(report.as_dict())
    assert not lease.is_held(account.pk)


def test_a_secret_of_another_host_is_never_sent(account: MailAccount) -> None:
    MailAccount.objects.filter(pk=account.pk).update(host="127.0.0.1")
    report = fetch_now(MailAccount.objects.get(pk=account.pk))
    assert report.run.error_code == "SecretUnreadable"


def test_one_failed_account_leaves_the_other_unharmed(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    broken = factories.account(folder, dovecot.endpoint(mail_user, secret="wrong"))
    deliver(dovecot, mail_user, 2)
    assert fetch_now(broken).failed
    assert fetch(account).run.archived == 2


def test_a_message_that_cannot_be_parsed_is_quarantined_and_its_neighbours_are_not(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ParserProcess.parse_many

    def failing(self: ParserProcess, messages: object) -> Iterator[object]:
        for position, result in enumerate(real(self, messages)):  # type: ignore[arg-type]
            yield ParserTimedOut(seconds=10) if position == 1 else result

    monkeypatch.setattr(ParserProcess, "parse_many", failing)
    raws = deliver(dovecot, mail_user, 3)
    report = fetch(account)
    assert report.run.status == RunStatus.SUCCEEDED
    assert (report.run.archived, report.run.quarantined) == (2, 1)
    entry = LedgerEntry.objects.get(outcome=Outcome.QUARANTINED)
    assert entry.original is not None
    assert originals.read(entry.original) == raws[1]


def test_a_fetch_that_brought_something_is_one_entry_in_the_folders_history(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    deliver(dovecot, mail_user, 3)
    fetch(account)
    fetch(account)
    entries = PageLogEntry.objects.filter(action=run.LOG_ACTION, page=folder)
    assert [entry.data["archived"] for entry in entries] == [3]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_accounts_write_into_one_folder_at_once(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    other_user = dovecot.create_user(f"{mail_user}-other")
    other = factories.account(folder, dovecot.endpoint(other_user))
    shared = crlf(factories.raw("In both"))
    for user in (mail_user, other_user):
        deliver(dovecot, user, 150)
        dovecot.deliver(user, shared)
    reports: list[Report] = []

    def work(each: MailAccount) -> None:
        try:
            reports.append(fetch_now(each))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(each,)) for each in (account, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.run.status for report in reports] == [RunStatus.SUCCEEDED] * 2
    assert folder.messages.count() == 301
    assert sum(report.run.duplicates for report in reports) == 1
    assert not any(Page.find_problems())


def test_a_lease_expires_by_the_databases_clock(account: MailAccount) -> None:
    first = lease.acquire(account)
    assert first is not None
    assert lease.acquire(account) is None
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second = lease.acquire(account)
    assert second is not None
    assert second.token == first.token + 1
    with pytest.raises(LeaseLost):
        first.renew()
    second.renew()
    first.release()
    assert lease.is_held(account.pk)
    second.release()
    assert not lease.is_held(account.pk)


def test_windows_of_uids_are_compared_one_by_one(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(dovecot, mail_user, 10)
    fetch(account)
    names = [path.name.partition(":")[0] for path in dovecot.message_files(mail_user)]
    dovecot.remove(mail_user, *names[2:5], names[9])
    deliver(dovecot, mail_user, 2)
    real = ImapSource.list_uids

    def in_windows_of_three(self: ImapSource) -> Iterator[list[int]]:
        for window in real(self):
            for start in range(0, len(window), 3):
                yield window[start : start + 3]

    monkeypatch.setattr(ImapSource, "list_uids", in_windows_of_three)
    report = fetch(account)
    assert (report.run.archived, report.run.on_server) == (2, 8)
    assert LedgerEntry.objects.filter(presence=Presence.GONE).count() == 4


def test_waiting_messages_are_those_present_and_undecided(
    account: MailAccount, folder: EmailFolderPage
) -> None:
    mailbox = Mailbox.objects.create(account=account, folder=folder, name="INBOX", uidvalidity=7)
    entries: dict[int, dict[str, Any]] = {
        1: {},
        2: {"outcome": Outcome.ARCHIVED},
        3: {"presence": Presence.GONE},
        4: {"uidvalidity": 6},
        5: {},
    }
    for uid, values in entries.items():
        LedgerEntry.objects.create(**{"mailbox": mailbox, "uidvalidity": 7, "uid": uid} | values)
    assert waiting(mailbox, 7, run_id=1).uids == [1, 5]


def test_an_account_given_another_folder_archives_there_from_then_on(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    deliver(dovecot, mail_user, 2)
    fetch(account)
    account.folder = factories.folder()
    account.save()
    deliver(dovecot, mail_user, 1)
    assert fetch(account).run.archived == 1
    assert (folder.messages.count(), account.folder.messages.count()) == (2, 1)


def test_progress_is_known_while_a_run_goes_on(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    deliver(dovecot, mail_user, 5)
    seen: list[tuple[int, int, int, str]] = []

    def look(current: FetchRun) -> None:
        current.refresh_from_db()
        seen.append((current.archived, current.waiting, current.on_server, current.current_mailbox))

    fetch_now(account, after_batch=look)
    assert seen == [(2, 3, 5, "INBOX"), (4, 1, 5, "INBOX"), (5, 0, 5, "INBOX")]


def test_a_too_large_message_from_the_end_of_time_is_listed_like_others(
    account: MailAccount, folder: EmailFolderPage
) -> None:
    mailbox = Mailbox.objects.create(account=account, folder=folder, name="INBOX", uidvalidity=7)
    LedgerEntry.objects.create(mailbox=mailbox, uidvalidity=7, uid=1)
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.get_fixed_timezone(-720))
    leave_too_large(mailbox, 7, [RemoteHeader(1, 10**9, last, b"Subject: much\n")])
    entry = LedgerEntry.objects.get()
    assert (entry.outcome, entry.size, entry.received_at) == (Outcome.TOO_LARGE, 10**9, None)


def test_a_size_that_no_row_can_hold_blocks_nothing(
    account: MailAccount, folder: EmailFolderPage
) -> None:
    mailbox = Mailbox.objects.create(account=account, folder=folder, name="INBOX", uidvalidity=7)
    LedgerEntry.objects.create(mailbox=mailbox, uidvalidity=7, uid=1)
    leave_too_large(mailbox, 7, [RemoteHeader(1, 10**19, None, b"")])
    assert (LedgerEntry.objects.get().outcome, LedgerEntry.objects.get().size) == (
        Outcome.TOO_LARGE,
        2**63 - 1,
    )
