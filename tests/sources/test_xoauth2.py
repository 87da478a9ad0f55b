"""Entering with an access token, by IMAP and by POP3."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable

import pytest

from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    LoginUnavailable,
    OAuthNotOffered,
    SourceError,
    TokenRejected,
    UnsafeArgument,
)
from wagtail_mailarchive.sources.base import Endpoint, Login
from wagtail_mailarchive.sources.deadline import Timeouts
from wagtail_mailarchive.sources.open import open_source

# Long, as real ones are: base64 in several lines would be a command of its own.
TOKEN = "ya29." + "tOkEn-" * 400
RESPONSE = base64.b64encode(f"user=reader\x01auth=Bearer {TOKEN}\x01\x01".encode())
WHY_NOT = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"mail"}')
IMAP = b"IMAP4rev1 AUTH=XOAUTH2 AUTH=PLAIN"


def entering(server: ScriptedServer, protocol: str, **values: str) -> None:
    endpoint = server.endpoint(secret=TOKEN, login=Login.OAUTH2)
    endpoint = Endpoint(**{**vars(endpoint), **values})
    with open_source(endpoint, protocol, timeouts=Timeouts(30, 30, 30)):
        pass


def imap_at_once(talk: Talk) -> bytes:
    """Expect the token with the command; return the command's tag."""
    talk.greet(IMAP + b" SASL-IR")
    tag, _, command = talk.line().partition(b" ")
    assert command == b"AUTHENTICATE XOAUTH2 " + RESPONSE
    return tag


def imap_asked_for(talk: Talk) -> bytes:
    """Ask for the token first; return the command's tag."""
    talk.greet(IMAP)
    tag, _, command = talk.line().partition(b" ")
    assert command == b"AUTHENTICATE XOAUTH2"
    talk.send(b"+ \r\n")
    assert talk.line() == RESPONSE
    return tag


@pytest.mark.parametrize("exchange", [imap_at_once, imap_asked_for])
def test_a_token_lets_into_imap(exchange: Callable[[Talk], bytes]) -> None:
    def script(talk: Talk) -> None:
        talk.send(exchange(talk) + b" OK [CAPABILITY IMAP4rev1] in\r\n")
        talk.await_end()

    with ScriptedServer(script) as server:
        entering(server, "imap")


@pytest.mark.parametrize("exchange", [imap_at_once, imap_asked_for])
def test_a_token_that_imap_does_not_take(exchange: Callable[[Talk], bytes]) -> None:
    """The server says why in another challenge, and refuses after an empty answer."""

    def script(talk: Talk) -> None:
        tag = exchange(talk)
        talk.send(b"+ " + WHY_NOT + b"\r\n")
        assert talk.line() == b""
        talk.send(tag + b" NO SASL authentication failed\r\n")
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(TokenRejected) as caught:
        entering(server, "imap")
    assert caught.value.params == {"host": "127.0.0.1", "username": "reader"}


def test_a_token_that_imap_refuses_without_a_word() -> None:
    def script(talk: Talk) -> None:
        talk.send(imap_at_once(talk) + b" NO AUTHENTICATE failed.\r\n")
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(TokenRejected):
        entering(server, "imap")


def pop3_greeted(talk: Talk) -> None:
    talk.greet_pop3(b"USER", b"SASL PLAIN XOAUTH2")
    talk.reply(b"AUTH XOAUTH2", b"+ ")
    assert talk.line() == RESPONSE


def test_a_token_lets_into_pop3() -> None:
    def script(talk: Talk) -> None:
        pop3_greeted(talk)
        talk.send(b"+OK in\r\n")
        talk.await_end()

    with ScriptedServer(script) as server:
        entering(server, "pop3")


def test_a_token_that_pop3_does_not_take() -> None:
    def script(talk: Talk) -> None:
        pop3_greeted(talk)
        talk.send(b"+ " + WHY_NOT + b"\r\n")
        assert talk.line() == b""
        talk.send(b"-ERR [AUTH] Authentication failed.\r\n")
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(TokenRejected):
        entering(server, "pop3")


def test_a_pop3_server_that_is_too_busy_for_a_token() -> None:
    def script(talk: Talk) -> None:
        pop3_greeted(talk)
        talk.send(b"-ERR [SYS/TEMP] later\r\n")
        talk.await_end()

    with ScriptedServer(script) as server, pytest.raises(LoginUnavailable):
        entering(server, "pop3")


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_no_token_where_the_server_does_not_offer_it(protocol: str) -> None:
    def script(talk: Talk) -> None:
        if protocol == "imap":
            talk.greet(b"IMAP4rev1 AUTH=PLAIN SASL-IR")
        else:
            talk.greet_pop3(b"USER", b"SASL PLAIN")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(OAuthNotOffered):
            entering(server, protocol)
        assert server.received == ([] if protocol == "imap" else [b"CAPA"])


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_that_asks_for_ever_gets_nothing_more(protocol: str) -> None:
    def script(talk: Talk) -> None:
        if protocol == "imap":
            imap_at_once(talk)
        else:
            pop3_greeted(talk)
        for _ in range(3):
            talk.send(b"+ " + WHY_NOT + b"\r\n")
            assert talk.line() == b""

    with ScriptedServer(script) as server, pytest.raises(SourceError):
        entering(server, protocol)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("unsafe", ["a\r\nb", "a\0b", "a\x01b"])
def test_what_would_end_a_field_or_a_line_is_refused(protocol: str, unsafe: str) -> None:
    def script(talk: Talk) -> None:
        if protocol == "imap":
            talk.greet(IMAP)
        else:
            talk.greet_pop3(b"SASL XOAUTH2")
            talk.reply(b"AUTH", b"+ ")
        talk.await_end()

    with ScriptedServer(script) as server:
        with pytest.raises(UnsafeArgument, match="user name"):
            entering(server, protocol, username=unsafe)
        with pytest.raises(UnsafeArgument, match="access token"):
            entering(server, protocol, secret=unsafe)


def refusing_imap(talk: Talk) -> None:
    talk.send(imap_at_once(talk) + b" NO no\r\n")
    talk.await_end()


def leaving_imap(talk: Talk) -> None:
    imap_asked_for(talk)


def leaving_pop3(talk: Talk) -> None:
    pop3_greeted(talk)


@pytest.mark.parametrize(
    ("protocol", "script", "expected"),
    [
        ("imap", refusing_imap, TokenRejected),
        ("imap", leaving_imap, ConnectionDropped),
        ("pop3", leaving_pop3, ConnectionDropped),
    ],
)
def test_tokens_stay_out_of_logs_errors_and_tracebacks(
    protocol: str,
    script: Callable[[Talk], None],
    expected: type[SourceError],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(script) as server, pytest.raises(expected) as caught:
        entering(server, protocol)
    error = caught.value
    assert error.__context__ is None
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    told = f"{error!r} {error.params!r} {''.join(report.format())} {caplog.text}"
    assert "open_source" in told
    assert "tOkEn" not in told
    assert RESPONSE.decode()[40:80] not in told
