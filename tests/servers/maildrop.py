"""A POP3 maildrop with the habits of servers other than Dovecot; a script for `ScriptedServer`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from .scripted import ClientGone, Talk

Name = Callable[[int, bytes], str]
"""What a message is called, by its number and bytes."""


def by_content(number: int, raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


class Maildrop:
    """The messages of one user, across sessions.

    Attributes:
        messages: their exact bytes, with lines ended by CRLF.
        name: gives unique-ids; None if the server has no UIDL.
        has_top: whether the server knows TOP.
        deletes: whether what was retrieved is deleted at QUIT.
        retrieved: numbers asked for by RETR, session by session.
        quits: sessions that ended with QUIT.
        broken: numbers at which it hangs up.
        fails: command -> how the connection breaks there.
        at_quit: what it says after QUIT; b"" if it removes and hangs up without a word.
        forgets: whether it removes what was deleted; it says so in any case.
    """

    def __init__(
        self,
        messages: Sequence[bytes],
        *,
        name: Name | None = by_content,
        has_top: bool = True,
        deletes: bool = False,
    ) -> None:
        self.messages = list(messages)
        self.name = name
        self.has_top = has_top
        self.deletes = deletes
        self.retrieved: list[list[int]] = []
        self.quits = 0
        self.broken: set[int] = set()
        self.fails: dict[str, Callable[[Talk], None]] = {}
        self.at_quit = b"+OK bye\r\n"
        self.forgets = True

    def __call__(self, talk: Talk) -> None:
        messages = list(self.messages)
        retrieved: list[int] = []
        deleted: set[int] = set()
        self.retrieved.append(retrieved)
        talk.send(b"+OK ready\r\n")
        while True:
            command, *arguments = talk.line().decode("ascii").split()
            number = int(arguments[0]) if arguments and arguments[0].isdecimal() else 0
            if command in self.fails:
                self.fails[command](talk)
                raise ClientGone
            if command in ("USER", "PASS"):
                talk.send(b"+OK\r\n")
            elif command == "STAT":
                talk.send(b"+OK %d %d\r\n" % (len(messages), sum(map(len, messages))))
            elif command == "LIST":
                self._list(talk, [str(len(raw)) for raw in messages])
            elif command == "UIDL" and self.name is not None:
                names = [self.name(number, raw) for number, raw in enumerate(messages, start=1)]
                self._list(talk, names)
            elif command == "TOP" and self.has_top:
                header, _, _ = messages[number - 1].partition(b"\r\n\r\n")
                talk.send(b"+OK\r\n" + header + b"\r\n\r\n.\r\n")
            elif command == "RETR":
                if number in self.broken:
                    raise ClientGone
                retrieved.append(number)
                talk.send(b"+OK\r\n" + _stuffed(messages[number - 1]) + b".\r\n")
            elif command == "DELE":
                deleted.add(number)
                talk.send(b"+OK\r\n")
            elif command == "QUIT":
                self.quits += 1
                going = deleted if self.forgets else set()
                if self.deletes:
                    going |= set(retrieved)
                if not self.at_quit.startswith(b"-ERR"):
                    for each in going:
                        self.messages.remove(messages[each - 1])
                talk.send(self.at_quit)
                return
            else:
                talk.send(b"-ERR unknown command\r\n")

    def _list(self, talk: Talk, values: Sequence[str]) -> None:
        lines = [f"{number} {value}\r\n" for number, value in enumerate(values, start=1)]
        talk.send(b"+OK\r\n" + "".join(lines).encode("ascii") + b".\r\n")


def _stuffed(raw: bytes) -> bytes:
    """Return a text as POP3 sends it (RFC 1939 section 3)."""
    return b"".join(b"." + line if line.startswith(b".") else line for line in raw.splitlines(True))
