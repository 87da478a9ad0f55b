"""POP3: what is archived stays known by its name, and by its bytes where names do not hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import pytest
from django.db import OperationalError
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.maildrop import Maildrop
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive.archive import originals, transactions
from wagtail_mailarchive.archive.writer import Writer
from wagtail_mailarchive.exceptions import ParserTimedOut
from wagtail_mailarchive.fetching import batches, run
from wagtail_mailarchive.fetching import maildrop as maildrops
from wagtail_mailarchive.fetching.foreground import Report, fetch_now
from wagtail_mailarchive.fetching.lease import HeldLease
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.sources.base import Security

pytestmark = pytest.mark.django_db


def mail(number: int) -> bytes:
    raw = factories.raw(f"Message {number}", body="Body\n.\n..dots\n" + "x" * number + "\n")
    return raw.replace(b"\n", b"\r\n")


def mails(number: int) -> list[bytes]:
    return [mail(each) for each in range(number)]


@contextmanager
def connected(folder: EmailFolderPage, maildrop: Maildrop) -> Iterator[MailAccount]:
    """An account of `folder` whose server has `maildrop`."""
    with ScriptedServer(maildrop) as server:
        yield factories.account(folder, server.endpoint(), protocol="pop3")


def fetch(account: MailAccount) -> Report:
    report = fetch_now(account)
    assert report.run.status == RunStatus.SUCCEEDED, report.sentence()
    assert report.run.adds_up
    return report


def archived() -> set[bytes]:
    return {originals.read(each.original) for each in EmailMessagePage.objects.all()}


def rows() -> int:
    return LedgerEntry.objects.count()


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS, Security.PLAIN])
def test_dovecots_maildrop_becomes_pages_byte_for_byte_and_stays(
    security: Security, folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    raws = mails(5)
    for raw in raws[:3]:
        dovecot.deliver(mail_user, raw)
    port = dovecot.pop3s if security is Security.TLS else dovecot.pop3
    endpoint = replace(dovecot.endpoint(mail_user, security), port=port)
    account = factories.account(folder, endpoint, protocol="pop3")
    assert fetch(account).run.archived == 3
    for raw in raws[3:]:
        dovecot.deliver(mail_user, raw)
    again = fetch(account)
    assert (again.run.archived, again.run.duplicates, again.run.on_server) == (2, 0, 5)
    assert archived() == set(raws)
    assert len(dovecot.message_files(mail_user)) == 5
    assert not fetch(account).run.archived


def test_only_what_is_new_is_retrieved(folder: EmailFolderPage) -> None:
    maildrop = Maildrop(mails(4))
    with connected(folder, maildrop) as account:
        fetch(account)
        del maildrop.messages[1]
        maildrop.messages.append(mail(9))
        report = fetch(account)
    assert maildrop.retrieved == [[1, 2, 3, 4], [4]]
    assert (report.run.archived, report.run.on_server) == (1, 4)
    assert LedgerEntry.objects.filter(presence=Presence.GONE).count() == 1
    assert Mailbox.objects.get().uidvalidity == 0
    assert maildrop.quits == 2


def test_a_long_listing_is_noted_in_portions_each_good_by_itself(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maildrops, "_ROWS_PER_TRANSACTION", 2)
    real = HeldLease.renew

    def dying(self: HeldLease) -> None:
        if rows() == 4:
            raise OperationalError
        real(self)

    maildrop = Maildrop(mails(5))
    with connected(folder, maildrop) as account:
        with monkeypatch.context() as patch:
            patch.setattr(HeldLease, "renew", dying)
            with pytest.raises(OperationalError):
                fetch_now(account)
        assert rows() == 4
        Lease.objects.update(expires_at=None)
        assert fetch(account).run.archived == 5
    assert rows() == 5


def test_a_name_used_again_for_other_mail_hides_no_mail(folder: EmailFolderPage) -> None:
    maildrop = Maildrop(mails(2), name=lambda number, raw: f"slot{number}")
    with connected(folder, maildrop) as account:
        fetch(account)
        maildrop.messages.pop()
        fetch(account)
        maildrop.messages.append(mail(7))
        report = fetch(account)
    assert report.run.archived == 1
    assert len(archived()) == 3


def test_without_unique_ids_headers_tell_messages_apart(folder: EmailFolderPage) -> None:
    raws = mails(3)
    maildrop = Maildrop(raws, name=None)
    with connected(folder, maildrop) as account:
        fetch(account)
        report = fetch(account)
        maildrop.messages.insert(0, mail(9))
        assert fetch(account).run.archived == 1
    assert (report.run.archived, report.run.duplicates) == (0, 0)
    assert maildrop.retrieved == [[1, 2, 3], [], [1]]


def test_two_messages_of_one_name_are_both_archived(folder: EmailFolderPage) -> None:
    raws = mails(3)
    maildrop = Maildrop(raws, name=lambda number, raw: "x" if number > 1 else "y")
    with connected(folder, maildrop) as account:
        fetch(account)
        del maildrop.messages[1]
        report = fetch(account)
    assert archived() == set(raws)
    assert (report.run.archived, report.run.on_server) == (0, 2)


def test_a_copy_of_the_same_name_is_a_duplicate(folder: EmailFolderPage) -> None:
    [raw] = mails(1)
    maildrop = Maildrop([raw, raw], name=lambda number, raw: "x")
    with connected(folder, maildrop) as account:
        report = fetch(account)
        assert (report.run.archived, report.run.duplicates, report.run.on_server) == (1, 1, 2)
        assert fetch(account).run.bytes_fetched == 0


def test_nameless_mail_is_read_each_time_and_the_ledger_does_not_grow(
    folder: EmailFolderPage,
) -> None:
    raws = mails(4)
    maildrop = Maildrop(raws, name=None, has_top=False)
    with connected(folder, maildrop) as account:
        fetch(account)
        known = rows()
        for _ in range(3):
            report = fetch(account)
            assert (report.run.archived, report.run.duplicates) == (0, 4)
        assert rows() == known == 4
        del maildrop.messages[0]
        maildrop.messages.append(mail(9))
        report = fetch(account)
    assert (report.run.archived, report.run.duplicates, report.run.on_server) == (1, 3, 4)
    assert rows() == 5
    assert LedgerEntry.objects.get(presence=Presence.GONE).outcome == Outcome.ARCHIVED
    assert len(archived()) == 5


def test_names_that_change_each_time_do_not_make_the_ledger_grow(folder: EmailFolderPage) -> None:
    sessions = itertools.count()
    raws = mails(4)
    maildrop = Maildrop([*raws, raws[0]], name=lambda number, raw: f"{next(sessions)}-{number}")
    with connected(folder, maildrop) as account:
        for _ in range(3):
            report = fetch(account)
    assert (report.run.archived, report.run.duplicates, report.run.on_server) == (0, 5, 5)
    assert rows() == 5
    assert EmailMessagePage.objects.count() == 4


def test_nameless_mail_that_cannot_be_read_stays_quarantined_once(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: ParserProcess, messages: list[object]) -> Iterator[object]:
        yield from (ParserTimedOut(seconds=10) for _ in messages)

    monkeypatch.setattr(ParserProcess, "parse_many", failing)
    maildrop = Maildrop(mails(1), name=None, has_top=False)
    with connected(folder, maildrop) as account:
        for _ in range(3):
            fetch(account)
    entry = LedgerEntry.objects.get()
    assert (entry.outcome, entry.presence) == (Outcome.QUARANTINED, Presence.PRESENT)
    assert entry.original is not None


def test_nameless_mail_of_a_long_run_is_read_once_in_it(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    maildrop = Maildrop(mails(6), name=None, has_top=False)
    with connected(folder, maildrop) as account:
        opened, _ = open_run(account, trigger=Trigger.HAND)
        tasks = 1
        while run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES:
            tasks += 1
            assert tasks < 10
    opened.refresh_from_db()
    assert (opened.status, opened.archived, opened.duplicates) == (RunStatus.SUCCEEDED, 6, 0)
    assert sorted(chain.from_iterable(maildrop.retrieved)) == [1, 2, 3, 4, 5, 6]
    # A task whose time is up takes its leave all the same.
    assert maildrop.quits == tasks > 1


def test_a_limit_is_passed_where_all_is_read_again(folder: EmailFolderPage) -> None:
    maildrop = Maildrop(mails(5), name=None, has_top=False)
    with connected(folder, maildrop) as account:
        account.message_limit = 2
        account.save()
        assert [fetch(account).run.archived for _ in range(4)] == [2, 2, 1, 0]
    assert rows() == 5


def test_too_large_mail_without_a_name_is_one_row(
    folder: EmailFolderPage, settings: Settings
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": 5_000}
    maildrop = Maildrop([mail(1), mail(9_000)], name=None, has_top=False)
    with connected(folder, maildrop) as account:
        for _ in range(3):
            report = fetch(account)
    assert (report.run.too_large, report.run.on_server) == (1, 2)
    assert rows() == 2


def test_where_retrieving_deletes_a_failing_database_loses_nothing(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    raws = mails(6)
    maildrop = Maildrop(raws, deletes=True)
    write = Writer._write
    calls = itertools.count()

    def failing(self: Writer, batch: object) -> None:
        if next(calls) == 1:
            raise OperationalError("disk full")
        write(self, batch)  # type: ignore[arg-type]

    with connected(folder, maildrop) as account:
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "_write", failing)
            patch.setattr(transactions, "worth_retrying", lambda error: False)
            assert fetch_now(account).run.error_code == "UnexpectedFetchError"
        assert (maildrop.quits, maildrop.messages) == (0, raws)
        assert len(archived()) == 2
        report = fetch(account)
        assert (report.run.archived, maildrop.messages) == (4, raws[:2])
        assert archived() == set(raws)
        assert fetch(account).run.on_server == 2
    assert LedgerEntry.objects.filter(presence=Presence.GONE).count() == 4


def test_where_retrieving_deletes_a_stopped_run_loses_nothing(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    raws = mails(8)
    maildrop = Maildrop(raws, deletes=True)
    with connected(folder, maildrop) as account:
        report = fetch_now(account, after_batch=lambda current: stop(account))
        assert (report.run.status, report.run.archived) == (RunStatus.STOPPED, 2)
        assert maildrop.messages == raws
        assert fetch(account).run.archived == 6
    assert maildrop.messages == raws[:2]
    assert archived() == set(raws)


def stop(account: MailAccount) -> None:
    account.runs.update(stop_requested=True)


def test_a_dropped_connection_costs_one_message_and_no_other(folder: EmailFolderPage) -> None:
    maildrop = Maildrop(mails(5))
    maildrop.broken = {3}
    with connected(folder, maildrop) as account:
        report = fetch(account)
        assert (report.run.archived, report.run.waiting) == (4, 1)
        maildrop.broken = set()
        assert fetch(account).run.archived == 1


def test_unread_only_is_everything_for_pop3(folder: EmailFolderPage) -> None:
    maildrop = Maildrop(mails(2))
    with connected(folder, maildrop) as account:
        account.selection = "unread"
        account.mailbox_choice = "all"
        account.save()
        assert fetch(account).run.archived == 2


def test_an_account_that_changes_its_protocol_archives_nothing_twice(
    folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    for raw in mails(3):
        dovecot.deliver(mail_user, raw)
    endpoint = dovecot.endpoint(mail_user)
    account = factories.account(folder, endpoint)
    fetch(account)
    account.protocol = "pop3"
    account.port = dovecot.pop3s
    account.set_secret(endpoint.secret)
    account.save()
    report = fetch(account)
    assert (report.run.archived, report.run.duplicates, report.run.on_server) == (0, 3, 3)
    assert EmailMessagePage.objects.count() == 3
