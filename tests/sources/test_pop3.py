"""Reading a maildrop of a real POP3 server."""

from __future__ import annotations

import gc
import poplib
import tracemalloc
from dataclasses import replace
from itertools import chain

import pytest

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    LoginRejected,
    MailboxNotFound,
    PlaintextNotAllowed,
    UnsafeArgument,
)
from wagtail_mailarchive.sources.base import (
    MailboxCounts,
    MailboxState,
    Reach,
    RemoteMailbox,
    Security,
    Selected,
)
from wagtail_mailarchive.sources.imap import ImapSource
from wagtail_mailarchive.sources.open import open_source
from wagtail_mailarchive.sources.pop3 import Pop3Source


def message(number: int, body: bytes = b"Hello.\r\n") -> bytes:
    return b"Subject: Message %d\r\nMessage-ID: <%d@example.org>\r\n\r\n%s" % (number, number, body)


def listed(source: Pop3Source) -> list[int]:
    """Give each message its number as UID, and return these."""
    source.open_mailbox("INBOX")
    source.assign({each.number: each.number for each in source.list_uidls()})
    return list(chain.from_iterable(source.list_uids()))


@pytest.mark.parametrize("security", list(Security))
def test_a_maildrop_is_read_byte_for_byte(
    dovecot: Dovecot, mail_user: str, security: Security
) -> None:
    # Bytes no text has, lines longer than poplib takes, and what looks like the protocol.
    raws = [
        message(1),
        message(2, bytes(set(range(1, 256)) - set(b"\r\n")) + b"\r\n"),
        message(3, b"x" * 200_000 + b"\r\n"),
        message(4, b".\r\n..\r\n.dot\r\n...\r\n+OK\r\n-ERR\r\n.\r\n"),
        b".begins with a dot\r\n\r\n.\r\n",
        message(6, b".\r\n" * 10_000),
    ]
    for raw in raws:
        dovecot.deliver(mail_user, raw)
    endpoint = dovecot.endpoint(mail_user, security, protocol="pop3")
    with open_source(endpoint, "pop3") as source:
        assert isinstance(source, Pop3Source)
        assert source.open_mailbox("INBOX") == MailboxState("INBOX", 0, None, 6)
        uids = listed(source)
        assert uids == [1, 2, 3, 4, 5, 6]
        assert [one.size for one in source.describe(uids)] == list(map(len, raws))
        assert [b"".join(one.chunks) for one in source.fetch(uids)] == raws
        for uid, raw in enumerate(raws, 1):
            large = source.fetch_large(uid)
            assert large is not None
            assert b"".join(large.chunks) == raw


def test_pop3_and_imap_give_the_same_bytes(dovecot: Dovecot, mail_user: str) -> None:
    for number in range(1, 101):
        body = b"." * (number % 5) + b"x" * number + b"\r\n"
        dovecot.deliver(mail_user, message(number, body * number))
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        source.open_mailbox("INBOX")
        by_imap = source.fetch(range(1, 101))
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as maildrop:
        by_pop3 = maildrop.fetch(listed(maildrop))
    assert [one.chunks for one in by_pop3] == [one.chunks for one in by_imap]
    assert len(by_pop3) == 100


def test_an_empty_maildrop(dovecot: Dovecot, mail_user: str) -> None:
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        assert source.open_mailbox("INBOX").exists == 0
        assert source.list_uidls() == []
        assert list(source.list_uids()) == []
        assert source.fetch([]) == []
        assert source.headers([]) == []
        assert source.describe([]) == []


def test_unique_ids_stay_with_their_messages(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = dovecot.endpoint(mail_user, protocol="pop3")
    names = [dovecot.deliver(mail_user, message(number)) for number in range(1, 4)]
    with Pop3Source(endpoint) as source:
        first = source.list_uidls()
    dovecot.remove(mail_user, names[0])
    dovecot.deliver(mail_user, message(4))
    with Pop3Source(endpoint) as source:
        second = source.list_uidls()
    assert [each.number for each in second] == [1, 2, 3]
    assert [each.uidl for each in second[:2]] == [each.uidl for each in first[1:]]
    assert len({each.uidl for each in [*first, *second]}) == 4


def test_uids_are_what_the_caller_says(dovecot: Dovecot, mail_user: str) -> None:
    for number in range(1, 4):
        dovecot.deliver(mail_user, message(number))
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        assert source.fetch([1]) == []  # nothing is assigned yet
        source.list_uidls()
        source.assign({700: 1, 50: 3, 9: 77})
        assert list(source.list_uids()) == [[50, 700]]
        assert list(source.select_uids(Selected(unread=True))) == [[50, 700]]
        assert [one.uid for one in source.describe([700, 50, 1, 9])] == [50, 700]
        fetched = source.fetch([700, 50, 1, 9])
        assert [(one.uid, b"".join(one.chunks)) for one in fetched] == [
            (50, message(3)),
            (700, message(1)),
        ]
        assert source.fetch_large(1) is None
        assert fetched[0].received_at is None


def test_headers_come_without_bodies(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1, b"secret\r\n\r\nmore\r\n"))
    dovecot.deliver(mail_user, message(2))
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        headers = source.headers(listed(source))
    assert [each.uid for each in headers] == [1, 2]
    assert headers[0].header == b"Subject: Message 1\r\nMessage-ID: <1@example.org>"
    assert headers[0].size == len(message(1, b"secret\r\n\r\nmore\r\n"))


def test_the_only_mailbox_has_the_name_of_imaps(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        assert source.list_mailboxes() == [RemoteMailbox("INBOX")]
        assert source.count("INBOX") == MailboxCounts(1, None)
        with pytest.raises(MailboxNotFound):
            source.open_mailbox("Archive")
        with pytest.raises(MailboxNotFound):
            source.count("Archive")
        assert source.open_mailbox("INBOX").exists == 1


def test_fetching_costs_few_commands_and_takes_nothing_away(
    dovecot: Dovecot, mail_user: str
) -> None:
    endpoint = dovecot.endpoint(mail_user, protocol="pop3")
    for number in range(1, 101):
        dovecot.deliver(mail_user, message(number))
    for _ in range(2):
        with Pop3Source(endpoint) as source:
            assert len(source.fetch(listed(source))) == 100
            assert 100 < source.commands_sent <= 108
    assert len(dovecot.message_files(mail_user)) == 100


@pytest.mark.parametrize("security", list(Security))
def test_a_wrong_password(dovecot: Dovecot, mail_user: str, security: Security) -> None:
    endpoint = dovecot.endpoint(mail_user, security, protocol="pop3", secret="wrong")
    with pytest.raises(LoginRejected) as caught, Pop3Source(endpoint):
        pass
    assert mail_user in str(caught.value)


@pytest.mark.parametrize("password", ["pässwörd", "密码", 'quo"te\\back', " spaced ", "{5}"])
def test_passwords_of_every_script(dovecot: Dovecot, mail_user: str, password: str) -> None:
    user = dovecot.create_user(f"{mail_user}-p", password)
    with Pop3Source(dovecot.endpoint(user, protocol="pop3")) as source:
        assert source.count("INBOX").messages == 0


@pytest.mark.parametrize("unsafe", ["a\r\nDELE 1", "a\nb", "a\rb", "a\0b", "a\ud800b"])
def test_line_breaks_never_reach_the_server(dovecot: Dovecot, mail_user: str, unsafe: str) -> None:
    good = dovecot.endpoint(mail_user, protocol="pop3")
    with (
        pytest.raises(UnsafeArgument, match="user name"),
        Pop3Source(replace(good, username=unsafe)),
    ):
        pass
    with pytest.raises(UnsafeArgument, match="password"), Pop3Source(replace(good, secret=unsafe)):
        pass
    with pytest.raises(UnsafeArgument), Pop3Source(good) as source:
        source._connected.command(f"TOP 1 0{unsafe}")


def test_plaintext_where_the_site_forbids_it(dovecot: Dovecot, mail_user: str) -> None:
    good = dovecot.endpoint(mail_user, Security.PLAIN, protocol="pop3")
    strict = Reach(allowed_hosts=good.reach.allowed_hosts, allowed_ports=good.reach.allowed_ports)
    with pytest.raises(PlaintextNotAllowed), Pop3Source(replace(good, reach=strict)):
        pass


def test_what_another_session_removes_is_left_out(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = dovecot.endpoint(mail_user, Security.PLAIN, protocol="pop3")
    for number in range(1, 4):
        dovecot.deliver(mail_user, message(number))
    with Pop3Source(endpoint) as source:
        uids = listed(source)
        other = poplib.POP3(dovecot.host, dovecot.pop3)
        other.user(mail_user)
        other.pass_(endpoint.secret)
        other.dele(2)
        other.quit()
        fetched = source.fetch(uids)
        assert [(one.uid, b"".join(one.chunks)) for one in fetched] == [
            (1, message(1)),
            (3, message(3)),
        ]
        assert source.fetch_large(2) is None
        assert source.fetch_large(3) is not None


def test_a_source_that_raised_reads_nothing_more(dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, message(1))
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        uids = listed(source)
        source.interrupt()
        for _ in range(2):
            with pytest.raises(ConnectionDropped):
                source.fetch(uids)
        with pytest.raises(ConnectionDropped):
            source.describe(uids)
        with pytest.raises(ConnectionDropped):
            next(source.list_uids())
        with pytest.raises(ConnectionDropped):
            source.open_mailbox("INBOX")


def test_memory_for_a_large_message_is_about_one_copy(dovecot: Dovecot, mail_user: str) -> None:
    raw = message(1) + (b"." + b"z" * 69 + b"\r\n") * 80_000
    dovecot.deliver(mail_user, raw)
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        (uid,) = listed(source)
        gc.collect()
        tracemalloc.start()
        fetched = source.fetch_large(uid)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert fetched is not None
    assert fetched.size == len(raw)
    assert all(0 < len(chunk) <= 1024 * 1024 for chunk in fetched.chunks)
    assert peak < len(raw) * 1.8
