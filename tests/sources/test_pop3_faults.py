"""What POP3 servers do when they are old, odd, hostile, or cut off."""

from __future__ import annotations

import logging
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.servers.certificates import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.exceptions import (
    CertificateExpired,
    CertificateNameMismatch,
    CertificateUntrusted,
    ConnectionDropped,
    ConnectionTimedOut,
    HostNotAllowed,
    LoginRejected,
    LoginUnavailable,
    ProtocolError,
    ServerBusy,
    SourceError,
    StartTLSUnavailable,
    TLSFailed,
)
from wagtail_mailarchive.sources.base import Endpoint, Reach, RemoteUidl, Security
from wagtail_mailarchive.sources.channel import Bounds
from wagtail_mailarchive.sources.deadline import Timeouts
from wagtail_mailarchive.sources.pop3 import Pop3Source

# Never reached, however busy the machine is; and what is reached on purpose.
PATIENT = Timeouts(connect=30, silence=30, command=30)
QUICK = Timeouts(connect=0.6, silence=0.4, command=0.8)
BANNER = b"ACME-Appliance-9.1"
ONE = b"Subject: one\r\n\r\nfirst\r\n"
TWO = b"Subject: two\r\n\r\nsecond\r\n"


def holding(
    *messages: bytes, then: Callable[[Talk], None], capabilities: tuple[bytes, ...] = (b"TOP",)
) -> ScriptedServer:
    """Return a server that lists `messages`, then plays a script."""

    def whole(talk: Talk) -> None:
        talk.open_pop3(*messages, capabilities=capabilities)
        then(talk)
        talk.await_end()

    return ScriptedServer(whole)


def listing(then: Callable[[Talk], None], *capabilities: bytes) -> ScriptedServer:
    """Return a server that lets the client in, then plays a script."""

    def whole(talk: Talk) -> None:
        talk.log_in_pop3(*capabilities)
        then(talk)
        talk.await_end()

    return ScriptedServer(whole)


@contextmanager
def opened(
    server: ScriptedServer, timeouts: Timeouts = PATIENT, **options: Any
) -> Iterator[Pop3Source]:
    with Pop3Source(server.endpoint(), timeouts=timeouts, **options) as source:
        source.assign({each.number: each.number for each in source.list_uidls()})
        yield source


def uidls(server: ScriptedServer) -> list[RemoteUidl]:
    with Pop3Source(server.endpoint(), timeouts=PATIENT) as source:
        return source.list_uidls()


def entering(endpoint: Endpoint, timeouts: Timeouts = PATIENT, **options: Any) -> None:
    with Pop3Source(endpoint, timeouts=timeouts, **options):
        pass


# -- connecting ------------------------------------------------------------------------------


@pytest.mark.parametrize("security", list(Security))
def test_a_server_that_says_nothing(security: Security) -> None:
    with ScriptedServer(Talk.await_end) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionTimedOut):
            entering(server.endpoint(security), QUICK)
        assert time.monotonic() - began < 10


def test_a_host_that_is_not_allowed() -> None:
    reach = Reach(allow_plaintext=True)
    endpoint = Endpoint("127.0.0.1", 110, Security.PLAIN, "reader", "unsent", reach)
    with pytest.raises(HostNotAllowed):
        entering(endpoint)


def test_a_greeting_that_never_ends() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"+OK ")
        while True:
            talk.send(b"x" * 65536)

    with ScriptedServer(script) as server, pytest.raises(ProtocolError):
        entering(server.endpoint())


@pytest.mark.parametrize("endless", [b"X-ODD\r\n", b"x", b"\r\n", b"..\r\n"])
def test_capabilities_that_never_end(endless: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.send(b"+OK hello\r\n")
        talk.reply(b"CAPA")
        while True:
            talk.send(endless * 1000)

    bounds = Bounds(line=10_000, lines=100_000, literal=100_000, literals=200_000)
    with ScriptedServer(script) as server, pytest.raises(ProtocolError):
        entering(server.endpoint(), bounds=bounds)


def test_a_slow_drip_does_not_outlive_the_deadline() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"+OK ")
        while True:
            talk.send(b"x")
            time.sleep(0.05)

    with ScriptedServer(script) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionTimedOut):
            entering(server.endpoint(), Timeouts(connect=0.5, silence=30, command=30))
        assert 0.4 < time.monotonic() - began < 10


def test_a_slow_drip_of_a_message_does_not_outlive_a_commands_deadline() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"RETR 1")
        while True:
            talk.send(b"x")
            time.sleep(0.05)

    timeouts = Timeouts(connect=30, silence=30, command=1.5)
    with holding(ONE, then=script) as server, opened(server, timeouts) as source:
        began = time.monotonic()
        with pytest.raises(ConnectionTimedOut):
            source.fetch([1])
        assert 0.4 < time.monotonic() - began < 10


@pytest.mark.parametrize(
    "greeting",
    [b"* OK IMAP4rev1 ready\r\n", b"220 smtp.example\r\n", b"HTTP/1.1 400 Bad\r\n", b"\0\xff\r\n"],
)
def test_a_server_of_another_protocol(greeting: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.send(greeting)
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(ProtocolError):
            entering(server.endpoint())
        assert server.received == []


def test_a_server_that_hangs_up_at_once() -> None:
    with ScriptedServer(lambda talk: None) as server, pytest.raises(ConnectionDropped):
        entering(server.endpoint())


@pytest.mark.parametrize(("words", "seconds"), [(b"", 60), (b"[SYS/TEMP] full", 60)])
def test_a_server_that_greets_with_a_refusal(words: bytes, seconds: int) -> None:
    def script(talk: Talk) -> None:
        talk.send(b"-ERR " + words + b"\r\n")

    with ScriptedServer(script) as server, pytest.raises(LoginUnavailable) as caught:
        entering(server.endpoint())
    assert caught.value.params["seconds"] == seconds


# -- encryption ------------------------------------------------------------------------------


def encrypted(talk: Talk) -> None:
    talk.log_in_pop3()
    talk.await_end()


def test_a_certificate_of_an_authority_the_account_brings(authority: Authority) -> None:
    with ScriptedServer(encrypted, authority.issue("localhost"), implicit_tls=True) as server:
        endpoint = server.endpoint(
            Security.TLS, host="localhost", ca_certificate=authority.certificate
        )
        with Pop3Source(endpoint) as source:
            assert source.certificate is not None
            assert source.certificate.subject == "localhost"
            assert source.certificate_expires_at == source.certificate.expires_at


@pytest.mark.parametrize("kind", ["expired", "other name", "unknown authority"])
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_no_password_where_the_certificate_is_bad(
    authority: Authority, security: Security, kind: str
) -> None:
    def script(talk: Talk) -> None:
        if security is Security.STARTTLS:
            talk.greet_pop3(b"STLS", b"USER")
            talk.reply(b"STLS")
            talk.encrypt()
        talk.log_in_pop3()

    certificate = {
        "expired": authority.issue("localhost", expired=True),
        "other name": authority.issue("mail.example.org"),
        "unknown authority": Authority().issue("localhost"),
    }[kind]
    expected = {
        "expired": CertificateExpired,
        "other name": CertificateNameMismatch,
        "unknown authority": CertificateUntrusted,
    }[kind]
    implicit = security is Security.TLS
    with ScriptedServer(script, certificate, implicit_tls=implicit) as server:
        with pytest.raises(expected):
            entering(
                server.endpoint(security, host="localhost", ca_certificate=authority.certificate)
            )
        assert server.received == ([] if implicit else [b"CAPA", b"STLS"])


def test_tls_asked_of_a_port_without(dovecot: Dovecot, mail_user: str) -> None:
    good = dovecot.endpoint(mail_user, protocol="pop3")
    endpoint = Endpoint(
        good.host, dovecot.pop3, Security.TLS, good.username, good.secret, good.reach
    )
    with pytest.raises(TLSFailed):
        entering(endpoint)


def test_no_stls_no_password() -> None:
    """As where somebody in between takes STLS out of the capabilities."""

    def script(talk: Talk) -> None:
        talk.greet_pop3(b"USER", b"TOP")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(StartTLSUnavailable):
            entering(server.endpoint(Security.STARTTLS))
        assert server.received == [b"CAPA"]


def test_no_capabilities_no_stls_no_password() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"+OK old\r\n")
        talk.reply(b"CAPA", b"-ERR what")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(StartTLSUnavailable):
            entering(server.endpoint(Security.STARTTLS))
        assert server.received == [b"CAPA"]


def test_stls_refused_no_password() -> None:
    def script(talk: Talk) -> None:
        talk.greet_pop3(b"STLS", b"USER")
        talk.reply(b"STLS", b"-ERR not today")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(StartTLSUnavailable):
            entering(server.endpoint(Security.STARTTLS))
        assert server.received == [b"CAPA", b"STLS"]


@pytest.mark.parametrize("injected", [b"+OK\r\nSASL PLAIN\r\n.\r\n", b"-ERR\r\n", b"x"])
def test_what_follows_stls_in_plaintext_is_refused(authority: Authority, injected: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.greet_pop3(b"STLS", b"USER")
        talk.line()
        talk.send(b"+OK go\r\n" + injected)
        talk.encrypt()
        talk.await_end()

    with ScriptedServer(script, authority.issue("localhost")) as server:
        with pytest.raises(ProtocolError):
            entering(
                server.endpoint(
                    Security.STARTTLS, host="localhost", ca_certificate=authority.certificate
                )
            )
        assert server.received == [b"CAPA", b"STLS"]


def test_capabilities_from_before_encryption_count_for_nothing(authority: Authority) -> None:
    def script(talk: Talk) -> None:
        talk.greet_pop3(b"STLS", b"SASL PLAIN", b"PIPELINING")
        talk.reply(b"STLS")
        talk.encrypt()
        talk.reply(b"CAPA", text=b"USER\r\nUIDL\r\n")
        talk.reply(b"USER")
        talk.reply(b"PASS")
        talk.await_end()

    with ScriptedServer(script, authority.issue("localhost")) as server:
        endpoint = server.endpoint(
            Security.STARTTLS, host="localhost", ca_certificate=authority.certificate
        )
        with Pop3Source(endpoint, timeouts=PATIENT) as source:
            assert source.capabilities == ["UIDL"]


# -- logging in ------------------------------------------------------------------------------


def test_user_and_pass_where_the_server_names_no_mechanism() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"+OK old\r\n")
        talk.reply(b"CAPA", b"-ERR what")
        talk.reply(b"USER re ader")
        assert talk.reply(b"PASS ") == "pässwörd".encode()
        talk.await_end()

    with ScriptedServer(script) as server:
        entering(server.endpoint(username="re ader", secret="pässwörd"))


def test_no_password_unencrypted_where_the_server_wants_none() -> None:
    def script(talk: Talk) -> None:
        talk.greet_pop3(b"TOP", b"STLS", b"SASL")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(LoginUnavailable):
            entering(server.endpoint())
        assert server.received == [b"CAPA"]


@pytest.mark.parametrize(
    ("words", "expected", "seconds"),
    [
        (b"[AUTH] " + BANNER, LoginRejected, None),
        (BANNER, LoginRejected, None),
        (b"", LoginRejected, None),
        (b"[IN-USE] " + BANNER, LoginUnavailable, 900),
        (b"[SYS/TEMP] " + BANNER, LoginUnavailable, 900),
        (b"[SYS/PERM] " + BANNER, LoginUnavailable, 60),
        (b"[LOGIN-DELAY] " + BANNER, LoginUnavailable, 900),
    ],
)
def test_why_a_login_failed(words: bytes, expected: type[SourceError], seconds: int | None) -> None:
    def script(talk: Talk) -> None:
        talk.greet_pop3(b"USER", b"LOGIN-DELAY 900 USER")
        talk.reply(b"USER")
        talk.reply(b"PASS", b"-ERR " + words)
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(SourceError) as caught:
        entering(server.endpoint())
    assert type(caught.value) is expected
    assert caught.value.params.get("seconds") == seconds


def test_a_server_that_skips_the_question_gets_no_answer() -> None:
    def script(talk: Talk) -> None:
        talk.greet_pop3(b"SASL PLAIN")
        talk.reply(b"AUTH PLAIN", b"+OK in already")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(ProtocolError):
            entering(server.endpoint())
        assert server.received == [b"CAPA", b"AUTH PLAIN"]


# -- what identifies a message ---------------------------------------------------------------


def test_servers_without_unique_ids_have_their_headers_hashed() -> None:
    headers = [b"Subject: a\r\n\r\n", b"Subject: b\r\n\r\n", b"Subject: a\r\n\r\n"]

    def script(talk: Talk) -> None:
        talk.reply(b"LIST", text=b"1 100\r\n2 100\r\n3 101\r\n")
        talk.reply(b"UIDL", b"-ERR what")
        for number, header in enumerate(headers, 1):
            talk.reply(b"TOP %d 0" % number, text=header)

    with listing(script, b"TOP") as server:
        first, again = uidls(server), uidls(server)
    assert first == again
    assert all(each.uidl.startswith("hash:") for each in first)
    # Neither header nor size alone identifies a message.
    assert len({each.uidl for each in first}) == 3
    assert all(len(each.uidl) <= 200 for each in first)


def test_messages_alike_in_header_and_size_are_counted() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"LIST", text=b"1 50\r\n2 50\r\n")
        talk.reply(b"UIDL", b"-ERR what")
        talk.reply(b"TOP 1 0", text=b"Subject: twin\r\n\r\n")
        talk.reply(b"TOP 2 0", text=b"Subject: twin\r\n\r\nwith its body\r\n")

    with listing(script, b"TOP") as server:
        one, two = uidls(server)
    assert two.uidl == f"{one.uidl}#2"


def test_servers_with_neither_unique_ids_nor_headers_identify_nothing() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"LIST", text=b"1 50\r\n2 60\r\n")
        talk.reply(b"UIDL", b"-ERR what")

    with listing(script, b"EXPIRE 0") as server:
        assert [each.uidl for each in uidls(server)] == ["", ""]
        assert server.received[-1] == b"QUIT"


def test_a_server_that_does_not_tell_what_it_knows_is_asked_for_one_header_only() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"+OK old\r\n")
        talk.reply(b"CAPA", b"-ERR what")
        talk.reply(b"USER")
        talk.reply(b"PASS")
        talk.reply(b"LIST", text=b"1 50\r\n2 60\r\n3 70\r\n")
        talk.reply(b"UIDL", b"-ERR what")
        talk.reply(b"TOP 1 0", b"-ERR what")
        talk.await_end()

    with ScriptedServer(script) as server:
        assert [each.uidl for each in uidls(server)] == ["", "", ""]


def test_unique_ids_given_twice_identify_nothing() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"LIST", text=b"1 50\r\n2 60\r\n3 70\r\n4 80\r\n5 90\r\n")
        talk.reply(b"UIDL", text=b"1 same\r\n2 same\r\n3 own\r\n4 \r\n")
        for number in (1, 2, 4, 5):
            talk.reply(b"TOP %d 0" % number, text=b"Subject: %d\r\n\r\n" % number)

    with listing(script, b"TOP", b"PIPELINING") as server:
        found = [each.uidl for each in uidls(server)]
    assert found[2] == "own"
    assert all(uidl.startswith("hash:") for n, uidl in enumerate(found) if n != 2)
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    "odd", [b"x" * 201, b"x" * 5_000, b"\xffid", b"an id", b"tab\tid", b"\x01"]
)
def test_unique_ids_that_cannot_be_kept_are_hashed(odd: bytes) -> None:
    long = b"y" * 200

    def script(talk: Talk) -> None:
        talk.reply(b"LIST", text=b"1 50\r\n2 50\r\n3 50\r\n")
        talk.reply(b"UIDL", text=b"1 %s\r\n2 %s2\r\n3 %s\r\n" % (odd, odd, long))

    with listing(script) as server:
        first, again = uidls(server), uidls(server)
    assert first == again
    assert first[0].uidl != first[1].uidl
    assert all(each.uidl.startswith("hash:") for each in first[:2])
    assert first[2].uidl == long.decode()


@pytest.mark.parametrize(
    "text",
    [b"one 5\r\n", b"1\r\n", b"1 -5\r\n", b"0 5\r\n", b"\r\n", b"1 " + b"9" * 5000 + b"\r\n"],
)
def test_a_listing_that_makes_no_sense(text: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"LIST", text=text)

    with listing(script) as server, pytest.raises(ProtocolError):
        uidls(server)


@pytest.mark.parametrize(
    "status", [b"+OK", b"+OK x y", b"+OK -3 5", b"+OK 99999999999999999999 5", b"+OK 3", b"?"]
)
def test_a_count_that_makes_no_sense(status: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"STAT", status)

    with listing(script) as server, opened_only(server) as source, pytest.raises(ProtocolError):
        source.open_mailbox("INBOX")


@contextmanager
def opened_only(server: ScriptedServer) -> Iterator[Pop3Source]:
    with Pop3Source(server.endpoint(), timeouts=PATIENT) as source:
        yield source


def test_a_listing_that_never_ends() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"LIST")
        while True:
            talk.send(b"1 1\r\n" * 1000)

    bounds = Bounds(literal=100_000, literals=200_000)
    with (
        listing(script) as server,
        Pop3Source(server.endpoint(), bounds=bounds) as source,
        pytest.raises(ProtocolError),
    ):
        source.list_uidls()


# -- reading messages ------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [b"", b"+OK\r\n", b"+OK\r\nhalf", b"+OK\r\nhalf\r\n.", b"+O"])
def test_a_connection_dropped_in_an_answer_yields_nothing(cut: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.line()
        talk.send(cut)
        talk.close()

    with holding(ONE, then=script) as server, opened(server) as source:
        for _ in range(2):
            with pytest.raises(ConnectionDropped):
                source.fetch([1])


def test_what_the_server_refuses_is_left_out() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"RETR 1", b"-ERR no such message")
        talk.reply(b"RETR 2", text=TWO)
        talk.reply(b"RETR 1", b"-ERR no such message")
        talk.reply(b"TOP 1 0", b"-ERR no such message")
        talk.reply(b"TOP 2 0", text=TWO)

    with holding(ONE, TWO, then=script) as server, opened(server) as source:
        assert [one.chunks for one in source.fetch([1, 2])] == [(TWO,)]
        assert source.fetch_large(1) is None
        headers = [each.header for each in source.headers([1, 2])]
        assert headers == [b"", b"Subject: two"]


@pytest.mark.parametrize("read", ["fetch", "fetch_large", "headers"])
def test_a_server_that_wants_to_be_left_alone(read: str) -> None:
    def script(talk: Talk) -> None:
        talk.line()
        talk.send(b"-ERR [SYS/TEMP] " + BANNER + b"\r\n")

    with (
        holding(ONE, then=script) as server,
        opened(server) as source,
        pytest.raises(ServerBusy) as caught,
    ):
        getattr(source, read)(1 if read == "fetch_large" else [1])
    assert type(caught.value) is ServerBusy
    assert caught.value.params == {"host": "127.0.0.1", "seconds": 60}


def test_several_are_asked_for_at_once_where_the_server_allows_it() -> None:
    many = 100

    def script(talk: Talk) -> None:
        # All of the first lot are there before the first is answered.
        for number in range(1, 33):
            assert talk.line() == b"RETR %d" % number
        answered = 0
        asked = 32
        while answered < many:
            answered += 1
            talk.send(b"+OK\r\nSubject: %d\r\n\r\n..\r\n.\r\n" % answered)
            while asked < many and asked - answered < 16:
                asked += 1
                assert talk.line() == b"RETR %d" % asked

    messages = (b"Subject: 1\r\n\r\n.\r\n",) * many
    with (
        holding(*messages, then=script, capabilities=(b"PIPELINING",)) as server,
        opened(server) as source,
    ):
        fetched = source.fetch(range(1, many + 1))
    assert [one.chunks for one in fetched] == [
        (b"Subject: %d\r\n\r\n.\r\n" % number,) for number in range(1, many + 1)
    ]


def test_one_is_asked_for_after_the_other_where_it_does_not() -> None:
    def script(talk: Talk) -> None:
        for number in range(1, 41):
            assert talk.line() == b"RETR %d" % number
            assert talk._pending == b""
            talk.send(b"+OK\r\n" + ONE + b".\r\n")

    with holding(*[ONE] * 40, then=script) as server, opened(server) as source:
        assert len(source.fetch(range(1, 41))) == 40


def test_a_message_that_never_ends() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"RETR 1")
        while True:
            talk.send(b"x" * 65_534 + b"\r\n")

    bounds = Bounds(literal=1_000_000, literals=1_000_000)
    with (
        holding(ONE, then=script) as server,
        opened(server, bounds=bounds) as source,
    ):
        tracemalloc.start()
        with pytest.raises(ProtocolError):
            source.fetch([1])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000
    with (
        holding(ONE, then=script) as server,
        opened(server, largest=100_000) as source,
        pytest.raises(ProtocolError),
    ):
        source.fetch_large(1)


def test_messages_larger_together_than_accepted() -> None:
    def script(talk: Talk) -> None:
        for number in (1, 2, 3):
            talk.reply(b"RETR %d" % number, text=b"x" * 400 + b"\r\n")

    bounds = Bounds(literal=10_000, literals=1_000)
    with (
        holding(ONE, ONE, ONE, then=script) as server,
        opened(server, bounds=bounds) as source,
        pytest.raises(ProtocolError),
    ):
        source.fetch([1, 2, 3])


def test_headers_are_bounded() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"TOP 1 0", text=b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n")
        talk.reply(b"TOP 2 0", text=TWO)

    with holding(ONE, TWO, then=script) as server, opened(server) as source:
        one, two = source.headers([1, 2])
    assert len(one.header) == 64 * 1024
    assert two.header == b"Subject: two"


@pytest.mark.parametrize("garbage", [b"garbage\r\n", b"* OK\r\n", b"\r\n", b"+\r\n", b"OK\r\n"])
def test_garbage_for_an_answer(garbage: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.line()
        talk.send(garbage + ONE + b".\r\n")

    with (
        holding(ONE, then=script) as server,
        opened(server) as source,
        pytest.raises(ProtocolError),
    ):
        source.fetch([1])


# -- leaving ---------------------------------------------------------------------------------


def retrieved(talk: Talk) -> None:
    talk.reply(b"RETR 1", text=ONE)


def test_quit_is_said_when_all_went_well() -> None:
    with holding(ONE, then=retrieved) as server:
        with opened(server) as source:
            source.fetch([1])
        assert server.received[-1] == b"QUIT"


@pytest.mark.parametrize("problem", [RuntimeError("the database"), KeyboardInterrupt()])
def test_quit_is_not_said_where_anything_went_wrong(problem: BaseException) -> None:
    """Servers that delete at QUIT what was retrieved must not believe that it is safe here."""

    def fetch() -> None:
        with opened(server) as source:
            source.fetch([1])
            raise problem

    with holding(ONE, then=retrieved) as server:
        with pytest.raises(type(problem)):
            fetch()
        assert server.received[-1] == b"RETR 1"


def test_quit_is_not_said_after_an_error_that_was_dealt_with() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"RETR 1", text=ONE)
        talk.reply(b"RETR 2", b"nonsense")

    with holding(ONE, TWO, then=script) as server:
        with opened(server) as source:
            source.fetch([1])
            with pytest.raises(ProtocolError):
                source.fetch([2])
        assert server.received[-1] == b"RETR 2"


def test_nothing_is_ever_deleted() -> None:
    def script(talk: Talk) -> None:
        talk.reply(b"RETR 1", text=ONE)
        talk.reply(b"TOP 1 0", text=ONE)

    with holding(ONE, then=script) as server:
        with opened(server) as source:
            source.fetch_large(1)
            source.headers([1])
        assert not [line for line in server.received if line.startswith(b"DELE")]


def test_a_server_that_does_not_answer_the_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wagtail_mailarchive.sources.pop3.LONGEST_GOODBYE", 0.3)

    def script(talk: Talk) -> None:
        talk.log_in_pop3()
        while True:
            talk.line()

    with ScriptedServer(script) as server:
        began = time.monotonic()
        entering(server.endpoint())
        assert time.monotonic() - began < 10


# -- secrets ---------------------------------------------------------------------------------


def rejecting(talk: Talk) -> None:
    talk.greet_pop3(b"SASL PLAIN")
    talk.reply(b"AUTH PLAIN", b"+ ")
    talk.line()
    talk.send(b"-ERR " + BANNER + b"\r\n")
    talk.await_end()


def rejecting_later(talk: Talk) -> None:
    talk.greet_pop3(b"USER")
    talk.reply(b"USER")
    talk.reply(b"PASS", b"-ERR " + BANNER)


def vanishing(talk: Talk) -> None:
    talk.greet_pop3(b"USER")
    talk.reply(b"USER")
    talk.line()


def babbling(talk: Talk) -> None:
    talk.greet_pop3(b"USER")
    talk.reply(b"USER")
    talk.reply(b"PASS", BANNER)


@pytest.mark.parametrize("script", [rejecting, rejecting_later, vanishing, babbling])
def test_secrets_and_banners_stay_out_of_logs_errors_and_tracebacks(
    script: Callable[[Talk], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(script) as server, pytest.raises(SourceError) as caught:
        entering(server.endpoint())
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    told = f"{error!r} {error.params!r} {''.join(report.format())} {caplog.text}"
    assert "Pop3Source" in told  # the frames are there
    assert PASSWORD not in told
    assert "AHJlYWRlcgBjb3JyZWN0IGhvcnNl" not in told  # as AUTH PLAIN sends it
    assert BANNER.decode() not in told


def test_an_open_connection_remembers_no_password(
    dovecot: Dovecot, mail_user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Pop3Source(dovecot.endpoint(mail_user, protocol="pop3")) as source:
        assert source._client is not None
        told = f"{vars(source)} {vars(source._client)}"
    assert mail_user in told
    assert PASSWORD not in told + caplog.text
