"""The mail of the soak: who gets what, and what became of it on the server by other hands."""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter
from dataclasses import dataclass

from tests import factories
from wagtail_mailarchive.models.account import AfterFetch

NUMBER = "X-Soak"
TRASH = "Trash"
TARGET = "Kept"


@dataclass(frozen=True)
class Recipient:
    """A user of the mail server, whose mail one account archives.

    Attributes:
        folder_id: the email folder.
        mailboxes: those that are archived.
    """

    user: str
    account_id: int
    folder_id: int
    protocol: str
    action: AfterFetch
    mailboxes: tuple[str, ...]

    @property
    def removes(self) -> bool:
        """Whether archived mail is taken out of the archived mailboxes."""
        return self.action in (AfterFetch.MOVE, AfterFetch.DELETE)


@dataclass(frozen=True)
class Letter:
    """One message, by the number in its header; several may get it, and one several times."""

    number: int
    raw: bytes
    digest: str


class Mailbags:
    """What was delivered to whom, for threads.

    Attributes:
        delivered: copies, by user and number.
        expunged: copies that another client expunged, or meant to, by user and number.
        withdrawn: copies that another client took away although the archive did not have the
            message yet, by folder and number. Nobody can archive those.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.letters: dict[int, Letter] = {}
        self.delivered: Counter[tuple[str, int]] = Counter()
        self.expunged: Counter[tuple[str, int]] = Counter()
        self.withdrawn: Counter[tuple[int, int]] = Counter()
        self._by_folder: Counter[tuple[int, int]] = Counter()

    def note_delivery(self, recipient: Recipient, letter: Letter) -> None:
        with self._lock:
            self.letters[letter.number] = letter
            self.delivered[recipient.user, letter.number] += 1
            self._by_folder[recipient.folder_id, letter.number] += 1

    def note_expunged(self, recipient: Recipient, number: int) -> None:
        with self._lock:
            self.expunged[recipient.user, number] += 1

    def note_withdrawn(self, recipient: Recipient, number: int) -> None:
        with self._lock:
            self.withdrawn[recipient.folder_id, number] += 1

    def wanted(self) -> set[tuple[int, str]]:
        """Return by folder and digest what has to be archived: all of which a copy was left."""
        return {
            (folder, self.letters[number].digest)
            for (folder, number), copies in self._by_folder.items()
            if copies > self.withdrawn[folder, number]
        }

    def known(self) -> set[tuple[int, str]]:
        """Return by folder and digest what may be archived."""
        return {(folder, self.letters[number].digest) for folder, number in self._by_folder}

    def left_to(self, user: str) -> dict[int, int]:
        """Return by number how many copies of what `user` got nobody else expunged."""
        return {
            number: copies - self.expunged[owner, number]
            for (owner, number), copies in self.delivered.items()
            if owner == user
        }


class Writer:
    """Writes letters: replies, several with one Message-ID, small and large ones."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._written = 0

    def write(self) -> Letter:
        rng = self._rng
        self._written += 1
        number = self._written
        headers = {"X_Soak": str(number), "Message_ID": _message_id(number)}
        if number > 10:
            if rng.random() < 0.3:
                headers["In_Reply_To"] = _message_id(number - rng.randint(1, 10))
            if rng.random() < 0.02:
                # Two messages, whatever they say of themselves.
                headers["Message_ID"] = _message_id(number - rng.randint(1, 10))
        lines = rng.randint(1, 200) if rng.random() < 0.99 else rng.randint(3_000, 8_000)
        body = "".join(f"Line {each} of {number}\n" for each in range(lines))
        raw = factories.raw(f"Letter {number}", body, **headers).replace(b"\n", b"\r\n")
        return Letter(number, raw, hashlib.sha256(raw).hexdigest())


def _message_id(number: int) -> str:
    return f"<soak{number}@example.org>"
