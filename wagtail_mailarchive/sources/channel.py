"""A connection that cannot be made to wait for ever, nor to fill the memory.

Servers are not trusted to end what they begin: each command has a total deadline, each line and
literal a limit, and each answer budgets. What breaks them raises one of our errors here, below
imaplib, which lets them through untouched.
"""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wagtail_mailarchive.exceptions import ConnectionDropped, ConnectionTimedOut, ProtocolError

from .deadline import Deadline, Timeouts

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What a short line costs us besides its bytes: list entries, objects, regular expressions.
_LINE_OVERHEAD = 100


@dataclass(frozen=True)
class Bounds:
    """Limits in bytes.

    Attributes:
        line: longest line of an answer; a window of 50,000 UIDs needs 550,000.
        lines: all lines of the answer to one command together.
        literal: largest single string with a length before it, i.e. message.
        literals: all such strings in the answer to one command together.
    """

    line: int = 1024 * 1024
    lines: int = 16 * 1024 * 1024
    literal: int = 64 * 1024 * 1024
    literals: int = 128 * 1024 * 1024


class _Receiver(io.RawIOBase):
    """Reads the socket within the deadline of the command that is under way."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.channel = channel
        self.paused = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if self.paused:
            return None
        return self.channel.receive_into(buffer)


class Channel:
    """One connected socket, plain or encrypted, with its deadlines and limits."""

    def __init__(
        self,
        connection: socket.socket,
        host: str,
        timeouts: Timeouts,
        bounds: Bounds,
        until: Deadline,
    ) -> None:
        """
        Args:
            host: for the sentences of errors.
            until: no operation goes on after this, whatever else it is granted.
        """
        self.host = host
        self.timeouts = timeouts
        self.bounds = bounds
        self.until = until
        self._deadline = until
        self._lines_left = bounds.lines
        self._literals_left = bounds.literals
        self._attach(connection)

    def _attach(self, connection: socket.socket) -> None:
        self.connection = connection
        self._timeout: float | None = None
        self._receiver = _Receiver(self)
        self._reader = io.BufferedReader(self._receiver, buffer_size=256 * 1024)

    def begin(self) -> None:
        """Start the clock and the budgets of one command."""
        self._deadline = Deadline(self.timeouts.command).sooner(self.until)
        self._lines_left = self.bounds.lines
        self._literals_left = self.bounds.literals

    def replace(self, connection: socket.socket) -> None:
        """Go on over `connection`, the encrypted form of the one before."""
        self._attach(connection)

    def refuse_leftovers(self) -> None:
        """Raise ProtocolError if more was received than was asked for.

        Before encryption begins that is an attack: words put in beforehand, to be taken for
        the server's own afterwards (CVE-2011-0411 and its kin).
        """
        self._receiver.paused = True  # peek() must look, not read
        leftovers = self._reader.peek(1)
        self._receiver.paused = False
        if leftovers:
            raise ProtocolError(host=self.host)

    def receive_into(self, buffer: WriteableBuffer) -> int:
        self._arm()
        try:
            return self.connection.recv_into(buffer)
        except TimeoutError:
            raise self._timed_out() from None
        except OSError:
            raise ConnectionDropped(host=self.host) from None

    def send(self, data: bytes) -> None:
        self._arm()
        try:
            self.connection.sendall(data)
        except TimeoutError:
            raise self._timed_out() from None
        except OSError:
            raise ConnectionDropped(host=self.host) from None

    def readline(self) -> bytes:
        """Return the next line with its CRLF."""
        line = self._reader.readline(self.bounds.line + 1)
        if not line.endswith(b"\n"):
            if len(line) > self.bounds.line:
                raise ProtocolError(host=self.host)
            raise ConnectionDropped(host=self.host)
        self._lines_left -= len(line) + _LINE_OVERHEAD
        if self._lines_left < 0:
            raise ProtocolError(host=self.host)
        return line

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes; refused before anything is allocated for too many."""
        self._literals_left -= size
        if size > self.bounds.literal or self._literals_left < 0:
            raise ProtocolError(host=self.host)
        data = self._reader.read(size)
        if len(data) < size:
            raise ConnectionDropped(host=self.host)
        return data

    def close(self) -> None:
        self.connection.close()

    def interrupt(self) -> None:
        """Shut the connection, which wakes a thread that waits for it; closing would not."""
        # Closed already, or never connected: then nobody waits.
        with suppress(OSError):
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def _arm(self) -> None:
        """Grant the next socket operation what the silence limit and the deadline leave."""
        remaining = self._deadline.remaining()
        if not remaining:
            raise self._timed_out()
        timeout = min(self.timeouts.silence, remaining)
        if timeout != self._timeout:
            self.connection.settimeout(timeout)
            self._timeout = timeout

    def _timed_out(self) -> ConnectionTimedOut:
        exhausted = not self._deadline.remaining()
        granted = self._deadline if exhausted else Deadline(self.timeouts.silence)
        return ConnectionTimedOut(host=self.host, seconds=granted.shown_seconds)
