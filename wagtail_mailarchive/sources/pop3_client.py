"""poplib, taught to speak only over a checked, bounded connection.

poplib opens its own sockets, refuses lines that real mail has, reads texts line by line and keeps
what a server refused with in its exceptions. The subclass here leaves it the commands and their
answers of one line.
"""

from __future__ import annotations

import poplib
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wagtail_mailarchive.exceptions import (
    LoginRejected,
    LoginUnavailable,
    OAuthNotOffered,
    ProtocolError,
    ServerBusy,
    SourceError,
    StartTLSUnavailable,
    TokenRejected,
)

from .arguments import checked
from .base import Login, Security
from .hints import SHORTEST, response_code, seconds_to_wait
from .xoauth2 import initial_response

if TYPE_CHECKING:
    from .base import Endpoint
    from .channel import Channel

PIECE = 1024 * 1024  # bytes
# Commands sent before their answers are read, where the server allows it: enough for a link of
# 20 ms, few enough that they fit into any socket's buffer unread (RFC 2449 section 6.8).
_AHEAD = 32


class Refused(poplib.error_proto):
    """The server answered -ERR. Of what it said only this is kept.

    Attributes:
        code: its response code in upper case, e.g. b"IN-USE"; b"" without one.
        seconds: how long it asks us to wait; None if it does not.
    """

    def __init__(self, code: bytes, seconds: int | None) -> None:
        super().__init__()
        self.code = code
        self.seconds = seconds


class BoundedPOP3(poplib.POP3):
    """poplib's commands over a `Channel`.

    Attributes:
        offers: what CAPA names (RFC 2449), in upper case, with its arguments; empty where the
            server does not know CAPA.
    """

    def __init__(self, channel: Channel, endpoint: Endpoint) -> None:
        # Not poplib's own, which opens a socket and a file that reads ahead.
        self.channel = channel
        self.endpoint = endpoint
        self.commands_sent = 0
        self.offers: dict[str, list[str]] = {}
        self._debugging = 0
        try:
            self._getresp()
        except Refused as refused:
            # Full, or in maintenance: it greets only to say so.
            raise self._not_now(refused.seconds) from None
        self.begin_anew()

    # -- lines and answers -------------------------------------------------------------------

    def _putcmd(self, line: str) -> None:
        self.channel.begin()
        self._send([line])

    def command(self, line: str) -> bytes:
        """Send a command and return the status of its answer.

        Raises:
            Refused.
        """
        self._putcmd(line)
        return self._getresp()

    def _send(self, commands: Sequence[str]) -> None:
        self.commands_sent += len(commands)
        self.channel.send(b"".join(checked("command", each) + b"\r\n" for each in commands))

    def _getline(self) -> tuple[bytes, int]:
        line = self.channel.readline()
        return line.removesuffix(b"\n").removesuffix(b"\r"), len(line)

    def _getresp(self) -> bytes:
        """Return the status of an answer.

        Raises:
            Refused: it is -ERR.
        """
        line, _ = self._getline()
        if line.startswith(b"+OK"):
            return line
        raise self._refusal(line)

    def _refusal(self, line: bytes) -> Refused:
        if not line.startswith(b"-ERR"):
            raise ProtocolError(host=self.endpoint.host)
        words = line.removeprefix(b"-ERR")
        return Refused(response_code(words), seconds_to_wait([words], self._login_delay()))

    def _getlongresp(self) -> tuple[bytes, list[bytes], int]:
        status = self._getresp()
        lines = self.channel.read_lines()
        return status, lines, sum(map(len, lines))

    def texts(
        self, commands: Sequence[str], *, most: int, keep: int | None = None
    ) -> Iterator[bytes | None]:
        """Yield the text that answers each command, None where the server refuses.

        Args:
            most: bytes of one text that are read.
            keep: bytes of one text that are kept; None for all.

        Raises:
            ServerBusy: it refuses for some time.
        """
        ahead = _AHEAD if "PIPELINING" in self.offers else 1
        sent = 0
        for position in range(len(commands)):
            self.channel.begin()
            # Half of them at once: each write is a packet.
            if sent < len(commands) and sent - position <= ahead // 2:
                self._send(commands[sent : position + ahead])
                sent = position + ahead
            try:
                self._getresp()
            except Refused as refused:
                if refused.seconds is not None:
                    raise self._busy(refused.seconds) from None
                yield None
            else:
                yield self._text(most, keep)

    def _text(self, most: int, keep: int | None) -> bytes:
        kept: list[bytes] = []
        size = 0
        for piece in self.channel.read_text(most, PIECE):
            if keep is None or size < keep:
                kept.append(piece)
            size += len(piece)
        return b"".join(kept)[:keep]

    def pieces(self, command: str, *, most: int) -> Iterator[bytes]:
        """Yield the text that answers a command in pieces; each has the time of a command.

        Raises:
            Refused.
        """
        self.command(command)
        for piece in self.channel.read_text(most, PIECE):
            yield piece
            self.channel.begin()

    def _busy(self, seconds: int) -> ServerBusy:
        return ServerBusy(host=self.endpoint.host, seconds=seconds)

    def _login_delay(self) -> int:
        """Return the seconds between two logins that the server named (RFC 2449 section 6.5)."""
        named = self.offers.get("LOGIN-DELAY", [])
        return int(named[0]) if named and named[0].isdecimal() else SHORTEST

    # -- entering ----------------------------------------------------------------------------

    def begin_anew(self) -> None:
        """Learn what the server offers, and forget what it said before."""
        self.offers = {}
        try:
            self.command("CAPA")
        except Refused:
            return
        for line in self.channel.read_lines():
            words = line.decode("ascii", "replace").split()
            if words:
                self.offers[words[0].upper()] = words[1:]

    def start_tls(self) -> None:
        """STLS (RFC 2595 section 4), up to where the server agrees.

        Raises:
            StartTLSUnavailable.
        """
        if "STLS" not in self.offers:
            raise StartTLSUnavailable(host=self.endpoint.host)
        try:
            self.command("STLS")
        except Refused:
            raise StartTLSUnavailable(host=self.endpoint.host) from None

    def log_in(self) -> None:
        """Send the credentials.

        Raises:
            UnsafeArgument, LoginRejected, TokenRejected, OAuthNotOffered, LoginUnavailable.
        """
        with_token = self.endpoint.login is Login.OAUTH2
        try:
            if with_token:
                self._send_token()
            else:
                self._send_password()
        except Refused as refused:
            if refused.seconds is not None or refused.code == b"SYS/PERM":
                raise self._not_now(refused.seconds) from None
            rejected: type[SourceError] = TokenRejected if with_token else LoginRejected
            raise rejected(host=self.endpoint.host, username=self.endpoint.username) from None

    def _send_password(self) -> None:
        """AUTH PLAIN (RFC 5034) where it is offered, because it has a way to write passwords
        outside ASCII; else USER and PASS.
        """
        user = checked("user name", self.endpoint.username)
        password = checked("password", self.endpoint.secret)
        if "PLAIN" in self._mechanisms():
            self._authenticate("PLAIN", b"\0".join((b"", user, password)))
            return
        # Old servers do not name USER, or anything. Unencrypted, no is taken for no.
        if self.offers and "USER" not in self.offers and self._is_plain():
            raise self._not_now(None)
        self.user(self.endpoint.username)
        self.pass_(self.endpoint.secret)

    def _send_token(self) -> None:
        if "XOAUTH2" not in self._mechanisms():
            raise OAuthNotOffered(host=self.endpoint.host)
        self._authenticate("XOAUTH2", initial_response(self.endpoint))

    def _authenticate(self, mechanism: str, response: bytes) -> None:
        """AUTH, with the response in a line of its own: the command may have 255 octets only."""
        self._putcmd(f"AUTH {mechanism}")
        if not self._is_challenge():
            raise ProtocolError(host=self.endpoint.host)
        self._putcmd(b2a_base64(response, newline=False).decode("ascii"))
        if self._is_challenge():
            # Why a token is not taken; refused in so many words after an empty answer.
            self.command("")

    def _is_challenge(self) -> bool:
        line, _ = self._getline()
        if line.startswith(b"+OK"):
            return False
        if line == b"+" or line.startswith(b"+ "):
            return True
        raise self._refusal(line)

    def _mechanisms(self) -> set[str]:
        return {mechanism.upper() for mechanism in self.offers.get("SASL", [])}

    def _is_plain(self) -> bool:
        return self.endpoint.security is Security.PLAIN

    def _not_now(self, seconds: int | None) -> LoginUnavailable:
        return LoginUnavailable(
            host=self.endpoint.host, username=self.endpoint.username, seconds=seconds or SHORTEST
        )
