"""The headers around a text: who, when, which thread, which list, which way it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from . import wire
from .message import ACCOUNTS, DOMAIN, DemoMessage
from .moments import zone
from .people import Person

ADDRESSES = {account.name: account.address for account in ACCOUNTS}
LIST = Person("Engineering", ADDRESSES["engineering"], 60)
EVENTS = Person("Tidemark Events", ADDRESSES["events"], 60)

# Hosts whose mail only looks as if it came from there.
FORGED = ("harbour-pentest.example",)

LIST_HEADERS: tuple[wire.Header, ...] = (
    ("List-Id", f"Tidemark Engineering <engineering.lists.{DOMAIN}>"),
    ("List-Post", f"<mailto:{LIST.address}>"),
    ("List-Unsubscribe", f"<https://lists.{DOMAIN}/engineering/leave>"),
    ("Precedence", "list"),
)


@dataclass(frozen=True)
class Envelope:
    """What stands in the headers of one message.

    Attributes:
        account: the name of the mailbox that gets it; everything to "engineering" is list mail.
        folder: IMAP mailbox; what lies in "Sent" came no way, so it has no Received line.
        references: Message-IDs of the thread so far, oldest first; the last is replied to.
        extra: further headers, after the usual ones.
        listed: whether it went through the mailing list, if the account is one.
    """

    account: str
    author: Person
    sent: datetime
    subject: str
    message_id: str
    to: Sequence[Person] = ()
    cc: Sequence[Person] = ()
    references: Sequence[str] = ()
    folder: str = "INBOX"
    extra: Sequence[wire.Header] = ()
    listed: bool = True

    def headers(self) -> list[wire.Header]:
        """Return the headers in the order that mail programs write them."""
        found: list[wire.Header] = []
        if self.folder != "Sent":
            found += [("Return-Path", f"<{self.author.address}>"), *self._results()]
            found.append(self._received())
        found.append(("Date", format_datetime(self.sent)))
        found.append(("From", display(self.author)))
        found.append(("To", ", ".join(map(display, self.to or self._everyone()))))
        if self.cc:
            found.append(("Cc", ", ".join(map(display, self.cc))))
        found.append(("Subject", wire.encoded(self.subject, self.author.charset)))
        found.append(("Message-ID", self.message_id))
        if self.references:
            found.append(("In-Reply-To", self.references[-1]))
            found.append(("References", " ".join(self.references)))
        if self.account == "engineering" and self.listed:
            found += LIST_HEADERS
        found.append(("User-Agent", self.author.agent))
        return found + list(self.extra)

    def arrived(self) -> datetime:
        """Return when the server took it: some seconds after it was sent."""
        delay = 2 + int(wire.digest(self.message_id)[:2], 16) % 40
        return self.sent.astimezone(zone(60)).replace(microsecond=0) + timedelta(seconds=delay)

    def deliver(self, part: wire.Part, *, seen: bool = True) -> DemoMessage:
        """Return the message with `part` as its content."""
        raw = wire.message(self.headers(), part)
        return DemoMessage(self.account, self.folder, self.arrived(), seen, raw)

    def _everyone(self) -> tuple[Person, ...]:
        return (LIST,) if self.account == "engineering" else (EVENTS,)

    def _results(self) -> list[wire.Header]:
        """What our server found out about mail from outside (RFC 8601)."""
        host = self.author.address.rsplit("@", 1)[1]
        if host == DOMAIN or host.endswith(f".{DOMAIN}"):
            return []
        dkim, spf, dmarc = ("none", "softfail", "fail") if host in FORGED else ("pass",) * 3
        return [
            (
                "Authentication-Results",
                f"mx.{DOMAIN}; dkim={dkim} header.d={host}; spf={spf} smtp.mailfrom={host};"
                f" dmarc={dmarc} header.from={host}",
            )
        ]

    def _received(self) -> wire.Header:
        host = self.author.address.rsplit("@", 1)[1]
        token = wire.digest(self.author.address, self.message_id)
        return (
            "Received",
            f"from mail.{host} (mail.{host} [192.0.2.{1 + int(token[:2], 16) % 250}])"
            f" by mx.{DOMAIN} (Postfix) with ESMTPS id {token[2:12].upper()}"
            f" for <{ADDRESSES[self.account]}>; {format_datetime(self.arrived())}",
        )


def display(person: Person) -> str:
    """Return a person as an address header shows them."""
    return wire.mailbox(person.name, person.address, person.charset)


def message_id(person: Person, *seed: object) -> str:
    """Return a Message-ID (RFC 5322 section 3.6.4) that follows from `seed`."""
    token = wire.digest(person.address, *seed)
    left = f"{token[:8]}-{token[8:12]}-4{token[13:16]}-{token[16:28]}"
    if person.agent.startswith("Mutt"):
        left = f"{token[:12]}.{token[12:18]}"
    return f"<{left}@{person.address.rsplit('@', 1)[1]}>"
