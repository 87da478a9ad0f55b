"""pymap, made to serve bytes exactly, over TLS from the first byte.

pymap 0.36 is a real IMAP server in Python, with a few habits that do not suit the demo of an
archive which proves its bytes. Each is set right here:

* Its Maildir back end reads a message with `email` and writes it anew: long headers are folded
  otherwise, CRLF and broken bytes change. `ExactMessage` hands out what the file holds.
* A message without a blank line loses its last byte, and a Content-Type that `email` fails on
  ends the connection. `ExactLoadedMessage` answers for whole messages from the bytes alone.
* It offers STARTTLS only; `ImapsService` begins with TLS (RFC 8314 section 3).
* It writes index files in the system's temporary folder and renames them into the Maildir, which
  fails where the two are different file systems; and it gives INTERNALDATE in today's offset from
  UTC, which is an hour wrong for mail of the other half of the year. `serve` sets both.
* Its worker threads wait for clients that idle; one event loop without threads ends at once.

One defect stays: ENVELOPE of a message whose Date is not a date ends the connection. The archive
never asks for it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.maildir import Config, Login, MaildirBackend
from pymap.backend.maildir import mailbox as maildir
from pymap.backend.maildir.users import PasswordsFile, UsersFile
from pymap.bytes import Writeable
from pymap.imap import IMAPServer, IMAPService
from pymap.mime import MessageContent
from pymap.parsing.specials import FetchRequirement
from pysasl.hashing import BuiltinHash

ADDRESS = "127.0.0.1"
USERS_FILE = UsersFile.FILE_NAME
PASSWORDS_FILE = PasswordsFile.FILE_NAME
# The demo's passwords are random and stay on this machine; fewer rounds keep logins cheap.
HASHING = BuiltinHash(rounds=20_000)


class ExactLoadedMessage(maildir.LoadedMessage):
    """A message as its file holds it; only questions about its structure are parsed."""

    def __init__(self, message: maildir.Message, requirement: FetchRequirement, raw: bytes) -> None:
        super().__init__(message, requirement, None)
        self.raw = raw

    @cached_property
    def content(self) -> MessageContent:
        return MessageContent.parse(self.raw)

    def get_body(self, section: Sequence[int] | None = None, binary: bool = False) -> Writeable:
        if section or binary:
            return super().get_body(section, binary)
        return Writeable.wrap(self.raw)

    def get_size(self, section: Sequence[int] | None = None) -> int:
        return super().get_size(section) if section else len(self.raw)


class ExactMessage(maildir.Message):
    """A message of a Maildir that is never written anew."""

    async def load_content(self, requirement: FetchRequirement) -> maildir.LoadedMessage:
        if requirement.has_none(FetchRequirement.CONTENT) or not (self._maildir and self._key):
            return await super().load_content(requirement)
        try:
            raw = self._maildir.get_bytes(self._key)
        except (KeyError, FileNotFoundError):
            # Removed by another client meanwhile: as pymap does, without content.
            return maildir.LoadedMessage(self, requirement, None)
        return ExactLoadedMessage(self, requirement, raw)


class LoopConfig(Config):
    """pymap's configuration without its threads."""

    @classmethod
    def parse_args(cls, args: Namespace) -> Mapping[str, Any]:
        values = dict(super().parse_args(args))
        del values["subsystem"]
        return values


class ImapsService(IMAPService):
    """IMAP with implicit TLS on one port of the loopback interface."""

    async def start(self, stack: AsyncExitStack) -> None:
        config = self.config
        serve_client = IMAPServer(self.backend.login, config)

        # Not by proxyprotocol's reader, as pymap does: it starts a task that nothing holds on to,
        # so the garbage collector may end a connection in the middle of an answer.
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve_client(reader, writer, SocketInfo.get(writer, ProxyResultLocal()))

        server = await asyncio.start_server(
            connected, ADDRESS, int(config.port), ssl=config.ssl_context
        )
        stack.callback(server.close)


async def serve(directory: Path, port: int) -> None:
    """Serve a prepared directory until SIGTERM or SIGINT.

    Raises:
        OSError: the port is taken or may not be used.
    """
    maildir.Message = ExactMessage  # type: ignore[misc]
    tempfile.tempdir = str(directory)
    os.environ["TZ"] = "UTC"
    time.tzset()
    # The greeting names the machine, which takes seconds where names do not resolve.
    os.environ["FQDN"] = "localhost"
    certificate = str(directory / "server.pem")
    options = Namespace(
        host=ADDRESS,
        port=port,
        cert=certificate,
        key=certificate,
        tls=False,  # no STARTTLS: the connection is encrypted from its first byte
        debug=False,
        proxy_protocol=None,
        passlib_cfg=None,
        inherited_sockets=None,
        base_dir=str(directory / "mail"),
        layout="++",
        colon=None,
        concurrency=None,
    )
    config = LoopConfig.from_args(options, hash_context=HASHING)
    config.apply_context()
    backend = MaildirBackend(Login(config), config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        await ImapsService(backend, config).start(stack)
        print(f"Mail server: IMAP over TLS on localhost:{port}", flush=True)
        await stopped.wait()
