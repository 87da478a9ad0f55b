"""The mail that every fault is tried on: few messages, one of each kind that goes another way."""

from __future__ import annotations

import hashlib

from tests import factories

SECOND = "Größe & mehr"
TARGET = "Archiviert"
UNREADABLE = b"X-Unreadable: yes"
# Not handed over together with others.
WITHHELD = b"X-Withheld: yes"

# Smaller than in production, so that few bytes come as many batches.
BATCH = 3
HUGE = 200_000
LARGEST = 400_000


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def mailboxes(protocol: str) -> dict[str, list[bytes]]:
    """Return the messages by mailbox; POP3 has one only, and gets all of them in it."""
    small = [_mail(f"Small {number}", "Body\n.\n..dots\n") for number in range(7)]
    small[2] = _mail("Withheld", "Only to whoever asks for nothing else.\n", X_Withheld="yes")
    inbox = [
        *small[:4],
        small[0],
        _mail("Unreadable", "Nobody can read this.\n", X_Unreadable="yes"),
        _mail("Large", "All work and no play.\n" * 11_000),
        _mail("Too large", "All work and no play.\n" * 20_000),
        small[4],
    ]
    second = [small[5], small[1], small[6]]
    return {"INBOX": inbox + second} if protocol == "pop3" else {"INBOX": inbox, SECOND: second}


def kind(raw: bytes) -> str:
    """Return what has to become of a message: "archived", "quarantined" or "too_large"."""
    if len(raw) > LARGEST:
        return "too_large"
    return "quarantined" if UNREADABLE in raw else "archived"


def _mail(subject: str, body: str, **headers: str) -> bytes:
    return factories.raw(subject, body, **headers).replace(b"\n", b"\r\n")
