"""imaplib and IMAPClient, taught to speak only over a checked, bounded connection.

imaplib opens its own sockets, reads literals of any size, keeps what was said in a log and
believes what was said before encryption. The subclass here leaves it the protocol alone.
"""

from __future__ import annotations

import imaplib
import socket as sockets
from binascii import b2a_base64
from collections import deque
from typing import TYPE_CHECKING, Any

from imapclient import IMAPClient  # type: ignore[import-untyped]

from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    LoginRejected,
    LoginUnavailable,
    OAuthNotOffered,
    SourceError,
    StartTLSUnavailable,
    TokenRejected,
)

from .arguments import checked
from .base import Login
from .channel import Channel
from .fetch_answers import Answer, answers
from .hints import SHORTEST, response_code, seconds_to_wait
from .xoauth2 import initial_response

if TYPE_CHECKING:
    from .base import Endpoint


def quoted(value: bytes) -> bytes:
    """Return `value` as a quoted string (RFC 3501 section 4.3)."""
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _encoded(response: bytes) -> bytes:
    return b2a_base64(response, newline=False)


class _Answers:
    """Answers the challenges of AUTHENTICATE, whatever they say; after the last with nothing."""

    def __init__(self, *encoded: bytes) -> None:
        self._left = deque(encoded)

    def next(self, challenge: bytes) -> bytes:
        return self._left.popleft() if self._left else b""


class BoundedIMAP4(imaplib.IMAP4):
    """imaplib's protocol machine over a `Channel`."""

    untagged_responses: dict[str, list[Any]]

    def __init__(self, channel: Channel, endpoint: Endpoint) -> None:
        self.channel = channel
        self._refusal: list[Any] = []
        self.endpoint = endpoint
        super().__init__(endpoint.host)

    # -- the connection ----------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host = host
        self.port = port
        self.sock = self.channel.connection

    def read(self, size: int) -> bytes:
        return self.channel.read(size)

    def readline(self) -> bytes:
        return self.channel.readline()

    def send(self, data: Any) -> None:
        self.channel.send(data)

    def shutdown(self) -> None:
        self.channel.close()

    # -- the protocol ------------------------------------------------------------------------

    def _command(self, name: str, *args: Any) -> bytes:
        for argument in args:
            if argument is not None:
                checked("command", argument)
        # Whatever came unasked since the last command answers nothing: FETCH without a UID,
        # say, or the first half of a literal.
        self.untagged_responses = {}
        self._refusal = []
        self.channel.begin()
        tag: bytes = super()._command(name, *args)  # type: ignore[misc]
        return tag

    def _get_tagged_response(self, tag: bytes, expect_bye: bool = False) -> Any:
        status, words = super()._get_tagged_response(tag, expect_bye)  # type: ignore[misc]
        if status != "OK":
            self._refusal = words
        return status, words

    @property
    def refusal_code(self) -> bytes:
        """The code in brackets of the last refusal, in upper case; b"" if it had none."""
        [words] = self._refusal[:1] or [b""]
        return response_code(words) if isinstance(words, bytes) else b""

    def busy_for(self) -> int | None:
        """Return how many seconds the last refusal asks us to wait, None if it does not."""
        said = self.untagged_responses
        words = [
            *self._refusal,
            *(word for kind in ("NO", "BAD", "BYE") for word in said.get(kind, ())),
        ]
        return seconds_to_wait(word for word in words if isinstance(word, bytes))

    def _connect(self) -> None:
        try:
            super()._connect()  # type: ignore[misc]
        except self.error:
            if "BYE" not in self.untagged_responses:
                raise
            # Full, or in maintenance: it greets only to say goodbye.
            raise self._not_now() from None

    def _not_now(self) -> LoginUnavailable:
        return LoginUnavailable(
            host=self.endpoint.host,
            username=self.endpoint.username,
            seconds=self.busy_for() or SHORTEST,
        )

    def _get_capabilities(self) -> None:
        """Take the capabilities from what was just said, or ask for them (RFC 3501, 7.2.1)."""
        if "PREAUTH" in self.untagged_responses:
            # Whose mail we read is not for the server to choose, and a session that is
            # authenticated cannot be encrypted any more.
            raise self.error("PREAUTH")
        offered = self.untagged_responses.pop("CAPABILITY", None)
        if not offered:
            _, offered = self.capability()
        if not offered or not offered[-1]:
            raise self.error("no capabilities")
        self.capabilities = tuple(offered[-1].decode("ascii", "replace").upper().split())

    def _log(self, line: str) -> None:
        """Keep nothing: imaplib would hold the last ten lines, written out, of up to 1 MiB each."""

    def start_tls(self) -> None:
        """STARTTLS (RFC 3501 section 6.2.1), up to where the server agrees.

        Raises:
            StartTLSUnavailable.
        """
        if "STARTTLS" not in self.capabilities:
            raise StartTLSUnavailable(host=self.endpoint.host)
        status, _ = self._simple_command("STARTTLS")
        if status != "OK":
            raise StartTLSUnavailable(host=self.endpoint.host)

    def begin_anew(self) -> None:
        """Forget all that was said before the channel was encrypted."""
        self.sock = self.channel.connection
        self.untagged_responses = {}
        self._get_capabilities()

    def log_in(self) -> None:
        """Send the credentials.

        Raises:
            UnsafeArgument, LoginRejected, TokenRejected, OAuthNotOffered, LoginUnavailable.
        """
        with_token = self.endpoint.login is Login.OAUTH2
        try:
            status = self._send_token() if with_token else self._send_password()
            if status != "OK":
                raise self.error(status)
        except (self.abort, ConnectionDropped):
            if "BYE" in self.untagged_responses:
                raise self._not_now() from None
            raise
        except self.error:
            if self.busy_for() is not None:
                raise self._not_now() from None
            rejected: type[SourceError] = TokenRejected if with_token else LoginRejected
            raise rejected(host=self.endpoint.host, username=self.endpoint.username) from None
        self.state = "AUTH"
        # What a server offers may change by the login (RFC 3501 section 6.2.2).
        self._get_capabilities()

    def _send_password(self) -> Any:
        """AUTHENTICATE PLAIN (RFC 4616) where it is offered, because it has a way to write
        passwords outside ASCII; else LOGIN, with the password as a literal.
        """
        user = checked("user name", self.endpoint.username)
        password = checked("password", self.endpoint.secret)
        if "AUTH=PLAIN" in self.capabilities:
            response = b"\0".join((b"", user, password))
            self.literal = _Answers(_encoded(response)).next  # type: ignore[assignment]
            return self._simple_command("AUTHENTICATE", "PLAIN")[0]
        if "LOGINDISABLED" in self.capabilities:
            raise self._not_now()
        self.literal = password  # type: ignore[assignment]
        return self._simple_command("LOGIN", quoted(user))[0]

    def _send_token(self) -> Any:
        """AUTHENTICATE XOAUTH2, in one go where the server takes that (RFC 4959)."""
        if "AUTH=XOAUTH2" not in self.capabilities:
            raise OAuthNotOffered(host=self.endpoint.host)
        response = _encoded(initial_response(self.endpoint))
        at_once = (response.decode("ascii"),) if "SASL-IR" in self.capabilities else ()
        self.literal = _Answers(*(() if at_once else (response,))).next  # type: ignore[assignment]
        return self._simple_command("AUTHENTICATE", "XOAUTH2", *at_once)[0]

    def fetch_by_number(self, numbers: str, items: str) -> tuple[str, list[int]]:
        """Return the status and the UIDs answered for sequence numbers."""
        status, _ = self._simple_command("FETCH", numbers, items)
        return status, [answer[b"UID"] for answer in self._fetch_answers()]

    def fetch_by_uid(self, uids: str, items: str) -> tuple[str, list[Answer]]:
        """Return the status and, for each FETCH answer that names its UID, its items.

        Not IMAPClient's `fetch`: it files answers under sequence numbers, which change when
        the server reports an expunge in between, and answers without a UID under any UID.
        """
        status, _ = self._simple_command("UID", "FETCH", uids, items)
        return status, self._fetch_answers()

    def _fetch_answers(self) -> list[Answer]:
        return list(answers(self.untagged_responses.pop("FETCH", [])))


class BoundedIMAPClient(IMAPClient):
    """IMAPClient over a `BoundedIMAP4`."""

    _imap: BoundedIMAP4

    def __init__(self, channel: Channel, endpoint: Endpoint) -> None:
        self._channel = channel
        self._endpoint = endpoint
        super().__init__(channel.host, ssl=False)
        # IMAPClient sets 5, at which imaplib formats every literal: four times slower.
        self._imap.debug = 0
        # Names are decoded one by one, so that an ill-formed one does not hide the others.
        self.folder_encode = False

    def _create_IMAP4(self) -> BoundedIMAP4:  # noqa: N802
        return BoundedIMAP4(self._channel, self._endpoint)

    def _set_read_timeout(self) -> None:
        """The channel sets the socket's timeout itself, before each operation."""

    def socket(self) -> sockets.socket:
        return self._channel.connection

    @property
    def protocol(self) -> BoundedIMAP4:
        return self._imap

    def list_all(self) -> list[tuple[tuple[bytes, ...], bytes | None, Any]]:
        """Return flags, delimiter and name as written of all that LIST tells.

        What mailboxes are for is asked for where that can be asked (RFC 6154 section 2); others
        tell it unasked.
        """
        protocol = self._imap
        can_be_asked = {"SPECIAL-USE", "LIST-EXTENDED"} <= set(protocol.capabilities)
        asked = ("RETURN", "(SPECIAL-USE)") if can_be_asked else ()
        status, words = protocol._simple_command("LIST", '""', '"*"', *asked)
        self._checkok("LIST", status, words)
        found: list[tuple[tuple[bytes, ...], bytes | None, Any]]
        found = self._proc_folder_list(protocol.untagged_responses.pop("LIST", []))
        return found
