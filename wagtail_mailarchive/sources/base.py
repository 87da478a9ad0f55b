"""What a place to read mail from can do, whatever its protocol. No Django, no models here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, Self


class Security(StrEnum):
    """How the connection is protected before credentials are sent."""

    TLS = "tls"  # implicit TLS (RFC 8314)
    STARTTLS = "starttls"  # mandatory: no STARTTLS, no login
    PLAIN = "plain"  # only where the site allows it


class Login(StrEnum):
    """How the account's owner is known to the server."""

    PASSWORD = "password"  # noqa: S105 (a method's name)
    OAUTH2 = "oauth2"  # XOAUTH2 with an access token (Google's and Microsoft's; RFC 6749)


class SpecialUse(StrEnum):
    """What a mailbox is for (RFC 6154 section 2)."""

    NONE = ""
    JUNK = "junk"
    TRASH = "trash"
    DRAFTS = "drafts"
    SENT = "sent"
    ARCHIVE = "archive"
    ALL = "all"  # holds the messages of all other mailboxes, too
    FLAGGED = "flagged"  # likewise the flagged ones


class TLSVersion(StrEnum):
    """The oldest version that is spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


@dataclass(frozen=True)
class Reach:
    """Where connections may go (the SSRF guard's rules), as the site's settings say.

    Attributes:
        allowed_hosts: names that may resolve to anything, e.g. "mail.intranet".
        allowed_networks: networks allowed although they are not global, e.g. 10.0.0.0/8.
        allowed_ports: the only ports that are ever connected to.
        allow_plaintext: whether `Security.PLAIN` may be used at all.
    """

    allowed_hosts: frozenset[str] = frozenset()
    allowed_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    allowed_ports: frozenset[int] = frozenset({143, 993, 110, 995})
    allow_plaintext: bool = False


@dataclass(frozen=True)
class Endpoint:
    """How to reach and enter one server. Its repr never shows the secret.

    Attributes:
        host: name or address as the editor entered it; also the name the certificate must hold.
        port: 1-65535.
        secret: the password, or an access token where `login` is OAUTH2.
        ca_certificate: PEM of an own authority to trust beside the system's; "" for none.
    """

    host: str
    port: int
    security: Security
    username: str
    secret: str = field(repr=False)
    reach: Reach = Reach()
    ca_certificate: str = field(default="", repr=False)
    login: Login = Login.PASSWORD
    tls_minimum: TLSVersion = TLSVersion.TLS_1_2


@dataclass(frozen=True)
class ShownCertificate:
    """The verified certificate that a server showed.

    Attributes:
        subject: the first name it is for.
        issuer: organisation or name of the authority that issued it.
        expires_at: aware.
    """

    subject: str
    issuer: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RemoteMailbox:
    """A mailbox that can be opened, by its decoded name.

    Attributes:
        delimiter: what separates the levels of its name; "" if it has none.
    """

    name: str
    special_use: SpecialUse = SpecialUse.NONE
    delimiter: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class MailboxCounts:
    """What a mailbox holds; `unread` is None where the protocol does not know (POP3)."""

    messages: int
    unread: int | None


@dataclass(frozen=True, slots=True)
class Selected:
    """Which messages to list; all of them if nothing is given.

    Attributes:
        unread: only those without \\Seen.
        since: only those that arrived on that day or later, by INTERNALDATE and disregarding
            the time zone (RFC 3501 section 6.4.4).
        without_drafts: none of the drafts that Gmail shows in "All Mail", too. It does not give
            them \\Draft and is asked by its extension X-GM-EXT-1; other servers by that flag.
    """

    unread: bool = False
    since: date | None = None
    without_drafts: bool = False


@dataclass(frozen=True)
class MailboxState:
    """What selecting a mailbox said (RFC 3501 section 6.3.1).

    Attributes:
        uidnext: None where the server does not tell.
    """

    name: str
    uidvalidity: int
    uidnext: int | None
    exists: int


@dataclass(frozen=True, slots=True)
class RemoteMessage:
    """A message on the server, before its body is read.

    Attributes:
        size: RFC822.SIZE in bytes, as the server claims.
        received_at: INTERNALDATE, aware; None where it is unreadable.
    """

    uid: int
    size: int
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """The exact bytes of one message.

    Attributes:
        chunks: the original in order; never empty pieces, one piece unless it is huge.
        source_thread: what the server calls the thread it belongs to, 0 to 2^63 - 1; None if it
            does not tell.
    """

    uid: int
    received_at: datetime | None
    chunks: Sequence[bytes]
    source_thread: int | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.chunks))


@dataclass(frozen=True, slots=True)
class RemoteHeader:
    """What a dry run shows of a message.

    Attributes:
        header: raw bytes with at least Message-ID, Subject, From and Date where it has them, at
            most 64 KiB; b"" if the server gives no headers alone.
    """

    uid: int
    size: int
    received_at: datetime | None
    header: bytes


@dataclass(frozen=True, slots=True)
class RemoteUidl:
    """A message in a POP3 maildrop.

    Attributes:
        number: the message number, which means something in this session only.
        uidl: what identifies the message in later sessions too, at most 200 printable ASCII
            characters, unlike all others of this listing; "" if nothing does.
        size: bytes, as the server claims.
    """

    number: int
    uidl: str
    size: int


class Source(Protocol):
    """One connection to one account; used by one thread at a time, `interrupt` apart.

    Every method raises a subclass of `exceptions.SourceError` and nothing else, within the
    deadline given to the constructor. A source that raised anything but `MailboxNotFound` must be
    closed and not used again.
    """

    def __enter__(self) -> Self:
        """Resolve, check, connect, secure and log in."""
        ...

    def __exit__(self, *exc: object) -> None:
        """End the connection; never raises."""
        ...

    def interrupt(self) -> None:
        """Make what another thread waits for fail at once; only to be closed afterwards."""
        ...

    @property
    def certificate(self) -> ShownCertificate | None:
        """What the server showed when it was entered; None without TLS."""
        ...

    @property
    def certificate_expires_at(self) -> datetime | None:
        """When that ends, aware; None without TLS."""
        ...

    @property
    def capabilities(self) -> list[str]:
        """What the server offers of what matters to an archive, e.g. "UIDPLUS", sorted."""
        ...

    def list_mailboxes(self) -> list[RemoteMailbox]:
        """Return every mailbox that can be opened, in the server's order."""
        ...

    def count(self, name: str) -> MailboxCounts:
        """Return how many messages the mailbox `name` holds, without opening it."""
        ...

    def open_mailbox(self, name: str) -> MailboxState:
        """Open `name` read-only, so that nothing about it can change by reading."""
        ...

    def list_uids(self) -> Iterator[list[int]]:
        """Yield every UID of the open mailbox, ascending, in windows of bounded size."""
        ...

    def select_uids(self, selection: Selected) -> Iterator[list[int]]:
        """Yield the UIDs of the open mailbox that are selected, as `list_uids` does.

        POP3 knows neither flags nor dates: there it is all of them.
        """
        ...

    def headers(self, uids: Sequence[int]) -> list[RemoteHeader]:
        """Return the headers of those of `uids` that still exist, ascending by UID.

        The caller bounds their number: one may have 64 KiB.
        """
        ...

    def describe(self, uids: Sequence[int]) -> list[RemoteMessage]:
        """Return size and date of those of `uids` that still exist, ascending by UID."""
        ...

    def fetch(self, uids: Iterable[int]) -> list[FetchedMessage]:
        """Return the bodies of those of `uids` that still exist, ascending by UID.

        The caller bounds their number and total size; flags are not touched (BODY.PEEK).
        """
        ...

    def fetch_large(self, uid: int) -> FetchedMessage | None:
        """Return one message read in pieces of 1 MiB, or None if it is gone."""
        ...
