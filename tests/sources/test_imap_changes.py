"""What is changed in an IMAP mailbox is what was named, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.exceptions import (
    ChangeRefused,
    ConnectionDropped,
    ConnectionTimedOut,
    CopyNotConfirmed,
    MailArchiveError,
    MailboxNotCreated,
    MailboxReadOnly,
    NoMove,
    NoUidPlus,
    ServerBusy,
)
from wagtail_mailarchive.sources.base import Endpoint
from wagtail_mailarchive.sources.deadline import Timeouts
from wagtail_mailarchive.sources.imap_changes import ChangingImapSource
from wagtail_mailarchive.sources.open import open_source
from wagtail_mailarchive.sources.uid_sets import count, members

from .test_imap import message, seen_by_another

UIDPLUS = b"IMAP4rev1 AUTH=PLAIN UIDPLUS"
QUICK = Timeouts(connect=30, silence=30, command=30, change=0.5)


@contextmanager
def opened(
    endpoint: Endpoint, name: str = "INBOX", timeouts: Timeouts | None = None
) -> Iterator[ChangingImapSource]:
    with ChangingImapSource(endpoint, timeouts=timeouts) as source:
        source.open_for_changes(name)
        yield source


def changing(script: Callable[[Talk], None], capabilities: bytes = UIDPLUS) -> ScriptedServer:
    """Return a server that opens a mailbox for changes, then plays `script`."""

    def whole(talk: Talk) -> None:
        talk.log_in(capabilities)
        talk.answer(b"SELECT", b"3 EXISTS", b"OK [UIDVALIDITY 7] x", status=b"OK [READ-WRITE] x")
        script(talk)
        talk.await_end()

    return ScriptedServer(whole)


def deliver(dovecot: Dovecot, user: str, number: int = 4) -> Endpoint:
    for each in range(1, number + 1):
        dovecot.deliver(user, message(each))
    return dovecot.endpoint(user)


def test_only_what_is_named_is_expunged_and_what_others_marked_survives(
    dovecot: Dovecot, mail_user: str
) -> None:
    endpoint = deliver(dovecot, mail_user)
    with opened(endpoint) as other:
        other._store([2], "+FLAGS.SILENT", "(\\Deleted)")
    with opened(endpoint) as source:
        assert source.can_delete
        assert not source.is_gmail
        source.mark_deleted([1, 3])
        source.expunge([1, 3, 4])
    flags = seen_by_another(endpoint)
    assert sorted(flags) == [2, 4]
    assert b"\\Deleted" in flags[2]
    assert b"\\Deleted" not in flags[4]


def test_leaving_a_mailbox_removes_nothing_from_it(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = deliver(dovecot, mail_user)
    dovecot.create_mailbox(mail_user, "Other")
    with opened(endpoint) as source:
        source.mark_deleted([1])
        source.open_for_changes("Other")
        source.open_for_changes("INBOX")
        source.mark_deleted([2])
        source.open_mailbox("INBOX")
    with opened(endpoint) as source:
        source.unmark_deleted([1])
    assert sorted(seen_by_another(endpoint)) == [1, 2, 3, 4]
    assert b"\\Deleted" not in seen_by_another(endpoint)[1]


def test_marking_read_changes_no_other_flag(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = deliver(dovecot, mail_user, 2)
    with opened(endpoint) as source:
        source.mark_read([1])
    flags = seen_by_another(endpoint)
    assert flags[1] - {b"\\Recent"} == {b"\\Seen"}
    assert b"\\Seen" not in flags[2]


@pytest.mark.parametrize("name", ["Archive", "Entwürfe & mehr", 'quo"ted', "日本語"])
def test_messages_move_to_mailboxes_of_every_script_which_are_made(
    name: str, dovecot: Dovecot, mail_user: str
) -> None:
    endpoint = deliver(dovecot, mail_user)
    with opened(endpoint) as source:
        source.create_mailbox(name)
        source.create_mailbox(name)
        assert source.has_move
        source.move([2, 4], name)
    assert sorted(seen_by_another(endpoint)) == [1, 3]
    with opened(endpoint, name) as source:
        bodies = [b"".join(each.chunks) for each in source.fetch([1, 2])]
    assert bodies == [message(2), message(4)]


def test_a_copy_is_confirmed_by_the_server(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = deliver(dovecot, mail_user)
    with opened(endpoint) as source:
        source.create_mailbox("Archive")
        source.copy([1, 2, 4], "Archive")
    assert sorted(seen_by_another(endpoint)) == [1, 2, 3, 4]
    assert sorted(seen_by_another(endpoint, "Archive")) == [1, 2, 3]


@pytest.mark.parametrize(
    "status",
    [
        b"OK done",
        b"OK [COPYUID 9 1 5] one is missing",
        b"OK [COPYUID 9 1:3 5:7] one too many",
        b"OK [COPYUID 9 1,3 5:6] another one",
        b"OK [COPYUID 9 1:2 5] without its UID there",
        b"OK [COPYUID 9 1:4000000000 5] x",
        b"OK [COPYUID nonsense] x",
    ],
)
def test_a_copy_that_is_not_confirmed_for_exactly_these_is_none(status: bytes) -> None:
    server = changing(lambda talk: talk.answer(b'UID COPY 1:2 "To"', status=status))
    with server, opened(server.endpoint()) as source, pytest.raises(CopyNotConfirmed):
        source.copy([1, 2], "To")


def test_a_read_only_mailbox_is_said_to_be_one_and_others_can_be_opened() -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        known = (b"1 EXISTS", b"OK [UIDVALIDITY 7] x")
        talk.answer(b"SELECT", *known, status=b"OK [READ-ONLY] x")
        talk.answer(b"SELECT", *known, status=b"OK [READ-WRITE] x")
        talk.await_end()

    with ScriptedServer(script) as server, ChangingImapSource(server.endpoint()) as source:
        with pytest.raises(MailboxReadOnly, match="Shared on 127"):
            source.open_for_changes("Shared")
        with pytest.raises(ConnectionDropped):
            source.mark_read([1])
    with ScriptedServer(script) as server, ChangingImapSource(server.endpoint()) as source:
        with pytest.raises(MailboxReadOnly):
            source.open_for_changes("Shared")
        assert source.open_for_changes("INBOX").exists == 1


def test_without_uidplus_nothing_is_marked_or_expunged() -> None:
    server = changing(Talk.await_end, b"IMAP4rev1 AUTH=PLAIN")
    with server:
        with opened(server.endpoint()) as source:
            assert not source.can_delete
            assert not source.can_move
            with pytest.raises(NoUidPlus):
                source.mark_deleted([1])
            with pytest.raises(NoUidPlus):
                source.expunge([1])
            with pytest.raises(NoMove):
                source.move([1], "To")
        sent = b"\n".join(server.received).upper()
    assert b"STORE" not in sent
    assert b"EXPUNGE" not in sent
    assert b"CLOSE" not in sent


CHANGES: list[tuple[bytes, Callable[[ChangingImapSource], None]]] = [
    (b"UID STORE 1:2 +FLAGS.SILENT (\\Seen)", lambda source: source.mark_read([1, 2])),
    (b"UID STORE 1:2 +FLAGS.SILENT (\\Deleted)", lambda source: source.mark_deleted([1, 2])),
    (b"UID STORE 1:2 -FLAGS.SILENT (\\Deleted)", lambda source: source.unmark_deleted([1, 2])),
    (b"UID EXPUNGE 1:2", lambda source: source.expunge([1, 2])),
    (b'UID MOVE 1:2 "To"', lambda source: source.move([1, 2], "To")),
    (b'UID COPY 1:2 "To"', lambda source: source.copy([1, 2], "To")),
]


@pytest.mark.parametrize(("command", "change"), CHANGES)
@pytest.mark.parametrize(
    ("status", "expected"),
    [(b"NO [NOPERM] no", ChangeRefused), (b"NO [UNAVAILABLE] later", ServerBusy)],
)
def test_a_refused_change_is_told_and_only_a_no_keeps_the_connection(
    command: bytes,
    change: Callable[[ChangingImapSource], None],
    status: bytes,
    expected: type[MailArchiveError],
) -> None:
    server = changing(
        lambda talk: talk.answer(command, status=status), UIDPLUS + b" MOVE X-GM-EXT-1"
    )
    with server, opened(server.endpoint()) as source:
        assert source.is_gmail
        with pytest.raises(expected) as caught:
            change(source)
        assert type(caught.value) is expected
        assert "UIDPLUS" in source.capabilities if expected is ChangeRefused else True


@pytest.mark.parametrize(("command", "change"), CHANGES)
def test_a_change_ends_within_its_own_deadline(
    command: bytes, change: Callable[[ChangingImapSource], None]
) -> None:
    def script(talk: Talk) -> None:
        talk.expect(command)
        talk.await_end()

    with (
        changing(script, UIDPLUS + b" MOVE") as server,
        opened(server.endpoint(), timeouts=QUICK) as source,
    ):
        assert source.change_seconds == QUICK.change
        with pytest.raises(ConnectionTimedOut):
            change(source)


def test_a_mailbox_that_cannot_be_made_is_told() -> None:
    def script(talk: Talk) -> None:
        talk.answer(b"STATUS", status=b"NO [NONEXISTENT] x")
        talk.answer(b"CREATE", status=b"NO [CANNOT] x")
        talk.answer(b"STATUS", status=b"NO x")
        talk.answer(b"CREATE", status=b"NO [ALREADYEXISTS] x")
        talk.answer(b"SUBSCRIBE", status=b"NO x")

    with changing(script) as server, opened(server.endpoint()) as source:
        with pytest.raises(MailboxNotCreated, match="no mailbox Archive"):
            source.create_mailbox("Archive")
        source.create_mailbox("Archive")


def test_a_connection_for_reading_has_no_way_to_change_anything(
    dovecot: Dovecot, mail_user: str
) -> None:
    endpoint = dovecot.endpoint(mail_user)
    names = ("mark_deleted", "expunge", "move", "delete", "quit", "open_for_changes")
    for protocol in ("imap", "pop3"):
        reading = open_source(endpoint, protocol)
        assert not [name for name in names if hasattr(reading, name)]
        assert [
            name
            for name in names
            if hasattr(open_source(endpoint, protocol, may_change=True), name)
        ]


def test_sets_of_uids_are_read_back() -> None:
    assert members("1:3,7,10:9", most=6) == {1, 2, 3, 7, 9, 10}
    assert count("5:3") == 3
    for wrong in ("", "a", "1:*", "1,,2"):
        with pytest.raises(ValueError, match="invalid literal"):
            members(wrong, most=10)
