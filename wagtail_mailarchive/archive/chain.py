"""The chain of a folder: what came in and when, each entry sealed by the next one's digest.

An entry's digest is the SHA-256 of these lines, each but the last ended by LF (0x0A):

    the digest of the entry before, 64 hexadecimal digits; for the first entry, 64 times "0"
    its number, decimal
    the SHA-256 of the original, 64 hexadecimal digits
    when it was archived, in UTC: 2026-11-21T06:50:00.000000Z
    the name of the mailbox, in UTF-8

The name comes last because it alone may hold anything. This form never changes: whoever kept a
digest recomputes it with it. docs/explanation/durability.md says what that proves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet

from ..models import ChainEntry, EmailFolderPage
from . import rows

# What the first entry of a folder follows.
BEGINNING = "0" * 64

_COLUMNS = ("folder_id", "number", "sha256", "mailbox", "archived_at", "digest")


@dataclass(frozen=True, slots=True)
class Arrival:
    """An original that comes into a folder.

    Attributes:
        mailbox: the name of the mailbox it was read from.
    """

    sha256: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a folder's chain: who keeps its digest elsewhere can prove all before it.

    Attributes:
        number: of the entry, which is how many there are.
    """

    folder_id: int
    title: str
    number: int
    digest: str
    archived_at: datetime

    def as_dict(self) -> dict[str, str | int]:
        return {
            "folder": self.folder_id,
            "title": self.title,
            "number": self.number,
            "digest": self.digest,
            "archived_at": stamp(self.archived_at),
        }


def digest_of(before: str, number: int, sha256: str, archived_at: datetime, mailbox: str) -> str:
    """Return the digest of the entry that follows one whose digest is `before`."""
    return _digest(before, number, sha256, stamp(archived_at), mailbox)


def _digest(before: str, number: int, sha256: str, stamped: str, mailbox: str) -> str:
    text = f"{before}\n{number}\n{sha256}\n{stamped}\n{mailbox}"
    return hashlib.sha256(text.encode()).hexdigest()


def stamp(moment: datetime) -> str:
    """Return an aware `moment` as it is hashed."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def append(folder_id: int, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Add one entry for each of `arrivals`, in their order, in the present transaction.

    The folder's page must be locked (`pages.lock_folder`), else two writers could fork the chain;
    a constraint would refuse the second.
    """
    if not arrivals:
        return
    last = ChainEntry.objects.filter(folder_id=folder_id).order_by("-number")
    number, digest = last.values_list("number", "digest").first() or (0, BEGINNING)
    entries = []
    stamped = stamp(now)
    for each in arrivals:
        number += 1
        digest = _digest(digest, number, each.sha256, stamped, each.mailbox)
        entries.append((folder_id, number, each.sha256, each.mailbox, now, digest))
    rows.insert(ChainEntry, _COLUMNS, entries)


def lacking(folder_id: int, hashes: Sequence[str]) -> set[str]:
    """Return those of `hashes` that never came into the folder, as its chain tells."""
    if not hashes:
        return set()
    known = ChainEntry.objects.filter(folder_id=folder_id, sha256__in=hashes)
    return set(hashes) - set(known.values_list("sha256", flat=True))


def told(folder_id: int) -> Iterator[dict[str, str | int]]:
    """Yield the entries of a folder's chain with all that is hashed, ready for JSON."""
    entries = ChainEntry.objects.filter(folder_id=folder_id).order_by("number")
    for entry in entries.iterator(chunk_size=2000):
        yield {
            "number": entry.number,
            "sha256": entry.sha256,
            "archived_at": stamp(entry.archived_at),
            "mailbox": entry.mailbox,
            "digest": entry.digest,
        }


def heads(folders: QuerySet[EmailFolderPage] | None = None) -> Iterator[Head]:
    """Yield the head of the chain of each of `folders`, or of all; none where nothing came yet."""
    if folders is None:
        folders = EmailFolderPage.objects.all()
    for pk, title in folders.order_by("pk").values_list("pk", "title"):
        entry = ChainEntry.objects.filter(folder_id=pk).order_by("-number").first()
        if entry is not None:
            yield Head(pk, title, entry.number, entry.digest, entry.archived_at)
