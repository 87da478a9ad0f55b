"""Puts messages into Maildir folders (Maildir++), as mail servers keep them on disk.

INTERNALDATE is the file's modification time; flags stand behind ":2," in its name. UIDs are given
by the server's own `dovecot-uidlist`, which we write in the order of arrival, so that UIDs ascend
with time; later arrivals get theirs from the server.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .message import DemoMessage
from .wire import digest


def write(root: Path, messages: Iterable[DemoMessage]) -> None:
    """Fill the Maildir `root` with `messages`, in order; it must not exist yet."""
    folders: dict[str, list[DemoMessage]] = {"INBOX": []}
    for message in messages:
        folders.setdefault(message.folder, []).append(message)
    for name, inside in folders.items():
        folder = make(root, name)
        names: list[str] = []
        for message in inside:
            unique = _unique(message, len(names))
            names.append(f"{unique}:2,{'S' if message.seen else ''}")
            _place(folder, message, folder / "cur" / names[-1], unique)
        validity = int(inside[0].received_at.timestamp()) if inside else 1
        lines = [f"3 V{validity} N{len(names) + 1} G{digest(root.name, name)[:32]}"]
        lines += [f"{uid} :{file}" for uid, file in enumerate(names, 1)]
        (folder / "dovecot-uidlist").write_text("".join(f"{line}\r\n" for line in lines))


def make(root: Path, name: str) -> Path:
    """Return the directory of the mailbox `name`, made if it is missing.

    Maildir++ keeps the inbox at the top and every other mailbox in a directory with a dot.
    """
    folder = root if name == "INBOX" else root / f".{name.replace('/', '.')}"
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    if name != "INBOX":
        (folder / "maildirfolder").touch()
    return folder


def add(root: Path, message: DemoMessage, number: int) -> None:
    """Deliver one message, unseen, to a Maildir that a server may be serving."""
    folder = make(root, message.folder)
    unique = _unique(message, number)
    _place(folder, message, folder / "new" / unique, unique)


def _place(folder: Path, message: DemoMessage, target: Path, unique: str) -> None:
    # First whole in tmp/, then renamed: a reader never sees half a message.
    written = folder / "tmp" / unique
    written.write_bytes(message.raw)
    moment = message.received_at.timestamp()
    os.utime(written, (moment, moment))
    written.rename(target)


def _unique(message: DemoMessage, number: int) -> str:
    moment = int(message.received_at.timestamp())
    return f"{moment}.M{number:06}.{message.mailbox}"
