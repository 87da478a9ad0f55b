"""Reading a mailbox of a real server."""

from __future__ import annotations

import gc
import time
import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import chain
from typing import Any

import pytest

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    ConnectionTimedOut,
    LoginRejected,
    MailboxNotFound,
    PlaintextNotAllowed,
    UnsafeArgument,
)
from wagtail_mailarchive.sources import imap
from wagtail_mailarchive.sources.base import (
    Endpoint,
    MailboxCounts,
    Reach,
    RemoteMailbox,
    Security,
    Selected,
    SpecialUse,
)
from wagtail_mailarchive.sources.deadline import Deadline
from wagtail_mailarchive.sources.fetch_answers import received_at
from wagtail_mailarchive.sources.imap import ImapSource
from wagtail_mailarchive.sources.imap_client import BoundedIMAPClient


def message(number: int, body: bytes = b"Hello.\r\n") -> bytes:
    return b"Subject: Message %d\r\nMessage-ID: <%d@example.org>\r\n\r\n%s" % (number, number, body)


def seen_by_another(endpoint: Endpoint, mailbox: str = "INBOX") -> dict[int, set[bytes]]:
    """Return each message's flags as a second connection, which may change them, is told."""
    with ImapSource(endpoint) as source:
        client = source._client
        assert isinstance(client, BoundedIMAPClient)
        client.select_folder(mailbox)
        return {uid: set(flags) for uid, flags in client.get_flags(client.search("ALL")).items()}


@pytest.mark.parametrize("security", list(Security))
def test_a_mailbox_is_read_byte_for_byte(
    dovecot: Dovecot, mail_user: str, security: Security
) -> None:
    # Bytes no text has, lines longer than servers need take, and what looks like the protocol.
    raws = [
        message(1),
        message(2, bytes(set(range(1, 256)) - set(b"\r\n")) + b"\r\n"),
        message(3, b"x" * 200_000 + b"\r\n"),
        message(4, b"* 9 FETCH (UID 9 BODY[] {3}\r\nabc)\r\nA1 OK done\r\n)\r\n"),
        message(5, b"no line break at the end"),
    ]
    for raw in raws:
        dovecot.deliver(mail_user, raw)
    with ImapSource(dovecot.endpoint(mail_user, security)) as source:
        state = source.open_mailbox("INBOX")
        assert (state.exists, state.uidnext) == (5, 6)
        uids = list(chain.from_iterable(source.list_uids()))
        assert uids == [1, 2, 3, 4, 5]
        assert [one.size for one in source.describe(uids)] == list(map(len, raws))
        assert [b"".join(one.chunks) for one in source.fetch(uids)] == raws


def test_dates_keep_moment_and_are_aware(dovecot: Dovecot, mail_user: str) -> None:
    received = datetime(2019, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=3)))
    dovecot.deliver(mail_user, message(1), received_at=received)
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        (described,), (fetched,) = source.describe([1]), source.fetch([1])
        assert described.received_at == fetched.received_at == received
        assert described.received_at is not None
        assert described.received_at.tzinfo is not None


def test_an_empty_mailbox_has_no_uids(dovecot: Dovecot, mail_user: str) -> None:
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        assert source.open_mailbox("INBOX").exists == 0
        assert list(source.list_uids()) == []
        assert source.describe([]) == []
        assert source.fetch([]) == []


def test_uids_come_in_windows_that_lose_none(
    dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_WINDOW", 4)
    names = [dovecot.deliver(mail_user, message(number)) for number in range(14)]
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        assert list(source.list_uids()) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14]]
    dovecot.remove(mail_user, names[0], names[6], names[13])
    dovecot.deliver(mail_user, message(15))
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        windows = list(source.list_uids())
    assert windows == [[2, 3, 4, 5], [6, 8, 9, 10], [11, 12, 13, 15]]


def test_what_is_gone_is_left_out(dovecot: Dovecot, mail_user: str) -> None:
    names = [dovecot.deliver(mail_user, message(number)) for number in range(1, 4)]
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        assert len(source.describe([1, 2, 3])) == 3
    dovecot.remove(mail_user, names[1])
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        assert [one.uid for one in source.describe([1, 2, 3, 77])] == [1, 3]
        assert [one.uid for one in source.fetch([3, 2, 1, 77])] == [1, 3]
        assert source.fetch_large(2) is None


def test_reading_changes_no_flag(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    dovecot.deliver(mail_user, message(2), flags="S")
    endpoint = dovecot.endpoint(mail_user)
    with ImapSource(endpoint) as source:
        source.open_mailbox("INBOX")
        source.describe([1, 2])
        source.fetch([1, 2])
        source.fetch_large(1)
    flags = seen_by_another(endpoint)
    assert b"\\Recent" in flags[1]  # nobody has seen it arrive yet
    assert b"\\Seen" not in flags[1]
    assert b"\\Seen" in flags[2]


def test_a_large_message_comes_whole_in_pieces(dovecot: Dovecot, mail_user: str) -> None:
    piece = 1024 * 1024
    bodies = [b"0123456789abcde\r\n" * 200_000, b"", b"short\r\n"]
    head = len(message(4))
    exact = b"y" * (2 * piece - head - 2) + b"\r\n"  # ends where a piece ends
    raws = [message(number, body) for number, body in enumerate(bodies, 1)]
    raws.append(message(4, b"Hello.\r\n" + exact))
    for raw in raws:
        dovecot.deliver(mail_user, raw)
    assert len(raws[3]) == 2 * piece
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        for uid, raw in enumerate(raws, 1):
            fetched = source.fetch_large(uid)
            assert fetched is not None
            assert fetched.received_at is not None
            assert b"".join(fetched.chunks) == raw
            assert all(0 < len(chunk) <= piece for chunk in fetched.chunks)


@pytest.mark.parametrize(
    "name", ["Entwürfe", "日本語", "Папка.Вложенная", "A & B", 'quo"ted', "back\\slash", "a b"]
)
def test_mailbox_names_of_every_script(dovecot: Dovecot, mail_user: str, name: str) -> None:
    dovecot.create_mailbox(mail_user, name)
    dovecot.deliver(mail_user, message(1), mailbox=name)
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        assert RemoteMailbox(name) in source.list_mailboxes()
        assert source.open_mailbox(name).exists == 1
        assert len(source.fetch([1])) == 1


def test_what_mailboxes_are_for(dovecot: Dovecot, mail_user: str) -> None:
    for name in ("Junk", "Trash", "Drafts", "Sent", "Archiv"):
        dovecot.create_mailbox(mail_user, name)
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        uses = {each.name: each.special_use for each in source.list_mailboxes()}
    assert uses == {
        "INBOX": SpecialUse.NONE,
        "Junk": SpecialUse.JUNK,
        "Trash": SpecialUse.TRASH,
        "Drafts": SpecialUse.DRAFTS,
        "Sent": SpecialUse.SENT,
        "Archiv": SpecialUse.NONE,
    }


@pytest.mark.parametrize("name", ["INBOX", "Entwürfe (MESSAGES 99", 'a "b" c', "UNSEEN 7"])
def test_messages_are_counted_without_opening(dovecot: Dovecot, mail_user: str, name: str) -> None:
    dovecot.deliver(mail_user, message(1), mailbox=name)
    dovecot.deliver(mail_user, message(2), mailbox=name)
    dovecot.deliver(mail_user, message(3), mailbox=name, flags="S")
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        assert source.count(name) == MailboxCounts(3, 2)
        with pytest.raises(MailboxNotFound):
            source.count("Nirgends")
        assert source.count(name).messages == 3


def test_unread_and_recent_mail_can_be_selected(
    dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_WINDOW", 2)
    for number, (month, flags) in enumerate([(1, ""), (2, "S"), (3, ""), (4, "S"), (5, "")], 1):
        arrived = datetime(2024, month, 15, 12, tzinfo=UTC)
        dovecot.deliver(mail_user, message(number), flags=flags, received_at=arrived)
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")

        def selected(**criteria: Any) -> list[int]:
            return list(chain.from_iterable(source.select_uids(Selected(**criteria))))

        assert selected() == [1, 2, 3, 4, 5]
        assert selected(unread=True) == [1, 3, 5]
        assert selected(since=date(2024, 3, 15)) == [3, 4, 5]
        assert selected(since=date(2024, 3, 16)) == [4, 5]
        assert selected(since=date(2024, 3, 16), unread=True) == [5]
        assert selected(since=date(2024, 12, 1)) == []
        assert list(source.select_uids(Selected(unread=True))) == [[1], [3], [5]]


def test_headers_come_without_bodies(dovecot: Dovecot, mail_user: str) -> None:
    received = datetime(2019, 3, 4, 5, 6, 7, tzinfo=UTC)
    raw = (
        b"From: A <a@example.org>\r\nSubject: =?utf-8?q?=C3=A4?=\r\n\tfolded\r\nX-Other: no\r\n"
        b"Date: Mon, 4 Mar 2019 05:00:00 +0000\r\n\r\nbody\r\n"
    )
    dovecot.deliver(mail_user, raw, received_at=received)
    dovecot.deliver(mail_user, b"\r\nno header\r\n")
    dovecot.deliver(mail_user, b"Subject: " + b"x" * 200_000 + b"\r\n\r\n")
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        one, two, three = source.headers([3, 1, 2, 77])
    assert (one.uid, one.size, one.received_at) == (1, len(raw), received)
    assert b"Subject: =?utf-8?q?=C3=A4?=\r\n\tfolded\r\n" in one.header
    assert b"From: A <a@example.org>\r\n" in one.header
    assert b"Date: Mon, 4 Mar 2019 05:00:00 +0000\r\n" in one.header
    assert b"X-Other" not in one.header
    assert b"body" not in one.header
    assert two.header.strip() == b""
    assert len(three.header) == 64 * 1024


@pytest.mark.parametrize("security", list(Security))
def test_the_certificate_shown_is_known(
    dovecot: Dovecot, mail_user: str, security: Security
) -> None:
    with ImapSource(dovecot.endpoint(mail_user, security)) as source:
        shown = source.certificate
        if security is Security.PLAIN:
            assert shown is None
            assert source.certificate_expires_at is None
            return
        assert shown is not None
        assert (shown.subject, shown.issuer) == ("localhost", "Tests of wagtail_mailarchive")
        assert source.certificate_expires_at == shown.expires_at
        assert timedelta(19) < shown.expires_at - datetime.now(UTC) < timedelta(21)


def test_a_mailbox_that_only_holds_others_is_not_listed(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.create_mailbox(mail_user, "parent.child")
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        names = sorted(each.name for each in source.list_mailboxes())
    assert names == ["INBOX", "parent.child"]


def test_a_missing_mailbox(dovecot: Dovecot, mail_user: str) -> None:
    with (
        ImapSource(dovecot.endpoint(mail_user)) as source,
        pytest.raises(MailboxNotFound) as caught,
    ):
        source.open_mailbox("Nirgends")
    assert caught.value.params == {"host": "localhost", "mailbox": "Nirgends"}


def test_uidvalidity_tells_when_uids_begin_anew(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    states = []
    for _ in range(2):
        with ImapSource(dovecot.endpoint(mail_user)) as source:
            states.append(source.open_mailbox("INBOX"))
        dovecot.bump_uidvalidity(mail_user)
    assert states[0].uidvalidity < states[1].uidvalidity
    assert states[1].exists == 1


@pytest.mark.parametrize("security", list(Security))
def test_a_wrong_password(dovecot: Dovecot, mail_user: str, security: Security) -> None:
    endpoint = dovecot.endpoint(mail_user, security, secret="wrong")
    with pytest.raises(LoginRejected) as caught, ImapSource(endpoint):
        pass
    assert mail_user in str(caught.value)


def test_an_unknown_user(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = replaced(dovecot.endpoint(mail_user), user="stranger")
    with pytest.raises(LoginRejected), ImapSource(endpoint):
        pass


@pytest.mark.parametrize("password", ["pässwörd", "密码", 'quo"te\\back', " spaced ", "{5}"])
def test_passwords_of_every_script(dovecot: Dovecot, mail_user: str, password: str) -> None:
    user = dovecot.create_user(f"{mail_user}-p", password)
    with ImapSource(dovecot.endpoint(user)) as source:
        assert source.list_mailboxes() == [RemoteMailbox("INBOX")]


@pytest.mark.parametrize("unsafe", ["a\r\nb", "a\nb", "a\rb", "a\0b", "a\ud800b"])
def test_line_breaks_never_reach_the_server(dovecot: Dovecot, mail_user: str, unsafe: str) -> None:
    good = dovecot.endpoint(mail_user)
    with pytest.raises(UnsafeArgument, match="user name"), ImapSource(replaced(good, user=unsafe)):
        pass
    with pytest.raises(UnsafeArgument, match="password"), ImapSource(replaced(good, secret=unsafe)):
        pass
    with pytest.raises(UnsafeArgument, match="mailbox name"), ImapSource(good) as source:
        source.open_mailbox(unsafe)


def replaced(endpoint: Endpoint, *, user: str | None = None, secret: str | None = None) -> Endpoint:
    return Endpoint(
        endpoint.host,
        endpoint.port,
        endpoint.security,
        user or endpoint.username,
        secret or endpoint.secret,
        endpoint.reach,
        endpoint.ca_certificate,
    )


def test_plaintext_where_the_site_forbids_it(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = Endpoint(
        "localhost",
        dovecot.imap,
        Security.PLAIN,
        mail_user,
        "unsent",
        Reach(allowed_hosts=frozenset({"localhost"}), allowed_ports=frozenset({dovecot.imap})),
    )
    with pytest.raises(PlaintextNotAllowed), ImapSource(endpoint):
        pass


def test_checking_costs_few_commands(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    source = ImapSource(dovecot.endpoint(mail_user))
    with source:
        source.open_mailbox("INBOX")
        assert list(source.list_uids()) == [[1]]
        before_logout = source.commands_sent
    assert 3 <= before_logout <= 5


def test_imaplib_formats_no_literals(dovecot: Dovecot, mail_user: str) -> None:
    """IMAPClient sets imaplib's debug level to 5, at which fetching takes four times as long."""
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        assert source._client is not None
        assert source._client.protocol.debug == 0
        assert source._client._imap is source._client.protocol


def test_a_source_that_raised_reads_nothing_more(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        with pytest.raises(UnsafeArgument):
            source.open_mailbox("two\nlines")
        with pytest.raises(ConnectionDropped):
            source.fetch([1])
        with pytest.raises(ConnectionDropped):
            next(source.list_uids())


def test_after_a_missing_mailbox_another_is_read(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        with pytest.raises(MailboxNotFound) as caught:
            source.open_mailbox("Nirgends")
        assert caught.value.__context__ is None
        assert source.open_mailbox("INBOX").exists == 1
        assert len(source.fetch([1])) == 1


def test_no_mailbox_is_open_after_one_was_missing(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        with pytest.raises(MailboxNotFound):
            source.open_mailbox("Nirgends")
        with pytest.raises(ConnectionDropped):
            next(source.list_uids())


def test_a_run_that_is_over_asks_nothing_more(dovecot: Dovecot, mail_user: str) -> None:
    until = Deadline(60)
    with ImapSource(dovecot.endpoint(mail_user), until=until) as source:
        source.open_mailbox("INBOX")
        until._moment = time.monotonic()  # a minute passes
        with pytest.raises(ConnectionTimedOut):
            source.open_mailbox("INBOX")


def test_memory_for_a_large_message_is_about_one_copy(dovecot: Dovecot, mail_user: str) -> None:
    raw = message(1, b"z" * 70 + b"\r\n") + (b"z" * 70 + b"\r\n") * 80_000
    dovecot.deliver(mail_user, raw)
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        gc.collect()
        tracemalloc.start()
        fetched = source.fetch_large(1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert fetched is not None
    assert fetched.size == len(raw)
    assert peak < len(raw) * 1.4


def test_received_date_without_a_zone_is_utc() -> None:
    odd = {b"INTERNALDATE": b"1-Jan-2020 00:00:00 -0000"}
    assert received_at(odd) == datetime(2020, 1, 1, tzinfo=UTC)
