"""What servers do wrong at single messages harms neither their neighbours nor the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.exceptions import ConnectionDropped
from wagtail_mailarchive.fetching import batches, lease, listing, pipeline, run, schedule
from wagtail_mailarchive.fetching.foreground import Report, fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import (
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
from wagtail_mailarchive.sources.base import MailboxState
from wagtail_mailarchive.sources.imap import ImapSource

pytestmark = pytest.mark.django_db

Fault = Callable[[Talk, bytes, int], bool]
"""Given the talk, the tag and the UID, misbehaves; returns whether the connection goes on."""


def says_no(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(tag + b" NO corrupt\r\n")
    return True


def says_nil(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] NIL)\r\n" % (uid, uid) + tag + b" OK done\r\n")
    return True


def sends_too_much(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {70000000}\r\n" % (uid, uid))
    return False


def hangs_up(talk: Talk, tag: bytes, uid: int) -> bool:
    return False


def mailbox(bodies: Mapping[int, bytes | Fault], *, listed: str = "") -> Callable[[Talk], None]:
    """A server whose mailbox holds `bodies` by UID; `listed` is what SEARCH says instead."""

    def script(talk: Talk) -> None:
        talk.log_in()
        while one_answer(talk, talk.line(), bodies, listed=listed):
            pass

    return script


def one_answer(
    talk: Talk, line: bytes, bodies: Mapping[int, bytes | Fault], *, listed: str = ""
) -> bool:
    """Answer one command; return whether the connection goes on."""
    tag, _, command = line.partition(b" ")
    if command.startswith(b"LIST"):
        talk.send(b'* LIST () "/" INBOX\r\n')
    elif command.startswith(b"EXAMINE"):
        talk.send(b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 99] x\r\n" % len(bodies))
    elif command.startswith(b"UID SEARCH"):
        said = listed or " ".join(map(str, bodies))
        talk.send(b"* SEARCH " + said.encode().strip() + b"\r\n")
    elif command.startswith(b"UID FETCH"):
        for uid in asked_for(command):
            body = bodies[uid]
            if b"RFC822.SIZE" in command:
                talk.send(
                    b"* %d FETCH (UID %d RFC822.SIZE 100 INTERNALDATE "
                    b'"01-Jan-2024 00:00:00 +0000")\r\n' % (uid, uid)
                )
            elif not isinstance(body, bytes):
                return body(talk, tag, uid)
            else:
                talk.send(answer(command, uid, body))
    elif command.startswith(b"LOGOUT"):
        talk.send(b"* BYE bye\r\n" + tag + b" OK done\r\n")
        return False
    talk.send(tag + b" OK done\r\n")
    return True


def answer(command: bytes, uid: int, body: bytes) -> bytes:
    name, piece = b"BODY[]", body
    if b"<" in command:
        start, length = map(int, command.partition(b"<")[2].partition(b">")[0].split(b"."))
        name, piece = b"BODY[]<%d>" % start, body[start : start + length]
    return b"* %d FETCH (UID %d %s {%d}\r\n%s)\r\n" % (uid, uid, name, len(piece), piece)


def asked_for(command: bytes) -> list[int]:
    uids: list[int] = []
    for part in command.split()[2].decode().split(","):
        first, _, last = part.partition(":")
        uids += range(int(first), int(last or first) + 1)
    return uids


def mail(number: int) -> bytes:
    return factories.raw(f"Message {number}")


def fetch_from(
    folder: EmailFolderPage, script: Callable[[Talk], None], account: MailAccount | None = None
) -> tuple[Report, MailAccount]:
    with ScriptedServer(script) as server:
        if account is None:
            account = factories.account(folder, server.endpoint())
        return fetch_now(account), account


@pytest.mark.parametrize("fault", [says_no, says_nil, sends_too_much, hangs_up])
@pytest.mark.parametrize("bad", [1, 3, 5])
def test_one_message_the_server_fails_at_stops_no_other(
    fault: Fault, bad: int, folder: EmailFolderPage
) -> None:
    bodies: dict[int, bytes | Fault] = {uid: mail(uid) for uid in range(1, 6)}
    bodies[bad] = fault
    with ScriptedServer(mailbox(bodies)) as server:
        account = factories.account(folder, server.endpoint())
        report = fetch_now(account)
        assert report.run.status == RunStatus.SUCCEEDED, report.sentence()
        assert (report.run.archived, report.run.waiting) == (4, 1)
        assert report.run.adds_up
        entry = LedgerEntry.objects.get(outcome=Outcome.WAITING)
        assert (entry.uid, entry.failed_in) == (bad, report.run.pk)
        assert entry.reason_code
        assert "1 waiting" in report.sentence()
        assert report.as_dict()["ledger"] == {"archived": 4, "waiting": 1}
        # Once the server has healed, the message comes.
        bodies[bad] = mail(bad)
        again = fetch_now(account)
    assert (again.run.archived, again.run.waiting) == (1, 0)
    entry.refresh_from_db()
    assert (entry.outcome, entry.reason_code) == (Outcome.ARCHIVED, "")


def test_a_server_that_fails_at_all_messages_ends_the_run_soon(folder: EmailFolderPage) -> None:
    bodies: dict[int, bytes | Fault] = dict.fromkeys(range(1, 8), hangs_up)
    with ScriptedServer(mailbox(bodies)) as server:
        account = factories.account(folder, server.endpoint())
        report = fetch_now(account)
        assert (report.run.status, report.run.error_code) == (RunStatus.FAILED, "ConnectionDropped")
        assert LedgerEntry.objects.filter(failed_in=report.run.pk).count() == 3
        # The next run begins where this one did not come.
        bodies[7] = mail(7)
        for _ in range(2):
            report = fetch_now(account)
    assert EmailMessagePage.objects.count() == 1
    assert LedgerEntry.objects.filter(outcome=Outcome.WAITING).count() == 6


def broken_before(
    last: Mapping[int, bytes | Fault], *broken: Mapping[int, bytes | Fault] | None
) -> Callable[[Talk], None]:
    """A server with mailboxes "0", "1", ...; None stands for one that is not understood."""
    mailboxes = [*broken, last]

    def script(talk: Talk) -> None:
        talk.log_in()
        opened: Mapping[int, bytes | Fault] = {}
        while True:
            line = talk.line()
            tag, _, command = line.partition(b" ")
            if command.startswith(b"EXAMINE"):
                found = mailboxes[int(command.split(b'"')[1])]
                if found is None:
                    talk.send(tag + b" OK without a word\r\n")
                    continue
                opened = found
            if not one_answer(talk, line, opened):
                return

    return script


@pytest.mark.parametrize(
    ("broken", "seconds"),
    [
        ([None], 60),
        ([None], 0),
        ([None, None], 60),
        ([None, None], 0),
        ([dict.fromkeys(range(1, 5), hangs_up)], 60),
    ],
    ids=["one", "one, in many tasks", "two", "two, in many tasks", "its messages"],
)
def test_a_mailbox_the_server_fails_at_stops_no_other(
    broken: list[Mapping[int, bytes | Fault] | None], seconds: int, folder: EmailFolderPage
) -> None:
    names = [str(number) for number in range(len(broken) + 1)]
    with ScriptedServer(broken_before({1: mail(1)}, *broken)) as server:
        account = factories.account(folder, server.endpoint(), mailboxes=names)
        opened, _ = open_run(account, trigger=Trigger.HAND)
        tasks = 1
        while run.work_on(opened.pk, seconds=seconds) is run.Verdict.CONTINUES:
            tasks += 1
            assert tasks < 12
    opened.refresh_from_db()
    # It is said all the same.
    error = "ProtocolError" if None in broken else "ConnectionDropped"
    assert (opened.status, opened.archived) == (RunStatus.FAILED, 1)
    assert opened.error_code == error


def test_a_server_that_fails_at_all_mailboxes_ends_the_run_soon(folder: EmailFolderPage) -> None:
    names = [str(number) for number in range(9)]
    with ScriptedServer(broken_before({1: mail(1)}, *[None] * 8)) as server:
        account = factories.account(folder, server.endpoint(), mailboxes=names)
        report = fetch_now(account)
    assert (report.run.status, report.run.error_code) == (RunStatus.FAILED, "ProtocolError")
    assert report.run.current_mailbox == ""
    assert Mailbox.objects.count() == 3


def test_the_next_task_goes_on_with_the_mailbox_of_the_one_before(folder: EmailFolderPage) -> None:
    bodies = [{1: mail(number)} for number in range(5)]
    with ScriptedServer(broken_before(bodies[0], *bodies[1:])) as server:
        account = factories.account(folder, server.endpoint(), mailboxes=list("01234"))
        opened, _ = open_run(account, trigger=Trigger.HAND)
        visited = []
        while run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES:
            opened.refresh_from_db()
            visited.append(opened.current_mailbox)
            assert len(visited) < 12
    opened.refresh_from_db()
    assert visited == sorted(visited)
    assert (opened.status, opened.archived, opened.adds_up) == (RunStatus.SUCCEEDED, 5, True)


def test_after_a_failure_across_tasks_nothing_is_asked_for_twice_in_one_run(
    folder: EmailFolderPage,
) -> None:
    bodies: dict[int, bytes | Fault] = {1: hangs_up, 2: mail(2), 3: mail(3)}
    with ScriptedServer(mailbox(bodies)) as server:
        opened, _ = open_run(factories.account(folder, server.endpoint()), trigger=Trigger.HAND)
        tasks = 1
        while run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES:
            tasks += 1
            assert tasks < 10
    opened.refresh_from_db()
    assert (opened.status, opened.archived, opened.waiting) == (RunStatus.SUCCEEDED, 2, 1)


def test_equal_uids_of_another_server_name_other_mail(folder: EmailFolderPage) -> None:
    """Both servers say UIDVALIDITY 7, UIDNEXT 99 and one message of UID 1."""
    with ScriptedServer(mailbox({1: mail(1)})) as server:
        account = factories.account(folder, server.endpoint())
        assert fetch_now(account).run.archived == 1
    with ScriptedServer(mailbox({1: mail(2)})) as other:
        account.username = "somebody else"
        account.port = other.port
        account.set_secret(other.endpoint().secret)
        account.save()
        report = fetch_now(account)
    assert (report.run.archived, report.run.on_server, report.run.adds_up) == (1, 1, True)
    assert EmailMessagePage.objects.count() == 2
    assert LedgerEntry.objects.filter(outcome=Outcome.ARCHIVED).count() == 2


def test_fewer_listed_than_counted_makes_nothing_gone_and_does_not_add_up(
    folder: EmailFolderPage,
) -> None:
    bodies: dict[int, bytes | Fault] = {uid: mail(uid) for uid in (1, 2, 3)}
    script = mailbox(bodies)
    with ScriptedServer(lambda talk: script(talk)) as server:
        account = factories.account(folder, server.endpoint())
        assert fetch_now(account).run.adds_up
        bodies[4] = mail(4)
        script = mailbox(bodies, listed=" ")
        report = fetch_now(account)
        assert (report.run.on_server, report.run.adds_up) == (4, False)
        assert not LedgerEntry.objects.filter(presence=Presence.GONE).exists()
        script = mailbox(bodies)
        report = fetch_now(account)
    assert (report.run.archived, report.run.on_server, report.run.adds_up) == (1, 4, True)


def test_mail_that_comes_while_it_is_listed_is_no_anomaly(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.deliver(mail_user, mail(1))
    real = ImapSource.open_mailbox
    opened: list[int] = []

    def then_deliver(self: ImapSource, name: str) -> MailboxState:
        state = real(self, name)
        opened.append(state.exists)
        if len(opened) == 1:
            # Seen by the SEARCH that follows, or only by the next EXAMINE: both are well.
            dovecot.deliver(mail_user, mail(2))
        return state

    monkeypatch.setattr(ImapSource, "open_mailbox", then_deliver)
    report = fetch_now(account)
    assert report.run.adds_up
    assert report.run.archived == report.run.on_server


@pytest.mark.parametrize("before", ["describe", "fetch"])
def test_mail_expunged_between_listing_and_reading_harms_no_other(
    before: str,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [dovecot.deliver(mail_user, mail(number)) for number in range(5)]
    real = getattr(ImapSource, before)

    def then_read(self: ImapSource, uids: list[int]) -> object:
        dovecot.remove(mail_user, names[1], names[4])
        return real(self, uids)

    with monkeypatch.context() as patch:
        patch.setattr(ImapSource, before, then_read)
        report = fetch_now(account)
    assert report.run.status == RunStatus.SUCCEEDED, report.sentence()
    assert (report.run.archived, report.run.waiting, report.run.adds_up) == (3, 2, True)
    # The next listing knows that they are gone.
    report = fetch_now(account)
    assert (report.run.on_server, report.run.waiting, report.run.adds_up) == (3, 0, True)
    assert LedgerEntry.objects.filter(presence=Presence.GONE).count() == 2


def test_a_raised_limit_brings_what_was_too_large(
    account: MailAccount, dovecot: Dovecot, mail_user: str, settings: Settings
) -> None:
    dovecot.deliver(mail_user, factories.raw(body="x\n" * 5_000))
    for limit, outcome in ((5_000, Outcome.TOO_LARGE), (500_000, Outcome.ARCHIVED)):
        settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": limit}
        assert fetch_now(account).run.adds_up
        assert LedgerEntry.objects.get().outcome == outcome


@pytest.fixture
def opened(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> FetchRun:
    """A run that finds eight messages, in batches of two."""
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    for number in range(8):
        dovecot.deliver(mail_user, mail(number))
    return open_run(account, trigger=Trigger.HAND)[0]


def test_a_worker_that_lost_its_lease_does_not_end_the_others_run(opened: FetchRun) -> None:
    def wake_up_late(current: FetchRun) -> None:
        Lease.objects.update(token=99)
        raise ConnectionDropped(host="localhost")

    assert run.work_on(opened.pk, after_batch=wake_up_late) is run.Verdict.BUSY
    opened.refresh_from_db()
    assert opened.status == RunStatus.RUNNING


def test_a_run_whose_account_is_deleted_meanwhile_is_stopped(opened: FetchRun) -> None:
    def delete(current: FetchRun) -> None:
        MailAccount.objects.all().delete()

    assert run.work_on(opened.pk, after_batch=delete) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.STOPPED, 2)
    # Its mail stays.
    kept = [originals.read(each.original) for each in EmailMessagePage.objects.all()]
    assert len(set(kept)) == 2


def test_a_run_left_by_a_deleted_account_is_stopped_by_the_schedule(opened: FetchRun) -> None:
    FetchRun.objects.update(status=RunStatus.RUNNING)
    MailAccount.objects.all().delete()
    schedule.dispatch_due()
    opened.refresh_from_db()
    assert opened.status == RunStatus.STOPPED
    assert opened.finished_at is not None


def test_a_run_that_continues_is_not_queued_by_the_schedule_as_well(opened: FetchRun) -> None:
    FetchRun.objects.update(queued_at=timezone.now() - timedelta(hours=1))
    assert run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES
    opened.refresh_from_db()
    queued_at = opened.queued_at
    assert opened.status == RunStatus.QUEUED
    schedule.dispatch_due()
    opened.refresh_from_db()
    assert opened.queued_at == queued_at


def test_what_is_read_when_time_is_up_is_written(opened: FetchRun) -> None:
    def dawdle(current: FetchRun) -> None:
        # Meanwhile the next batches are read, as far as they are read ahead.
        time.sleep(1.0)

    assert run.work_on(opened.pk, seconds=1.0, after_batch=dawdle) is run.Verdict.CONTINUES
    opened.refresh_from_db()
    read = opened.archived
    assert read > 2
    assert LedgerEntry.objects.filter(outcome=Outcome.ARCHIVED).count() == read


def test_wrong_progress_keeps_no_mail_from_being_archived(opened: FetchRun) -> None:
    def spoil(current: FetchRun) -> None:
        FetchRun.objects.update(waiting=0)

    assert run.work_on(opened.pk, after_batch=spoil) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.archived, opened.waiting) == (RunStatus.SUCCEEDED, 8, 0)


def test_the_lease_is_renewed_while_the_server_is_slow(
    opened: FetchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pipeline, listing):
        monkeypatch.setattr(module, "RENEW_EVERY", 0.05)
    renewed: list[float] = []
    renew = lease.HeldLease.renew

    def counting(self: lease.HeldLease) -> None:
        renewed.append(time.monotonic())
        renew(self)

    real = ImapSource.describe

    def slow(self: ImapSource, uids: list[int]) -> object:
        before = len(renewed)
        time.sleep(0.6)
        assert len(renewed) > before + 2
        return real(self, uids)

    monkeypatch.setattr(lease.HeldLease, "renew", counting)
    monkeypatch.setattr(ImapSource, "describe", slow)
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.SUCCEEDED, 8)


def test_the_connection_ends_with_the_task_whatever_it_is_doing(
    opened: FetchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    remaining: list[float] = []
    real = ImapSource.list_uids

    def looking(self: ImapSource) -> object:
        remaining.append(self._until.remaining())
        return real(self)

    monkeypatch.setattr(ImapSource, "list_uids", looking)
    run.work_on(opened.pk, seconds=60)
    assert 60 < remaining[0] <= 60 + run.GRACE_SECONDS
