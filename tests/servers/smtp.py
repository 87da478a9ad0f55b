"""A mail server (RFC 5321) on the loopback interface that keeps what it gets, for tests to read.

It takes what Django's own back end says and no more, and can be told to refuse, or to hang up at
the worst moment: when it has a whole mail and has not said so.
"""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self, cast


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink = cast(_Server, self.server).sink
        self._say("220 sink")
        while line := self.rfile.readline():
            command = line.strip().upper()
            if command.startswith((b"EHLO", b"HELO")):
                self._say("250 sink")
            elif command.startswith(b"RCPT") and sink.refuses:
                self._say("550 5.1.1 No such mailbox")
            elif command == b"DATA":
                self._say("354 go on")
                sink.raw.append(self._data())
                if sink.hangs_up:
                    return
                self._say("250 2.0.0 taken")
            elif command == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    sink: SmtpSink


class SmtpSink:
    """The server.

    Attributes:
        raw: the mails, as they came over the line.
        refuses: every recipient.
        hangs_up: after each mail, without an answer.
    """

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.refuses = False
        self.hangs_up = False
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.sink = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each, policy=policy.default) for each in self.raw]

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
