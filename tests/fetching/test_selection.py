"""Which mail is archived: all, what is unread, or what came since a date; and how many a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.fetching import batches, run, selection
from wagtail_mailarchive.fetching.foreground import Report, fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Outcome,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.models.account import MailboxChoice, Selection
from wagtail_mailarchive.models.run import sentence
from wagtail_mailarchive.sources.imap import ImapSource

pytestmark = pytest.mark.django_db


def choose(account: MailAccount, **values: object) -> None:
    for name, value in values.items():
        setattr(account, name, value)
    account.save()


def fetch(account: MailAccount) -> Report:
    report = fetch_now(account)
    assert report.run.status == RunStatus.SUCCEEDED, report.sentence()
    assert report.run.adds_up
    return report


def counts(report: Report) -> tuple[int, int, int]:
    return report.run.archived, report.run.excluded, report.run.on_server


def excluded() -> dict[str, int]:
    """Return how many messages are excluded, by reason."""
    found: dict[str, int] = {}
    for entry in LedgerEntry.objects.filter(outcome=Outcome.EXCLUDED):
        assert sentence(entry.reason_code, entry.reason_params).startswith("This message")
        assert entry.decided_at is not None
        found[entry.reason_code] = found.get(entry.reason_code, 0) + 1
    return found


def mark(dovecot: Dovecot, user: str, name: str, flags: str) -> None:
    """Give a message Maildir's `flags`, as another program would."""
    [path] = [each for each in dovecot.message_files(user) if each.name.startswith(name)]
    path.rename(dovecot.maildir(user) / "cur" / f"{name}:2,{flags}")


def subjects() -> list[str]:
    return sorted(EmailMessagePage.objects.values_list("subject", flat=True))


def test_only_unread_mail_is_fetched_and_the_rest_is_listed_with_its_reason(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, selection=Selection.UNREAD)
    read = dovecot.deliver(mail_user, factories.raw("Read"), flags="S")
    dovecot.deliver(mail_user, factories.raw("Unread"))
    report = fetch(account)
    assert counts(report) == (1, 1, 2)
    assert (excluded(), subjects()) == ({"AlreadyRead": 1}, ["Unread"])
    assert "1 not selected" in report.sentence()
    # Nothing changed: nothing is decided again.
    assert counts(fetch(account)) == (0, 0, 2)
    # Archived mail that is read later stays archived; what is marked unread comes.
    mark(dovecot, mail_user, read, "")
    assert counts(fetch(account)) == (1, 0, 2)
    assert (excluded(), subjects()) == ({}, ["Read", "Unread"])


def test_mail_since_a_date_is_fetched_and_an_earlier_date_brings_more(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    for day in (1, 10, 20):
        arrived = datetime(2024, 3, day, 12, tzinfo=UTC)
        dovecot.deliver(mail_user, factories.raw(f"Day {day}"), received_at=arrived)
    choose(account, selection=Selection.SINCE, since=date(2024, 3, 20))
    assert counts(fetch(account)) == (1, 2, 3)
    assert excluded() == {"BeforeDate": 2}
    choose(account, since=date(2024, 3, 10))
    assert counts(fetch(account)) == (1, 1, 3)
    assert subjects() == ["Day 10", "Day 20"]
    entry = LedgerEntry.objects.get(outcome=Outcome.EXCLUDED)
    assert "2024-03-10" in sentence(entry.reason_code, entry.reason_params)


def test_another_choice_has_excluded_mail_decided_anew(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    arrived = datetime(2024, 3, 1, 12, tzinfo=UTC)
    dovecot.deliver(mail_user, factories.raw("Old, read"), flags="S", received_at=arrived)
    dovecot.deliver(mail_user, factories.raw("New, read"), flags="S")
    dovecot.deliver(mail_user, factories.raw("Old, unread"), received_at=arrived)
    choose(account, selection=Selection.UNREAD)
    assert counts(fetch(account)) == (1, 2, 3)
    choose(account, selection=Selection.SINCE, since=date(2024, 4, 1))
    assert counts(fetch(account)) == (1, 1, 3)
    assert (excluded(), subjects()) == ({"BeforeDate": 1}, ["New, read", "Old, unread"])
    choose(account, selection=Selection.EVERYTHING)
    assert counts(fetch(account)) == (1, 0, 3)
    assert excluded() == {}


def test_what_waited_and_is_read_before_its_turn_is_excluded(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    names = [dovecot.deliver(mail_user, factories.raw(f"Message {n}")) for n in range(3)]
    choose(account, selection=Selection.UNREAD, message_limit=1)
    assert (fetch(account).run.archived, fetch(account).run.waiting) == (1, 1)
    mark(dovecot, mail_user, names[2], "S")
    report = fetch(account)
    assert (report.run.archived, report.run.excluded, report.run.waiting) == (0, 1, 0)


def test_selected_uids_are_compared_window_by_window(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        dovecot.deliver(mail_user, factories.raw(f"{number:02}"), flags="S" * (number % 3 == 0))
    monkeypatch.setattr("wagtail_mailarchive.sources.imap._WINDOW", 4)
    monkeypatch.setattr(selection, "_ROWS_PER_STATEMENT", 2)
    choose(account, selection=Selection.UNREAD)
    assert counts(fetch(account)) == (8, 4, 12)
    assert subjects() == [f"{number:02}" for number in range(12) if number % 3]


def test_fetching_everything_asks_the_server_for_no_selection(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImapSource, "select_uids", lambda *_: pytest.fail("asked"))
    dovecot.deliver(mail_user, factories.raw())
    assert fetch(account).run.archived == 1


def test_a_date_that_is_decided_on_is_not_asked_for_again(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = datetime(2024, 3, 1, tzinfo=UTC)
    dovecot.deliver(mail_user, factories.raw(), received_at=arrived)
    choose(account, selection=Selection.SINCE, since=date(2024, 4, 1))
    assert counts(fetch(account)) == (0, 1, 1)
    monkeypatch.setattr(ImapSource, "select_uids", lambda *_: pytest.fail("asked"))
    assert counts(fetch(account)) == (0, 0, 1)


def test_drafts_in_gmails_all_mail_are_left_out(folder: EmailFolderPage) -> None:
    raws = {uid: factories.raw(name) for uid, name in ((1, "Sent"), (2, "Unfinished"))}
    sent = [1]

    def gmail(talk: Talk) -> None:
        capabilities = b"IMAP4rev1 AUTH=PLAIN X-GM-EXT-1"
        talk.log_in(capabilities)
        while True:
            tag, _, command = talk.line().partition(b" ")
            if command.startswith(b"LIST"):
                talk.send(b'* LIST () "/" "INBOX"\r\n')
                talk.send(b'* LIST (\\Drafts) "/" "[Gmail]/Drafts"\r\n')
                talk.send(b'* LIST (\\All) "/" "[Gmail]/All Mail"\r\n')
            elif command.startswith(b"EXAMINE"):
                assert b'"[Gmail]/All Mail"' in command
                talk.send(b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n")
            elif b'X-GM-RAW "-in:drafts"' in command:
                talk.send(b"* SEARCH %s\r\n" % " ".join(map(str, sent)).encode())
            elif command.startswith(b"UID SEARCH"):
                talk.send(b"* SEARCH 1 2\r\n")
            elif command.startswith(b"UID FETCH"):
                uid = int(command.split()[2])
                assert uid in sent
                raw = raws[uid]
                if b"RFC822.SIZE" in command:
                    talk.send(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, uid, len(raw)))
                else:
                    talk.send(
                        b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(raw), raw)
                    )
            else:
                assert command.startswith(b"LOGOUT"), command
                talk.send(b"* BYE bye\r\n" + tag + b" OK done\r\n")
                return
            talk.send(tag + b" OK done\r\n")

    with ScriptedServer(gmail) as server:
        account = factories.account(
            folder, server.endpoint(), mailbox_choice=MailboxChoice.ALL, mailboxes=[]
        )
        report = fetch(account)
        assert counts(report) == (1, 1, 2)
        assert (excluded(), subjects()) == ({"UnsentDraft": 1}, ["Sent"])
        # Mail that the search did not show yet is taken for a draft until it does.
        sent.append(2)
        assert counts(fetch(account)) == (1, 0, 2)
    assert (excluded(), subjects()) == ({}, ["Sent", "Unfinished"])


# -- the limit -------------------------------------------------------------------------------


def limited(account: MailAccount, limit: int, **values: object) -> None:
    choose(account, message_limit=limit, **values)


def deliver(dovecot: Dovecot, user: str, names: Sequence[str], mailbox: str = "INBOX") -> None:
    for name in names:
        dovecot.deliver(user, factories.raw(name), mailbox=mailbox)


def test_a_run_fetches_no_more_than_its_limit_oldest_first(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, ["a", "b", "c", "d", "e"])
    limited(account, 2)
    report = fetch(account)
    assert (report.run.archived, report.run.waiting, report.run.on_server) == (2, 3, 5)
    assert subjects() == ["a", "b"]
    assert [fetch(account).run.waiting for _ in range(3)] == [1, 0, 0]
    assert subjects() == ["a", "b", "c", "d", "e"]


def test_the_limit_is_one_for_all_mailboxes_and_all_are_counted(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, ["a", "b"])
    deliver(dovecot, mail_user, ["c", "d", "e"], mailbox="Second")
    limited(account, 3, mailboxes=["INBOX", "Second"])
    report = fetch(account)
    assert (report.run.archived, report.run.waiting, report.run.on_server) == (3, 2, 5)
    assert subjects() == ["a", "b", "c"]


def test_the_limit_holds_over_all_tasks_of_a_run(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 1)
    deliver(dovecot, mail_user, ["a", "b", "c", "d", "e"])
    limited(account, 3)
    opened, _ = open_run(account, trigger=Trigger.HAND)
    tasks = 1
    while run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES:
        tasks += 1
        assert tasks < 10
    opened.refresh_from_db()
    assert tasks > 1
    assert (opened.archived, opened.waiting) == (3, 2)


def test_a_duplicate_counts_towards_the_limit(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    deliver(dovecot, mail_user, ["a", "b", "c"])
    fetch(account)
    dovecot.bump_uidvalidity(mail_user)
    limited(account, 2)
    report = fetch(account)
    assert (report.run.duplicates, report.run.waiting) == (2, 1)
