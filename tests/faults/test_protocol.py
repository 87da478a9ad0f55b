"""What servers do against the protocol: the archive loses nothing by it, and heals when they do.

How the answer itself is read is tested in tests/sources; here it is what becomes of the mail.
"""

from __future__ import annotations

import functools
import time

import pytest

from tests import factories
from tests.fetching.test_faults import Fault, mail, mailbox
from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ClientGone, ScriptedServer, Talk
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Outcome,
    Presence,
    RunStatus,
)
from wagtail_mailarchive.models.account import MailboxChoice
from wagtail_mailarchive.sources import session
from wagtail_mailarchive.sources.base import Security
from wagtail_mailarchive.sources.deadline import Timeouts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a silent server for as long as a busy machine may need, and no longer."""
    soon = functools.partial(Timeouts, connect=20, silence=2, command=4)
    monkeypatch.setattr(session, "Timeouts", soon)


def drops_inside_a_literal(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {1000}\r\nSubject: half a mes" % (uid, uid))
    return False


def sends_a_literal_shorter_than_said(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {500}\r\nSubject: x\r\n\r\n)\r\n" % (uid, uid))
    talk.send(tag + b" OK done\r\n")
    return says_nothing(talk, tag, uid)


def sends_a_literal_longer_than_said(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {5}\r\nSubject: x\r\n\r\n)\r\n" % (uid, uid))
    talk.send(tag + b" OK done\r\n")
    return True


def announces_a_literal_of_ten_gigabytes(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {9999999999}\r\n" % (uid, uid))
    return False


def says_bye(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* BYE shutting down\r\n")
    return False


def says_nothing(talk: Talk, tag: bytes, uid: int) -> bool:
    while True:
        talk.line()


def says_a_byte_now_and_then(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {1000}\r\n" % (uid, uid))
    while True:
        talk.send(b"x")
        time.sleep(0.2)


def closes_half_of_the_connection(talk: Talk, tag: bytes, uid: int) -> bool:
    talk.send(b"* %d FETCH (UID %d BODY[] {1000}\r\nSubject: half a mes" % (uid, uid))
    talk.say_no_more()
    return says_nothing(talk, tag, uid)


AT_A_MESSAGE = [
    drops_inside_a_literal,
    sends_a_literal_shorter_than_said,
    sends_a_literal_longer_than_said,
    announces_a_literal_of_ten_gigabytes,
    says_bye,
    says_nothing,
    says_a_byte_now_and_then,
    closes_half_of_the_connection,
]


@pytest.mark.parametrize("fault", AT_A_MESSAGE)
def test_a_message_at_which_the_server_fails_waits_and_comes_whole_with_the_next_fetch(
    fault: Fault, folder: EmailFolderPage
) -> None:
    whole = {uid: mail(uid) for uid in range(1, 5)}
    bodies: dict[int, bytes | Fault] = {**whole, 3: fault}
    with ScriptedServer(mailbox(bodies)) as server:
        account = factories.account(folder, server.endpoint())
        run = fetch_now(account).run
        assert (run.status, run.archived, run.waiting) == (RunStatus.SUCCEEDED, 3, 1), run.error
        assert archived() == {whole[uid] for uid in (1, 2, 4)}
        # Nothing is taken from a server that behaves like this.
        assert run.anomaly_code
        entry = LedgerEntry.objects.get(outcome=Outcome.WAITING)
        assert (entry.uid, bool(entry.reason_code), entry.original) == (3, True, None)
        bodies[3] = whole[3]
        run = fetch_now(account).run
    assert (run.status, run.archived, run.waiting) == (RunStatus.SUCCEEDED, 1, 0)
    assert archived() == set(whole.values())


@pytest.mark.parametrize("fault", [says_bye, says_nothing, closes_half_of_the_connection])
@pytest.mark.parametrize("state", [b"LIST", b"EXAMINE", b"UID SEARCH", b"RFC822.SIZE"])
def test_a_server_that_fails_in_any_state_fails_the_run_and_the_next_one_brings_all(
    state: bytes, fault: Fault, folder: EmailFolderPage
) -> None:
    whole = {uid: mail(uid) for uid in range(1, 4)}
    is_broken = True

    def script(talk: Talk) -> None:
        if is_broken:
            failing_at(state, fault, talk)
        mailbox(dict(whole))(talk)

    with ScriptedServer(script) as server:
        account = factories.account(folder, server.endpoint(), mailbox_choice=MailboxChoice.ALL)
        run = fetch_now(account).run
        assert (run.status, run.archived) == (RunStatus.FAILED, 0)
        assert run.error_code in ("ConnectionDropped", "ConnectionTimedOut")
        assert not LedgerEntry.objects.exclude(presence=Presence.PRESENT).exists()
        is_broken = False
        run = fetch_now(account).run
    assert (run.status, run.archived, run.waiting) == (RunStatus.SUCCEEDED, 3, 0)
    assert archived() == set(whole.values())


def failing_at(state: bytes, fault: Fault, talk: Talk) -> None:
    """Answer well until `state` is come to, and then not at all."""
    talk.log_in()
    while True:
        line = talk.line()
        tag, _, command = line.partition(b" ")
        if state in command:
            fault(talk, tag, 1)
            raise ClientGone
        if command.startswith(b"LIST"):
            talk.send(b'* LIST () "/" INBOX\r\n')
        elif command.startswith(b"EXAMINE"):
            talk.send(b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 99] x\r\n")
        elif command.startswith(b"UID SEARCH"):
            talk.send(b"* SEARCH 1 2 3\r\n")
        talk.send(tag + b" OK done\r\n")


def test_answers_nobody_asked_for_change_nothing(folder: EmailFolderPage) -> None:
    whole = {uid: mail(uid) for uid in range(1, 5)}
    plain = mailbox(dict(whole))

    def script(talk: Talk) -> None:
        answer = talk.send

        def send(data: bytes) -> None:
            # Before each answer, as other clients' doings and new mail are told of.
            if data.startswith(b"* ") and b"OK" not in data:
                answer(b"* 9 EXISTS\r\n* 1 RECENT\r\n* 2 FETCH (FLAGS (\\Seen))\r\n")
            answer(data)

        talk.send = send  # type: ignore[method-assign]
        plain(talk)

    with ScriptedServer(script) as server:
        run = fetch_now(factories.account(folder, server.endpoint())).run
    assert (run.status, run.archived) == (RunStatus.SUCCEEDED, 4), run.error
    assert (run.adds_up, run.anomaly_code) == (True, "")
    assert archived() == set(whole.values())


def test_an_expunge_nobody_asked_for_takes_no_message_for_another(folder: EmailFolderPage) -> None:
    whole = {uid: mail(uid) for uid in range(1, 5)}

    def expunged_before(talk: Talk, tag: bytes, uid: int) -> bool:
        # Sequence numbers move, UIDs do not.
        talk.send(b"* 1 EXPUNGE\r\n")
        talk.send(b"* 2 FETCH (UID 3 BODY[] {%d}\r\n%s)\r\n" % (len(whole[3]), whole[3]))
        talk.send(b"* 3 FETCH (UID 4 BODY[] {%d}\r\n%s)\r\n" % (len(whole[4]), whole[4]))
        talk.send(tag + b" OK done\r\n")
        return True

    bodies: dict[int, bytes | Fault] = {**whole, 3: expunged_before}
    with ScriptedServer(mailbox(bodies)) as server:
        run = fetch_now(factories.account(folder, server.endpoint())).run
    assert (run.status, run.archived, run.adds_up) == (RunStatus.SUCCEEDED, 4, True), run.error
    for entry in LedgerEntry.objects.select_related("original"):
        assert entry.original is not None
        assert originals.read(entry.original) == whole[entry.uid]


def test_a_mailbox_that_was_renamed_is_said_and_its_mail_is_kept_and_not_doubled(
    folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.create_mailbox(mail_user, "Before")
    raws = [mail(number).replace(b"\n", b"\r\n") for number in range(3)]
    for raw in raws:
        dovecot.deliver(mail_user, raw, mailbox="Before")
    endpoint = dovecot.endpoint(mail_user)
    account = factories.account(folder, endpoint, mailboxes=["Before"])
    assert fetch_now(account).run.archived == 3
    dovecot.maildir(mail_user, "Before").rename(dovecot.maildir(mail_user, "After"))
    run = fetch_now(account).run
    assert (run.status, run.error_code) == (RunStatus.FAILED, "MailboxNotFound")
    assert archived() == set(raws)
    account.mailboxes = ["After"]
    account.save()
    run = fetch_now(account).run
    assert (run.status, run.archived, run.duplicates) == (RunStatus.SUCCEEDED, 0, 3)
    assert EmailMessagePage.objects.count() == 3


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_long_lines_and_lines_of_dots_are_archived_byte_for_byte(
    protocol: str, folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    lines = ["." * 3_000, ".", "..", "x" * 100_000, ".end", ""]
    raw = b"Subject: Lines\r\n\r\n" + "\r\n".join(lines).encode()
    dovecot.deliver(mail_user, raw)
    endpoint = dovecot.endpoint(mail_user, Security.PLAIN, protocol=protocol)
    run = fetch_now(factories.account(folder, endpoint, protocol=protocol)).run
    assert (run.status, run.archived) == (RunStatus.SUCCEEDED, 1), run.error
    assert archived() == {raw}


def test_a_search_answered_with_a_megabyte_in_one_line_is_refused_and_nothing_is_gone(
    folder: EmailFolderPage,
) -> None:
    """Mailboxes of any size are asked for in windows; see tests/sources/test_imap.py."""
    whole = {uid: mail(uid) for uid in range(1, 4)}
    listed = ""
    with ScriptedServer(lambda talk: mailbox(dict(whole), listed=listed)(talk)) as server:
        account = factories.account(folder, server.endpoint())
        assert fetch_now(account).run.archived == 3
        whole[4] = mail(4)
        listed = " ".join(map(str, range(10_000_000, 10_130_000)))
        run = fetch_now(account).run
        assert (run.status, run.error_code) == (RunStatus.FAILED, "ProtocolError")
        assert LedgerEntry.objects.filter(presence=Presence.PRESENT).count() == 3
        listed = ""
        assert fetch_now(account).run.archived == 1
    assert archived() == set(whole.values())


def archived() -> set[bytes]:
    return {originals.read(each.original) for each in EmailMessagePage.objects.all()}
