"""A connection that cannot be made to wait for ever, nor to fill the memory.

Servers are not trusted to end what they begin: each command has a total deadline, each line and
literal a limit, and each answer budgets. What breaks them raises one of our errors here, below
imaplib, which lets them through untouched.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wagtail_mailarchive.exceptions import ConnectionDropped, ConnectionTimedOut, ProtocolError

from .deadline import Deadline, Timeouts

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What a short line costs us besides its bytes: list entries, objects, regular expressions.
_LINE_OVERHEAD = 100
_END_OF_TEXT = b"\r\n.\r\n"


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


def _unstuffed(found: io.BytesIO) -> bytes:
    return found.getvalue().replace(b"\r\n..", b"\r\n.")


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

    def read_text(self, most: int, piece: int) -> Iterator[bytes]:
        """Yield the lines up to a lone dot (RFC 1939 section 3), without the dots put before dots.

        A line ends with CRLF and with nothing else, so that bare LF stays what it is. Whole
        buffers are searched, because looking at each line takes many times as long.

        Args:
            most: bytes that are read at most.
            piece: the longest piece to yield, in bytes; no shorter than what one receives.

        Raises:
            ProtocolError: there is more.
        """
        # The line break of the line before, so that a dot is found in the first place too.
        held = b"\r\n"
        unseen = len(held)
        most += unseen
        found = io.BytesIO()
        end = -1
        while end < 0:
            more = self._reader.peek(1)
            if not more:
                raise ConnectionDropped(host=self.host)
            block = held + more
            end = block.find(_END_OF_TEXT)
            if end >= 0:
                self._reader.read(end + len(_END_OF_TEXT) - len(held))
                block = block[: end + 2]
            else:
                self._reader.read(len(more))
                # What may be the beginning of a dot's line waits for what follows.
                cut = block.find(b"\r", max(0, len(block) - len(_END_OF_TEXT) + 1))
                block, held = (block, b"") if cut < 0 else (block[:cut], block[cut:])
            most -= len(block)
            if most < 0:
                raise ProtocolError(host=self.host)
            if found.tell() and found.tell() + len(block) > piece + unseen:
                yield _unstuffed(found)[unseen:]
                found, unseen = io.BytesIO(), 0
            found.write(block)
        if text := _unstuffed(found)[unseen:]:
            yield text

    def read_lines(self) -> list[bytes]:
        """Return the lines up to a lone dot, without their CRLF; within the limits of literals."""
        text = b"".join(self.read_text(self.bounds.literal, self.bounds.literal))
        if len(text) + text.count(b"\r\n") * _LINE_OVERHEAD > self.bounds.literals:
            raise ProtocolError(host=self.host)
        return text.split(b"\r\n")[:-1]

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
