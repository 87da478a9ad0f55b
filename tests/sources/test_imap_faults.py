"""What servers do when they are broken, hostile, or cut off: each has its own sentence."""

from __future__ import annotations

import logging
import socket
import ssl
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from typing import Any

import pytest

from tests.servers.certificates import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted import CAPABILITIES, ScriptedServer, Talk
from wagtail_mailarchive.exceptions import (
    CertificateExpired,
    CertificateNameMismatch,
    CertificateUntrusted,
    ConnectionDropped,
    ConnectionRefused,
    ConnectionTimedOut,
    HostNotFound,
    LoginRejected,
    LoginUnavailable,
    MailboxNotFound,
    ProtocolError,
    ServerBusy,
    SourceError,
    StartTLSUnavailable,
    TLSFailed,
)
from wagtail_mailarchive.sources import imap
from wagtail_mailarchive.sources.base import (
    Endpoint,
    MailboxCounts,
    Reach,
    RemoteMailbox,
    Security,
    SpecialUse,
    TLSVersion,
)
from wagtail_mailarchive.sources.channel import Bounds
from wagtail_mailarchive.sources.deadline import Timeouts
from wagtail_mailarchive.sources.imap import ImapSource

# Never reached, however busy the machine is; and what is reached on purpose.
PATIENT = Timeouts(connect=30, silence=30, command=30)
QUICK = Timeouts(connect=0.6, silence=0.4, command=0.8)
BANNER = b"ACME-Appliance-9.1"


def reading(script: Callable[[Talk], None]) -> ScriptedServer:
    """Return a server that opens a mailbox, then plays `script`."""

    def whole(talk: Talk) -> None:
        talk.open()
        script(talk)

    return ScriptedServer(whole)


@contextmanager
def opened(
    server: ScriptedServer, timeouts: Timeouts = PATIENT, **options: Any
) -> Iterator[ImapSource]:
    with ImapSource(server.endpoint(), timeouts=timeouts, **options) as source:
        source.open_mailbox("INBOX")
        yield source


def entering(endpoint: Endpoint, timeouts: Timeouts = PATIENT) -> None:
    with ImapSource(endpoint, timeouts=timeouts):
        pass


# -- connecting ------------------------------------------------------------------------------


def test_a_host_that_does_not_exist() -> None:
    def lookup(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    endpoint = Endpoint("nowhere.invalid", 993, Security.TLS, "reader", "unsent")
    with (
        pytest.raises(HostNotFound) as caught,
        ImapSource(endpoint, lookup=lookup),  # type: ignore[arg-type]
    ):
        pass
    assert str(caught.value) == ("There is no server named nowhere.invalid. Check the host name.")


def test_a_port_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reach = Reach(allowed_hosts=frozenset({"localhost"}), allowed_ports=frozenset({port}))
    endpoint = Endpoint("localhost", port, Security.TLS, "reader", "unsent", reach)
    with pytest.raises(ConnectionRefused):
        entering(endpoint)


@pytest.mark.parametrize("security", list(Security))
def test_a_server_that_says_nothing(security: Security) -> None:
    with ScriptedServer(Talk.await_end) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionTimedOut):
            entering(server.endpoint(security), QUICK)
        assert time.monotonic() - began < 10


def test_a_greeting_that_never_ends() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"* OK ")
        while True:
            talk.send(b"x" * 65536)

    with ScriptedServer(script) as server, pytest.raises(ProtocolError):
        entering(server.endpoint())


def test_a_greeting_of_endless_lines() -> None:
    def script(talk: Talk) -> None:
        talk.greet(capabilities=b"IMAP4rev1")
        talk.expect(b"LOGIN")
        while True:
            talk.send(b"* OK patience\r\n" * 1000)

    with (
        ScriptedServer(script) as server,
        pytest.raises(ProtocolError),
        ImapSource(server.endpoint(), bounds=Bounds(lines=100_000)),
    ):
        pass


def test_a_slow_drip_does_not_outlive_the_deadline() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"* OK ")
        while True:
            talk.send(b"x")
            time.sleep(0.05)

    with ScriptedServer(script) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionTimedOut):
            entering(server.endpoint(), Timeouts(connect=0.5, silence=30, command=30))
        assert 0.4 < time.monotonic() - began < 10


def test_a_slow_drip_does_not_outlive_a_commands_deadline() -> None:
    def script(talk: Talk) -> None:
        talk.expect(b"UID FETCH")
        talk.send(b"* 1 FETCH (UID 1 BODY[] {1000}\r\n")
        while True:
            talk.send(b"x")
            time.sleep(0.05)

    with (
        reading(script) as server,
        opened(server, Timeouts(connect=30, silence=30, command=1.5)) as source,
    ):
        began = time.monotonic()
        with pytest.raises(ConnectionTimedOut):
            source.fetch([1])
        assert 0.4 < time.monotonic() - began < 10


@pytest.mark.parametrize(
    "greeting",
    [b"+OK POP3 ready\r\n", b"220 smtp.example ESMTP\r\n", b"HTTP/1.1 400 Bad\r\n", b"\0\xff\r\n"],
)
def test_a_server_of_another_protocol(greeting: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.send(greeting)
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(ProtocolError):
        entering(server.endpoint())


def test_a_server_that_hangs_up_at_once() -> None:
    with ScriptedServer(lambda talk: None) as server, pytest.raises(ConnectionDropped):
        entering(server.endpoint())


def test_a_server_that_greets_with_bye() -> None:
    def script(talk: Talk) -> None:
        talk.send(b"* BYE " + BANNER + b" too many connections\r\n")

    with ScriptedServer(script) as server, pytest.raises(LoginUnavailable):
        entering(server.endpoint())


# -- encryption ------------------------------------------------------------------------------


def encrypted(talk: Talk) -> None:
    talk.log_in()
    talk.await_end()


def test_a_certificate_of_an_authority_the_account_brings(authority: Authority) -> None:
    good = authority.issue("localhost")
    with ScriptedServer(encrypted, good, implicit_tls=True) as server:
        entering(
            server.endpoint(Security.TLS, host="localhost", ca_certificate=authority.certificate)
        )


def test_an_expired_certificate(authority: Authority) -> None:
    expired = authority.issue("localhost", expired=True)
    with ScriptedServer(encrypted, expired, implicit_tls=True) as server:
        with pytest.raises(CertificateExpired):
            entering(
                server.endpoint(
                    Security.TLS, host="localhost", ca_certificate=authority.certificate
                )
            )
        assert server.received == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_of_another_name(authority: Authority, host: str) -> None:
    other = authority.issue("mail.example.org", addresses=("127.0.0.2",))
    with ScriptedServer(encrypted, other, implicit_tls=True) as server:
        with pytest.raises(CertificateNameMismatch):
            entering(server.endpoint(Security.TLS, host=host, ca_certificate=authority.certificate))
        assert server.received == []


def test_a_certificate_of_an_unknown_authority(authority: Authority) -> None:
    with ScriptedServer(encrypted, authority.issue("localhost"), implicit_tls=True) as server:
        with pytest.raises(CertificateUntrusted):
            entering(server.endpoint(Security.TLS, host="localhost"))
        assert server.received == []


def test_starttls_verifies_the_certificate_too(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = dovecot.endpoint(
        mail_user, Security.STARTTLS, ca_certificate=Authority().certificate
    )
    with pytest.raises(CertificateUntrusted):
        entering(endpoint)


def test_tls_asked_of_a_port_without(dovecot: Dovecot, mail_user: str) -> None:
    good = dovecot.endpoint(mail_user)
    endpoint = Endpoint(
        good.host, dovecot.imap, Security.TLS, good.username, good.secret, good.reach
    )
    with pytest.raises(TLSFailed):
        entering(endpoint)


def test_old_tls_is_refused(authority: Authority) -> None:
    good = authority.issue("localhost")

    def script(talk: Talk) -> None:
        raise AssertionError("a handshake below TLS 1.2 succeeded")

    server = ScriptedServer(script, good, implicit_tls=True)
    assert server._tls is not None
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        server._tls.minimum_version = ssl.TLSVersion.TLSv1
        server._tls.maximum_version = ssl.TLSVersion.TLSv1_1
    server._tls.set_ciphers("ALL:@SECLEVEL=0")
    with server, pytest.raises(TLSFailed):
        entering(
            server.endpoint(Security.TLS, host="localhost", ca_certificate=authority.certificate)
        )


@pytest.mark.parametrize("implicit", [True, False])
def test_an_account_may_want_a_newer_tls(authority: Authority, *, implicit: bool) -> None:
    def script(talk: Talk) -> None:
        if not implicit:
            talk.greet(b"IMAP4rev1 STARTTLS")
            talk.answer(b"STARTTLS")
            talk.encrypt()
        encrypted(talk)

    security = Security.TLS if implicit else Security.STARTTLS
    server = ScriptedServer(script, authority.issue("localhost"), implicit_tls=implicit)
    assert server._tls is not None
    server._tls.maximum_version = ssl.TLSVersion.TLSv1_2
    endpoint = server.endpoint(security, host="localhost", ca_certificate=authority.certificate)
    with server, pytest.raises(TLSFailed):
        entering(replace(endpoint, tls_minimum=TLSVersion.TLS_1_3))


def test_no_starttls_no_password() -> None:
    def script(talk: Talk) -> None:
        talk.greet()
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(StartTLSUnavailable):
            entering(server.endpoint(Security.STARTTLS))
        assert server.received == []


def test_starttls_refused_no_password() -> None:
    def script(talk: Talk) -> None:
        talk.greet(b"IMAP4rev1 STARTTLS AUTH=PLAIN")
        talk.answer(b"STARTTLS", status=b"NO not today")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(StartTLSUnavailable):
            entering(server.endpoint(Security.STARTTLS))
        assert len(server.received) == 1


@pytest.mark.parametrize("security", list(Security))
def test_a_session_authenticated_before_we_said_who_we_are(
    authority: Authority, security: Security
) -> None:
    def script(talk: Talk) -> None:
        talk.send(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] welcome\r\n")
        talk.await_end()

    good = authority.issue("localhost")
    with ScriptedServer(script, good, implicit_tls=security is Security.TLS) as server:
        with pytest.raises(ProtocolError):
            entering(
                server.endpoint(security, host="localhost", ca_certificate=authority.certificate)
            )
        assert server.received == []


@pytest.mark.parametrize(
    "injected",
    [
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
        b"* PREAUTH hello\r\n",
        b"x",
    ],
)
def test_what_follows_starttls_in_plaintext_is_refused(
    authority: Authority, injected: bytes
) -> None:
    def script(talk: Talk) -> None:
        talk.greet(b"IMAP4rev1 STARTTLS AUTH=PLAIN")
        tag = talk.expect(b"STARTTLS")
        talk.send(tag + b" OK go\r\n" + injected)
        talk.encrypt()
        talk.await_end()

    with ScriptedServer(script, authority.issue("localhost")) as server:
        with pytest.raises(ProtocolError):
            entering(
                server.endpoint(
                    Security.STARTTLS, host="localhost", ca_certificate=authority.certificate
                )
            )
        assert len(server.received) == 1


def test_capabilities_from_before_encryption_count_for_nothing(authority: Authority) -> None:
    def script(talk: Talk) -> None:
        talk.greet(b"IMAP4rev1 STARTTLS AUTH=PLAIN")
        talk.answer(b"STARTTLS", b"CAPABILITY IMAP4rev1 AUTH=PLAIN", status=b"OK go")
        talk.encrypt()
        talk.answer(b"CAPABILITY", b"CAPABILITY IMAP4rev1 LOGINDISABLED")
        talk.await_end()

    with ScriptedServer(script, authority.issue("localhost")) as server:
        with pytest.raises(LoginUnavailable):
            entering(
                server.endpoint(
                    Security.STARTTLS, host="localhost", ca_certificate=authority.certificate
                )
            )
        assert len(server.received) == 2


# -- logging in ------------------------------------------------------------------------------


def test_login_where_authenticate_plain_is_not_offered() -> None:
    lines: list[bytes] = []

    def script(talk: Talk) -> None:
        talk.send(b"* OK hello\r\n")
        talk.answer(b"CAPABILITY", b"CAPABILITY IMAP4rev1")
        tag = talk.expect(b'LOGIN "re\\"ader" {9}')
        talk.send(b"+ go on\r\n")
        lines.append(talk.line())
        talk.send(tag + b" OK in\r\n")
        talk.answer(b"CAPABILITY", b"CAPABILITY IMAP4rev1 UIDPLUS")
        talk.await_end()

    with ScriptedServer(script) as server:
        entering(server.endpoint(username='re"ader', secret="pässword"))
    assert lines == ["pässword".encode()]


def test_logindisabled_no_password() -> None:
    def script(talk: Talk) -> None:
        talk.greet(b"IMAP4rev1 LOGINDISABLED")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(LoginUnavailable):
            entering(server.endpoint())
        assert server.received == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"NO [AUTHENTICATIONFAILED] " + BANNER, LoginRejected),
        (b"NO " + BANNER, LoginRejected),
        (b"BAD " + BANNER, LoginRejected),
        (b"NO [UNAVAILABLE] " + BANNER, LoginUnavailable),
        (b"NO [LIMIT] " + BANNER, LoginUnavailable),
        (b"NO [INUSE] " + BANNER, LoginUnavailable),
        (b"NO [OVERQUOTA] " + BANNER, LoginUnavailable),
        (b"NO Suggested Backoff Time: 120000 milliseconds", LoginUnavailable),
    ],
)
def test_why_a_login_failed(status: bytes, expected: type[SourceError]) -> None:
    def script(talk: Talk) -> None:
        talk.greet()
        tag = talk.expect(b"AUTHENTICATE PLAIN")
        talk.send(b"+ \r\n")
        talk.line()
        talk.send(tag + b" " + status + b"\r\n")
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(SourceError) as caught:
        entering(server.endpoint())
    assert type(caught.value) is expected
    seconds = 120 if b"120000" in status else 60
    assert caught.value.params.get("seconds") == (seconds if expected is LoginUnavailable else None)


def test_bye_instead_of_a_login() -> None:
    def script(talk: Talk) -> None:
        talk.greet()
        talk.expect(b"AUTHENTICATE PLAIN")
        talk.send(b"* BYE " + BANNER + b"\r\n")

    with ScriptedServer(script) as server, pytest.raises(LoginUnavailable):
        entering(server.endpoint())


# -- opening and listing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "untagged", "expected"),
    [
        (b"NO [NONEXISTENT] " + BANNER, [], MailboxNotFound),
        (b"NO " + BANNER, [], MailboxNotFound),
        (b"NO [UNAVAILABLE] " + BANNER, [], ServerBusy),
        (b"BAD " + BANNER, [], ProtocolError),
        (b"OK done", [b"3 EXISTS"], ProtocolError),
        (b"OK done", [b"3 EXISTS", b"OK [UIDVALIDITY x]"], ProtocolError),
        (b"OK done", [b"OK [UIDVALIDITY 7]"], ProtocolError),
        (b"OK done", [b"99999999999999999999 EXISTS", b"OK [UIDVALIDITY 7]"], ProtocolError),
        (b"OK done", [b"3 EXISTS", b"OK [UIDVALIDITY 99999999999999999999]"], ProtocolError),
        (b"OK done", [b"BYE " + BANNER], ConnectionDropped),
    ],
)
def test_a_mailbox_that_cannot_be_used(
    status: bytes, untagged: list[bytes], expected: type[SourceError]
) -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(b"EXAMINE", *untagged, status=status)
        talk.await_end()

    with (
        ScriptedServer(script) as server,
        ImapSource(server.endpoint()) as source,
        pytest.raises(SourceError) as caught,
    ):
        source.open_mailbox("INBOX")
    assert type(caught.value) is expected


def test_a_server_without_uidnext() -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(b"EXAMINE", b"3 EXISTS", b"OK [UIDVALIDITY 4294967295]")
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        state = source.open_mailbox("INBOX")
    assert (state.uidnext, state.uidvalidity) == (None, 4294967295)


def test_mailbox_names_that_cannot_be_decoded_hide_no_others() -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(
            b"LIST",
            b'LIST (\\HasNoChildren) "/" INBOX',
            b'LIST (\\Noselect) "/" "Public"',
            b'LIST (\\NonExistent) "/" "Ghost"',
            b'LIST () "/" "&!!!-"',
            b'LIST () "/" "&2D0-"',
            b'LIST () "/" {6}\r\nIn\r\nto',
            b'LIST () NIL "2024"',
            b'LIST () "/" "Entw&APw-rfe"',
        )
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        names = [each.name for each in source.list_mailboxes()]
    assert names == ["INBOX", "2024", "Entwürfe"]


def test_what_mailboxes_are_for_is_asked_where_it_can_be() -> None:
    offered = CAPABILITIES + b" SPECIAL-USE LIST-EXTENDED"

    def script(talk: Talk) -> None:
        talk.log_in(offered)
        talk.answer(
            b'LIST "" "*" RETURN (SPECIAL-USE)',
            b'LIST () "/" INBOX',
            b'LIST (\\HasNoChildren \\junk) "/" Spam',
            b'LIST (\\All \\HasNoChildren) "/" "[Gmail]/All Mail"',
            b'LIST (\\Important) "/" Odd',
        )
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        assert source.list_mailboxes() == [
            RemoteMailbox("INBOX"),
            RemoteMailbox("Spam", SpecialUse.JUNK),
            RemoteMailbox("[Gmail]/All Mail", SpecialUse.ALL),
            RemoteMailbox("Odd"),
        ]


def test_what_mailboxes_are_for_is_taken_where_it_is_told_unasked() -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(b"LIST", b'LIST (\\HasNoChildren \\Trash) "/" "[Gmail]/Papierkorb"')
        assert talk.received[-1].endswith(b'LIST "" "*"')
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        assert source.list_mailboxes() == [RemoteMailbox("[Gmail]/Papierkorb", SpecialUse.TRASH)]


@pytest.mark.parametrize(
    "answer", [[], [b"STATUS INBOX (UNSEEN 1)"], [b"STATUS INBOX ()"], [b"STATUS INBOX"]]
)
def test_a_count_that_makes_no_sense(answer: list[bytes]) -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(b"STATUS", *answer)
        talk.await_end()

    with (
        ScriptedServer(script) as server,
        ImapSource(server.endpoint()) as source,
        pytest.raises(ProtocolError),
    ):
        source.count("INBOX")


def test_a_server_that_does_not_count_unread_mail() -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(b"STATUS", b"STATUS {5}\r\nINBOX (messages 7)")
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        assert source.count("INBOX") == MailboxCounts(7, None)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (b"%s NO [OVERQUOTA] Account exceeded bandwidth limits.\r\n", 60),
        (b"%s NO [THROTTLED] x\r\n", 60),
        (b"%s BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds\r\n", 92),
        (b"%s NO Server Busy. Suggested Backoff Time: 299961 milliseconds\r\n", 299),
        (b"* BYE [UNAVAILABLE] maintenance\r\n", 60),
        (b"* BYE Suggested Backoff Time: 120000 milliseconds\r\n", 120),
        (b"* 1 FETCH (UID 1 BODY[] {2}\r\nok)\r\n%s NO [LIMIT] enough\r\n", 60),
    ],
)
def test_a_server_that_wants_to_be_left_alone(answer: bytes, seconds: int) -> None:
    def script(talk: Talk) -> None:
        tag = talk.expect(b"UID FETCH")
        talk.send(answer.replace(b"%s", tag))
        talk.await_end()

    with (
        reading(script) as server,
        opened(server) as source,
        pytest.raises(ServerBusy) as caught,
    ):
        source.fetch([1])
    assert caught.value.params == {"host": "127.0.0.1", "seconds": seconds}


def test_a_hint_of_an_earlier_command_does_not_count_for_a_later_one() -> None:
    def script(talk: Talk) -> None:
        talk.log_in()
        talk.answer(b"EXAMINE", status=b"NO gone")
        talk.answer(b"EXAMINE", b"NO [LIMIT] a warning only", b"3 EXISTS", b"OK [UIDVALIDITY 7]")
        talk.answer(b"UID FETCH", status=b"NO broken")
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        with pytest.raises(MailboxNotFound):
            source.open_mailbox("INBOX")
        source.open_mailbox("INBOX")
        with pytest.raises(SourceError) as caught:
            source.fetch([1])
    assert type(caught.value) is SourceError


def test_headers_named_in_the_servers_own_way() -> None:
    def script(talk: Talk) -> None:
        talk.answer(
            b"UID FETCH 1:4 (RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (",
            b"1 FETCH (UID 1 RFC822.SIZE 9"
            b" BODY[HEADER.FIELDS (Subject From Date)]<0> {6}\r\nS: a\r\n)",
            b'2 FETCH (UID 2 RFC822.SIZE 9 BODY[HEADER.FIELDS ("SUBJECT" "FROM")]<0> NIL)',
            b"3 FETCH (UID 3 FLAGS ())",
            b"4 FETCH (UID 4 RFC822.SIZE 9)",
        )
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        headers = source.headers([1, 2, 3, 4])
    assert [(each.uid, each.header) for each in headers] == [(1, b"S: a\r\n"), (2, b""), (4, b"")]


def test_a_server_that_claims_more_messages_than_there_can_be() -> None:
    def script(talk: Talk) -> None:
        talk.open(exists=4294967295)
        talk.answer(b"FETCH 50001,100001,")
        assert len(talk.received[-1]) < 8_000
        talk.answer(b"UID SEARCH UID 1:*", b"SEARCH 1 2")
        talk.await_end()

    with ScriptedServer(script) as server, opened(server) as source:
        assert list(source.list_uids()) == [[1, 2]]


def test_a_search_answered_in_several_lines_and_out_of_order() -> None:
    def script(talk: Talk) -> None:
        talk.answer(b"UID SEARCH", b"SEARCH 30 10", b"4 EXISTS", b"SEARCH 20", b"SEARCH")
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        assert list(source.list_uids()) == [[10, 20, 30]]


@pytest.mark.parametrize("answer", [b"SEARCH 1 two 3", b"SEARCH " + b"9" * 5000, b"SEARCH 1.5"])
def test_a_search_answered_with_anything_else(answer: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.answer(b"UID SEARCH", answer)
        talk.await_end()

    with reading(script) as server, opened(server) as source, pytest.raises(ProtocolError):
        list(source.list_uids())


def test_windows_lose_nothing_whatever_their_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequence numbers may have moved, and `n:*` answers with the last UID even below n."""
    monkeypatch.setattr(imap, "_WINDOW", 2)
    present = [5, 6, 7, 100, 101]

    def script(talk: Talk) -> None:
        talk.open(exists=7)
        talk.answer(
            b"FETCH 3,5,7 (UID)",
            b"3 FETCH (UID 100)",
            b"1 FETCH (FLAGS (\\Seen))",
            b"5 FETCH (UID 6)",
            b"7 FETCH (UID 200)",
        )
        for window in (b"1:5", b"6:99", b"100:199", b"200:*"):
            first, _, last = window.partition(b":")
            top = 10**9 if last == b"*" else int(last)
            found = [uid for uid in present if int(first) <= uid <= top] or [present[-1]]
            talk.answer(
                b"UID SEARCH UID " + window, b"SEARCH " + b" ".join(b"%d" % uid for uid in found)
            )
        talk.await_end()

    with ScriptedServer(script) as server, opened(server) as source:
        assert list(chain.from_iterable(source.list_uids())) == present


# -- reading messages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cut",
    [
        b"* 1 FETCH (UID 1 BODY[] {10}\r\n12345",
        b"* 1 FETCH (UID 1 BODY[] {10}\r\n1234567890",
        b"* 1 FETCH (UID 1 BODY[] {10}\r\n1234567890)\r\n",
        b"* 1 FETCH (UID 1 BO",
        b"",
    ],
)
def test_a_connection_dropped_in_an_answer_yields_nothing(cut: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.expect(b"UID FETCH")
        talk.send(cut)

    with reading(script) as server, opened(server) as source:
        with pytest.raises(ConnectionDropped):
            source.fetch([1])
        # Nor does anything of it turn up afterwards.
        with pytest.raises(ConnectionDropped):
            source.fetch([1])


def test_silence_in_the_middle_of_a_literal() -> None:
    def script(talk: Talk) -> None:
        talk.expect(b"UID FETCH")
        talk.send(b"* 1 FETCH (UID 1 BODY[] {10}\r\n12345")
        talk.await_end()

    with (
        reading(script) as server,
        opened(server, Timeouts(connect=30, silence=1.5, command=30)) as source,
        pytest.raises(ConnectionTimedOut),
    ):
        source.fetch([1])


@pytest.mark.parametrize("size", [b"9999999999", b"67108865", b"9" * 4000, b"9" * 5000])
def test_a_literal_of_any_size_is_refused_before_it_is_allocated(size: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.expect(b"UID FETCH")
        talk.send(b"* 1 FETCH (UID 1 BODY[] {" + size + b"}\r\nx")
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        began = time.monotonic()
        with pytest.raises(ProtocolError):
            source.fetch([1])
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "endless",
    [
        b"* 1 FETCH (UID 1 BODY[] {4096}\r\n" + b"x" * 4096 + b")\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",
        b"* OK patience\r\n",
    ],
)
def test_an_answer_that_never_ends(endless: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.expect(b"UID FETCH")
        while True:
            talk.send(endless * 16)

    bounds = Bounds(lines=100_000, literal=10_000, literals=100_000)
    with (
        reading(script) as server,
        opened(server, bounds=bounds) as source,
        pytest.raises(ProtocolError),
    ):
        source.fetch([1])


def test_a_body_answered_with_nil_is_left_out() -> None:
    def script(talk: Talk) -> None:
        talk.answer(
            b"UID FETCH 1:3 (INTERNALDATE BODY.PEEK[])",
            b"1 FETCH (UID 1 BODY[] NIL)",
            b"2 FETCH (UID 2 BODY[] {5}\r\nhello)",
            b'3 FETCH (UID 3 BODY[] "")',
        )
        talk.answer(b"UID FETCH", b"1 FETCH (UID 1 BODY[]<0> NIL)")
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        fetched = source.fetch([1, 2, 3])
        assert [(one.uid, one.chunks) for one in fetched] == [(2, (b"hello",)), (3, ())]
        assert source.fetch_large(1) is None


def test_answers_nobody_asked_for_are_ignored() -> None:
    def script(talk: Talk) -> None:
        talk.answer(b"UID SEARCH", b"1 FETCH (FLAGS (\\Seen))", b"SEARCH 10 11")
        talk.answer(
            b"UID FETCH",
            b"2 FETCH (FLAGS (\\Seen $Junk))",
            b"2 FETCH (UID 11 FLAGS (\\Seen))",
            b'1 FETCH (UID 10 RFC822.SIZE 5 INTERNALDATE "17-Jul-1996 02:44:25 -0700")',
            b"5 EXISTS",
            b"1 RECENT",
            b"1 FETCH (RFC822.SIZE 999)",
            b"9 FETCH (UID 99 RFC822.SIZE 1)",
            b'2 FETCH (INTERNALDATE NIL FLAGS () RFC822.SIZE 6 UID 11 X-ODD ("a" ("b" {1}\r\n))))',
        )
        talk.answer(
            b"UID FETCH",
            b"10 FETCH (BODY[] {3}\r\nbad)",
            b"1 FETCH (UID 10 BODY[] {5}\r\nfirst FLAGS (\\Seen))",
            # After an expunge the next message has the same sequence number.
            b"1 EXPUNGE",
            b"1 FETCH (BODY[] {6}\r\nsecond UID 11)",
            b"1 FETCH (UID 11 FLAGS (\\Seen))",
            b"9 FETCH (UID 99 BODY[] {5}\r\nother)",
        )
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        assert list(source.list_uids()) == [[10, 11]]
        described = source.describe([10, 11])
        assert [(one.uid, one.size) for one in described] == [(10, 5), (11, 6)]
        assert described[0].received_at is not None
        assert described[0].received_at.isoformat() == "1996-07-17T02:44:25-07:00"
        assert described[1].received_at is None
        fetched = {one.uid: one.chunks for one in source.fetch([10, 11])}
        assert fetched == {10: (b"first",), 11: (b"second",)}


def test_some_messages_gone_does_not_lose_the_others() -> None:
    def script(talk: Talk) -> None:
        talk.answer(b"UID FETCH", b"1 FETCH (UID 1 BODY[] {2}\r\nok)", status=b"NO some are gone")
        talk.answer(b"UID FETCH", status=b"NO [EXPUNGEISSUED] gone")
        talk.answer(b"UID FETCH", status=b"NO broken")
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        assert [one.uid for one in source.fetch([1, 2])] == [1]
        assert source.fetch([2]) == []
        with pytest.raises(SourceError):
            source.fetch([3])


def test_pieces_go_on_until_one_is_empty() -> None:
    """A short piece is no proof of the end, nor is RFC822.SIZE."""
    pieces = [b"a" * 1048576, b"b" * 1000, b"c" * 1048576]

    def script(talk: Talk) -> None:
        offset = 0
        for piece in [*pieces, b""]:
            talk.answer(
                b"UID FETCH 5 (INTERNALDATE BODY.PEEK[]<%d.1048576>)" % offset,
                b"1 FETCH (UID 5 BODY[]<%d> {%d}\r\n%s)" % (offset, len(piece), piece),
            )
            offset += len(piece)
        talk.await_end()

    with reading(script) as server, opened(server) as source:
        fetched = source.fetch_large(5)
        assert fetched is not None
        assert fetched.chunks == pieces


def test_pieces_that_do_not_fit_together() -> None:
    def too_long(talk: Talk) -> None:
        talk.answer(b"UID FETCH", b"1 FETCH (UID 5 BODY[]<0> {1048577}\r\n%s)" % (b"x" * 1048577))
        talk.await_end()

    def elsewhere(talk: Talk) -> None:
        talk.answer(b"UID FETCH", b"1 FETCH (UID 5 BODY[]<0> {3}\r\nabc)")
        talk.answer(b"UID FETCH", b"1 FETCH (UID 5 BODY[]<0> {3}\r\nabc)")
        talk.await_end()

    with (
        reading(too_long) as server,
        opened(server) as source,
        pytest.raises(ProtocolError),
    ):
        source.fetch_large(5)
    with reading(elsewhere) as server, opened(server) as source:
        assert source.fetch_large(5) is None


def test_a_message_that_grows_without_end() -> None:
    def script(talk: Talk) -> None:
        for offset in count(0, 1000):
            talk.answer(
                b"UID FETCH", b"1 FETCH (UID 5 BODY[]<%d> {1000}\r\n%s)" % (offset, b"x" * 1000)
            )

    with (
        reading(script) as server,
        opened(server, largest=20_000) as source,
        pytest.raises(ProtocolError),
    ):
        source.fetch_large(5)


@pytest.mark.parametrize(
    "garbage",
    [
        b"* 1 FETCH\r\n",
        b"* 1 FETCH (UID 1 BODY[]\r\n",
        b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc\r\n",
        b"* 1 FETCH (UID 1 (\r\n",
        b"* 1 FETCH UID 1\r\n",
        b"* 1 FETCH " + b"(" * 100_000 + b"\r\n",
        b'* 1 FETCH (UID 1 BODY[] "abc\r\n',
        b"* 1 FETCH (UID " + b"1" * 5000 + b" BODY[] NIL)\r\n",
        b"* 1 FETCH (1 2 3)\r\n",
        b"ZZZZ9 OK whose tag is this\r\n",
        b"no protocol at all\r\n",
        b"* BYE " + BANNER + b"\r\n",
        b"\r\n",
        b"bare line feed\n",
    ],
)
def test_garbage_for_an_answer(garbage: bytes) -> None:
    def script(talk: Talk) -> None:
        tag = talk.expect(b"UID FETCH")
        talk.send(garbage + tag + b" OK done\r\n")
        talk.await_end()

    with (
        reading(script) as server,
        opened(server) as source,
        pytest.raises((ProtocolError, ConnectionDropped)) as caught,
    ):
        source.fetch([1])
    assert BANNER.decode() not in str(caught.value)


# -- secrets ---------------------------------------------------------------------------------


def rejecting(talk: Talk) -> None:
    talk.greet()
    tag = talk.expect(b"AUTHENTICATE PLAIN")
    talk.send(b"+ \r\n")
    talk.line()
    talk.send(tag + b" NO " + BANNER + b"\r\n")
    talk.await_end()


def vanishing(talk: Talk) -> None:
    talk.greet(b"IMAP4rev1")
    talk.expect(b"LOGIN")
    talk.send(b"+ go\r\n")
    talk.line()


def reset_while_sending(talk: Talk) -> None:
    talk.greet(b"IMAP4rev1")
    talk.expect(b"LOGIN")
    talk.send(b"+ go\r\n")
    talk.close()


def failing(endpoint: Endpoint) -> SourceError:
    try:
        with ImapSource(endpoint) as source:
            source.open_mailbox("INBOX")
    except SourceError as error:
        return error
    pytest.fail("nothing went wrong")


@pytest.mark.parametrize("script", [rejecting, vanishing, reset_while_sending, Talk.log_in])
def test_secrets_and_banners_stay_out_of_logs_errors_and_tracebacks(
    script: Callable[[Talk], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(script) as server:
        endpoint = server.endpoint()
        error = failing(endpoint)
    assert error.__context__ is None
    assert error.__cause__ is None
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    told = f"{endpoint!r} {error!r} {error.params!r} {''.join(report.format())} {caplog.text}"
    assert "ImapSource" in told  # the frames are there
    assert PASSWORD not in told
    assert "AHJlYWRlcgBjb3JyZWN0IGhvcnNl" not in told  # as AUTHENTICATE PLAIN sends it
    assert BANNER.decode() not in told


def test_an_open_connection_remembers_no_password(
    dovecot: Dovecot, mail_user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        assert source._client is not None
        told = f"{vars(source)} {vars(source._client)} {vars(source._client.protocol)}"
    assert mail_user in told
    assert PASSWORD not in told + caplog.text
