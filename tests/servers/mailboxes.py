"""IMAP mailboxes with the habits of servers other than Dovecot; a script for `ScriptedServer`."""

from __future__ import annotations

from dataclasses import dataclass, field

from .scripted import Talk


@dataclass
class Shown:
    """A mailbox as its server shows it; what is changed here it shows next time.

    Attributes:
        messages: the exact bytes by UID.
        uidnext: None if the server does not tell.
        exists: what it counts; None for the truth.
        received: INTERNALDATE by UID, where it is not that of all others.
        refused: whether it lists the mailbox and lets nobody in.
        broken: UIDs at which it hangs up.
        ghosts: UIDs that it lists and knows nothing of.
        estimates: whether the sizes that it claims are a little too large.
    """

    messages: dict[int, bytes] = field(default_factory=dict)
    uidvalidity: int = 7
    uidnext: int | None = 99
    exists: int | None = None
    received: dict[int, str] = field(default_factory=dict)
    refused: bool = False
    broken: set[int] = field(default_factory=set)
    ghosts: set[int] = field(default_factory=set)
    estimates: bool = False

    @property
    def uids(self) -> list[int]:
        return sorted({*self.messages, *self.ghosts})


class Mailboxes:
    """The mailboxes of one user, across connections.

    Attributes:
        fetched: UIDs whose bodies were asked for.
        commands: what the clients said, without tags.
    """

    def __init__(self, **mailboxes: Shown) -> None:
        self.mailboxes = mailboxes
        self.fetched: list[int] = []
        self.commands: list[bytes] = []

    def __call__(self, talk: Talk) -> None:
        talk.log_in()
        opened = Shown()
        while True:
            tag, _, command = talk.line().partition(b" ")
            self.commands.append(command)
            status = b"OK done"
            if command.startswith(b"LIST"):
                for name in self.mailboxes:
                    talk.send(b'* LIST () "/" "%s"\r\n' % name.encode())
            elif command.startswith((b"EXAMINE", b"SELECT")):
                found = self.mailboxes.get(command.split(b'"')[1].decode())
                if found is None or found.refused:
                    status = b"NO you may not"
                else:
                    opened = found
                    self._open(talk, found)
            elif command.startswith(b"UID SEARCH"):
                uids = " ".join(map(str, opened.uids))
                talk.send(b"* SEARCH " + uids.encode() + b"\r\n")
            elif command.startswith(b"UID FETCH") and not self._fetch(talk, command, opened):
                return
            elif command.startswith(b"LOGOUT"):
                talk.send(b"* BYE bye\r\n" + tag + b" OK done\r\n")
                return
            talk.send(tag + b" " + status + b"\r\n")

    def _open(self, talk: Talk, shown: Shown) -> None:
        exists = len(shown.uids) if shown.exists is None else shown.exists
        talk.send(b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] x\r\n" % (exists, shown.uidvalidity))
        if shown.uidnext is not None:
            talk.send(b"* OK [UIDNEXT %d] x\r\n" % shown.uidnext)

    def _fetch(self, talk: Talk, command: bytes, shown: Shown) -> bool:
        """Answer; return whether the connection goes on."""
        for uid in _asked_for(command):
            body = shown.messages.get(uid)
            if body is None:
                continue
            date = shown.received.get(uid, "01-Jan-2024 00:00:00 +0000").encode()
            size = len(body) + 9 * shown.estimates
            said = b'UID %d RFC822.SIZE %d INTERNALDATE "%s"' % (uid, size, date)
            if b"BODY" in command:
                if uid in shown.broken:
                    return False
                name, piece = b"BODY[]", body
                if b"<" in command:
                    asked = command.partition(b"<")[2].partition(b">")[0]
                    start, length = map(int, asked.split(b"."))
                    name, piece = b"BODY[]<%d>" % start, body[start : start + length]
                self.fetched.append(uid)
                said += b" %s {%d}\r\n%s" % (name, len(piece), piece)
            talk.send(b"* 1 FETCH (" + said + b")\r\n")
        return True


def _asked_for(command: bytes) -> list[int]:
    uids: list[int] = []
    for part in command.split()[2].decode().split(","):
        first, _, last = part.partition(":")
        uids += range(int(first), int(last or first) + 1)
    return uids
