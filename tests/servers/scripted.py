"""A server that plays a given dialogue, for what no honest server does."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from wagtail_mailarchive.sources.base import Endpoint, Login, Reach, Security

from .certificates import Certificate
from .dovecot import PASSWORD

CAPABILITIES = b"IMAP4rev1 AUTH=PLAIN"


class ClientGone(Exception):
    """The client hung up, which ends a dialogue in peace."""


class Talk:
    """One client's connection, seen from the server.

    Attributes:
        received: every line the client sent, without CRLF.
    """

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._connection = connection
        self._tls = tls
        self._pending = b""
        self.received: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Send exactly `data`."""
        try:
            self._connection.sendall(data)
        except OSError:
            raise ClientGone from None

    def line(self) -> bytes:
        """Return the client's next line, without CRLF."""
        while b"\r\n" not in self._pending:
            try:
                more = self._connection.recv(65536)
            except OSError:
                more = b""
            if not more:
                raise ClientGone
            self._pending += more
        line, self._pending = self._pending.split(b"\r\n", 1)
        self.received.append(line)
        return line

    def expect(self, command: bytes) -> bytes:
        """Read a command, which must begin so, and return its tag."""
        line = self.line()
        tag, _, rest = line.partition(b" ")
        assert rest.startswith(command), f"expected {command!r}, got {line!r}"
        return tag

    def answer(self, command: bytes, *untagged: bytes, status: bytes = b"OK done") -> None:
        """Read a command and answer it with untagged lines and a tagged status."""
        tag = self.expect(command)
        self.send(b"".join(b"* " + line + b"\r\n" for line in untagged))
        self.send(tag + b" " + status + b"\r\n")

    def greet(self, capabilities: bytes = CAPABILITIES) -> None:
        self.send(b"* OK [CAPABILITY " + capabilities + b"] scripted\r\n")

    def log_in(self, capabilities: bytes = CAPABILITIES) -> None:
        """Greet and let the client in by AUTHENTICATE PLAIN."""
        self.greet(capabilities)
        tag = self.expect(b"AUTHENTICATE PLAIN")
        self.send(b"+ \r\n")
        self.line()
        self.send(tag + b" OK [CAPABILITY " + capabilities + b"] in\r\n")

    def open(self, exists: int = 3) -> None:
        """Log in and let the client examine a mailbox of `exists` messages."""
        self.log_in()
        self.answer(
            b"EXAMINE",
            b"%d EXISTS" % exists,
            b"OK [UIDVALIDITY 7] x",
            b"OK [UIDNEXT 99] x",
            status=b"OK [READ-ONLY] x",
        )

    # -- POP3 --------------------------------------------------------------------------------

    def reply(
        self, command: bytes, status: bytes = b"+OK done", text: bytes | None = None
    ) -> bytes:
        """Read a POP3 command, which must begin so, answer it and return what followed it.

        Args:
            text: sent as it is, with the dot that ends it; None for an answer of one line.
        """
        line = self.line()
        assert line.startswith(command), f"expected {command!r}, got {line!r}"
        self.send(status + b"\r\n")
        if text is not None:
            self.send(text + b".\r\n")
        return line.removeprefix(command).strip()

    def greet_pop3(self, *capabilities: bytes) -> None:
        """Greet and tell the capabilities."""
        self.send(b"+OK scripted\r\n")
        self.reply(b"CAPA", text=b"".join(each + b"\r\n" for each in capabilities))

    def log_in_pop3(self, *capabilities: bytes) -> None:
        """Greet and let the client in by USER and PASS."""
        self.greet_pop3(b"USER", *capabilities)
        self.reply(b"USER")
        self.reply(b"PASS")

    def open_pop3(self, *messages: bytes, capabilities: tuple[bytes, ...] = (b"TOP",)) -> None:
        """Log in and list a maildrop of `messages`; the first has the unique-id "id1"."""
        self.log_in_pop3(b"UIDL", *capabilities)
        numbered = list(enumerate(messages, 1))
        self.reply(b"LIST", text=b"".join(b"%d %d\r\n" % (n, len(raw)) for n, raw in numbered))
        self.reply(b"UIDL", text=b"".join(b"%d id%d\r\n" % (n, n) for n, _ in numbered))

    def encrypt(self) -> None:
        """Do the server's part of a TLS handshake."""
        assert self._tls is not None, "this server has no certificate"
        try:
            self._connection = self._tls.wrap_socket(self._connection, server_side=True)
        except OSError:
            raise ClientGone from None

    def await_end(self) -> None:
        """Answer nothing more but LOGOUT and QUIT until the client hangs up."""
        with suppress(ClientGone):
            while True:
                tag, _, command = self.line().partition(b" ")
                if tag == b"QUIT":
                    self.send(b"+OK bye\r\n")
                if command == b"LOGOUT":
                    self.send(b"* BYE\r\n" + tag + b" OK bye\r\n")

    def say_no_more(self) -> None:
        """Close the connection in one direction only: the client may still send."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class ScriptedServer:
    """Plays `script` to each client, one after the other, and ends with the `with` block.

    A script that fails (an assertion, an unexpected command) fails the test at the block's end.
    """

    def __init__(
        self,
        script: Callable[[Talk], None],
        certificate: Certificate | None = None,
        *,
        implicit_tls: bool = False,
    ) -> None:
        """
        Args:
            certificate: for `implicit_tls`, or for a script that calls `encrypt`.
            implicit_tls: encrypt before the script begins.
        """
        self._script = script
        self._implicit_tls = implicit_tls
        self._tls = _server_context(certificate) if certificate else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._problem: Exception | None = None
        self._talk: Talk | None = None
        self._ending = False
        self._ended = threading.Event()
        self.port: int = self._listener.getsockname()[1]

    @property
    def received(self) -> list[bytes]:
        """Every line the last client sent; waits until it has hung up."""
        assert self._ended.wait(10), "the dialogue did not end"
        return self._talk.received if self._talk else []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending = True
        # Wakes accept(), which closing alone does not.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        if self._talk is not None:
            self._talk.close()
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive(), "the script did not end"
        if error is None and self._problem is not None:
            raise self._problem

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._ending:
                connection.close()
                return
            self._ended.clear()
            self._talk = Talk(connection, self._tls)
            try:
                if self._implicit_tls:
                    self._talk.encrypt()
                self._script(self._talk)
            except ClientGone:
                pass
            except Exception as problem:  # noqa: BLE001 - raised again where the test sees it
                self._problem = problem
            finally:
                self._talk.close()
                self._ended.set()

    def endpoint(
        self,
        security: Security = Security.PLAIN,
        *,
        host: str = "127.0.0.1",
        secret: str = PASSWORD,
        username: str = "reader",
        ca_certificate: str = "",
        login: Login = Login.PASSWORD,
    ) -> Endpoint:
        """Return how to reach this server, allowed to, unencrypted too."""
        return Endpoint(
            host=host,
            port=self.port,
            security=security,
            username=username,
            secret=secret,
            reach=Reach(
                allowed_hosts=frozenset({"localhost", "127.0.0.1"}),
                allowed_ports=frozenset({self.port}),
                allow_plaintext=True,
            ),
            ca_certificate=ca_certificate,
            login=login,
        )


def _server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        chain.write_text(certificate.certificate)
        key.write_text(certificate.key)
        context.load_cert_chain(chain, key)
    return context
