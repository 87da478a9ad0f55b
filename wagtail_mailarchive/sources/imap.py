"""Mail from an IMAP mailbox (RFC 3501), read without changing anything in it."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

from imapclient import imap_utf7  # type: ignore[import-untyped]

from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    MailboxNotFound,
    ProtocolError,
    ServerBusy,
    SourceError,
    UnsafeArgument,
)

from .arguments import checked
from .base import (
    FetchedMessage,
    MailboxCounts,
    MailboxState,
    RemoteHeader,
    RemoteMailbox,
    RemoteMessage,
    Security,
    Selected,
    SpecialUse,
)
from .deadline import Deadline
from .fetch_answers import Answer, received_at, source_thread
from .imap_client import BoundedIMAPClient, quoted
from .session import LONGEST_GOODBYE, MISREADINGS, Session, own_errors_only
from .uid_sets import uid_sets

_WINDOW = 50_000  # UIDs per SEARCH: its answer is one line, which has a limit
_MOST_WINDOWS = 700  # so many sequence numbers fit into one command
_DESCRIBED = 5_000  # UIDs per FETCH of sizes and dates
_FETCHED = 1_000  # bodies per FETCH; callers ask for fewer
_PIECE = 1024 * 1024  # bytes per partial FETCH
_LAST_NUMBER = 2**32 - 1  # of UIDs, and of all else that counts (RFC 3501 section 9)
_NO_MAILBOX = {b"\\noselect", b"\\nonexistent"}

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MOST_HEADER = 64 * 1024  # bytes of one message
_SHOWN_HEADERS = f"BODY.PEEK[HEADER.FIELDS (MESSAGE-ID SUBJECT FROM DATE)]<0.{_MOST_HEADER}>"
_HEADERS_PER_FETCH = 500
_COUNTED = re.compile(rb"\b(MESSAGES|UNSEEN) (\d{1,10})(?=[ )])", re.IGNORECASE)
# Capabilities that matter to an archive, now or later.
_MATTER = {"UIDPLUS", "MOVE", "CONDSTORE", "IDLE", "SPECIAL-USE", "X-GM-EXT-1"}


class ImapSource(Session):
    """A `base.Source` over IMAP."""

    misreadings = (imaplib.IMAP4.error, *MISREADINGS)

    _client: BoundedIMAPClient | None = None
    _mailbox: MailboxState | None = None

    @property
    def commands_sent(self) -> int:
        """How many commands this connection has cost so far."""
        return self._client.protocol.tagnum if self._client else 0

    # -- entering and leaving ----------------------------------------------------------------

    @own_errors_only
    def __enter__(self) -> Self:
        channel, deadline = self._connect()
        self._client = BoundedIMAPClient(channel, self.endpoint)
        protocol = self._client.protocol
        if self.endpoint.security is Security.STARTTLS:
            protocol.start_tls()
            self._encrypt(channel, deadline)
            protocol.begin_anew()
        protocol.log_in()
        self._entered(channel)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._client is not None and self._channel is not None:
            self._channel.until = Deadline(LONGEST_GOODBYE).sooner(self._until)
            # All that was asked for was answered; failing to say goodbye loses nothing.
            with suppress(SourceError, *self.misreadings):
                self._client.protocol.logout()
        self._abandon()

    def _abandon(self) -> None:
        super()._abandon()
        self._client = None
        self._mailbox = None

    def _understood(self, error: Exception) -> SourceError:
        busy = self._busy()
        if busy is not None:
            return busy
        bye = self._client is not None and "BYE" in self._client.protocol.untagged_responses
        if bye and isinstance(error, imaplib.IMAP4.abort):
            return ConnectionDropped(host=self.endpoint.host)
        return ProtocolError(host=self.endpoint.host)

    def _busy(self) -> ServerBusy | None:
        seconds = self._client.protocol.busy_for() if self._client else None
        return None if seconds is None else ServerBusy(host=self.endpoint.host, seconds=seconds)

    def _refused(self) -> SourceError:
        """Return what an answer of NO means where it does not mean anything in particular."""
        return self._busy() or SourceError(host=self.endpoint.host)

    # -- reading -----------------------------------------------------------------------------

    @property
    def capabilities(self) -> list[str]:
        """What the server offers of what matters to an archive, e.g. "UIDPLUS", sorted."""
        return sorted(_MATTER.intersection(self._connected.protocol.capabilities))

    @property
    def is_gmail(self) -> bool:
        """Whether a mailbox is a label, so that deleting there only takes the label away."""
        return "X-GM-EXT-1" in self.capabilities

    @own_errors_only
    def list_mailboxes(self) -> list[RemoteMailbox]:
        """Return every mailbox that can be opened, in the server's order."""
        found = []
        for flags, delimiter, written in self._connected.list_all():
            lowered = {flag.lower() for flag in flags if isinstance(flag, bytes)}
            name = _mailbox_name(written)
            between = delimiter.decode("latin-1") if isinstance(delimiter, bytes) else ""
            if name and not lowered & _NO_MAILBOX:
                found.append(RemoteMailbox(name, _special_use(lowered), between))
        return found

    @own_errors_only
    def count(self, name: str) -> MailboxCounts:
        """Return how many messages the mailbox `name` holds, by STATUS.

        Raises:
            MailboxNotFound: it does not exist, or not for this user.
        """
        return self._count(name)

    def _count(self, name: str) -> MailboxCounts:
        protocol = self._connected.protocol
        status, said = protocol.status(written(name), "(MESSAGES UNSEEN)")
        if status != "OK":
            raise self._busy() or MailboxNotFound(host=self.endpoint.host, mailbox=name)
        # The name may be a literal, and may look like anything; what counts comes last.
        counted = said[-1].rpartition(b"(")[2]
        numbers = {item.upper(): int(number) for item, number in _COUNTED.findall(counted)}
        return MailboxCounts(numbers[b"MESSAGES"], numbers.get(b"UNSEEN"))

    @own_errors_only
    def open_mailbox(self, name: str) -> MailboxState:
        """Open `name` with EXAMINE, so that even \\Recent stays (RFC 3501 section 6.3.2).

        Raises:
            MailboxNotFound: it does not exist, or not for this user.
            ProtocolError: the server has no UIDVALIDITY, so its UIDs mean nothing.
        """
        return self._select(name, readonly=True)

    def _select(self, name: str, *, readonly: bool) -> MailboxState:
        self._mailbox = None
        protocol = self._connected.protocol
        status, _ = protocol.select(written(name), readonly=readonly)
        said = protocol.untagged_responses
        if status != "OK":
            raise self._busy() or MailboxNotFound(host=self.endpoint.host, mailbox=name)
        uidvalidity, exists = _number(said, "UIDVALIDITY"), _number(said, "EXISTS")
        if not uidvalidity or exists is None:
            raise ProtocolError(host=self.endpoint.host)
        self._mailbox = MailboxState(name, uidvalidity, _number(said, "UIDNEXT"), exists)
        return self._mailbox

    def list_uids(self) -> Iterator[list[int]]:
        """Yield every UID of the open mailbox, ascending, at most about 50,000 at a time."""
        return self._listed(())

    def select_uids(self, selection: Selected) -> Iterator[list[int]]:
        """Yield the UIDs of the open mailbox that are selected, as `list_uids` does."""
        criteria: tuple[str, ...] = ("UNSEEN",) if selection.unread else ()
        if selection.since is not None:
            day = selection.since
            # No strftime(): its names of months are the locale's.
            criteria += ("SINCE", f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year:04}")
        if selection.without_drafts:
            # Gmail gives its drafts no flag.
            criteria += ("X-GM-RAW", '"-in:drafts"') if self.is_gmail else ("UNDRAFT",)
        return self._listed(criteria)

    def _listed(self, criteria: tuple[str, ...]) -> Iterator[list[int]]:
        exists = self._opened.exists
        if not exists:
            # Some servers refuse "1:*" where there is no message.
            return
        starts = [1]
        if exists > _WINDOW:
            starts += self._window_starts(exists)
        for position, start in enumerate(starts):
            following = starts[position + 1] if position + 1 < len(starts) else None
            uids = self._search(start, following - 1 if following else None, criteria)
            if uids:
                yield uids

    @own_errors_only
    def _window_starts(self, exists: int) -> list[int]:
        """Return UIDs above 1 that cut the mailbox into windows of about equal size.

        Sequence numbers only say where to cut: whatever is answered, the windows between the
        cuts cover all UIDs.
        """
        cuts = range(_WINDOW + 1, exists + 1, _WINDOW)[:_MOST_WINDOWS]
        wanted = ",".join(map(str, cuts))
        status, found = self._connected.protocol.fetch_by_number(wanted, "(UID)")
        if status != "OK":
            raise self._refused()
        return sorted({uid for uid in found if 1 < uid <= _LAST_NUMBER})

    @own_errors_only
    def _search(self, first: int, last: int | None, criteria: tuple[str, ...]) -> list[int]:
        window = f"{first}:{last or '*'}"
        status, lines = self._connected.protocol.uid("SEARCH", "UID", window, *criteria)
        if status != "OK":
            raise self._refused()
        # "n:*" answers with the last UID even where it is below n (RFC 3501, 6.4.8).
        most = last or _LAST_NUMBER
        found = {int(word) for line in lines if line for word in line.split()}
        return sorted(uid for uid in found if first <= uid <= most)

    def describe(self, uids: Sequence[int]) -> list[RemoteMessage]:
        """Return size and date of those of `uids` that still exist, ascending by UID."""
        described: dict[int, RemoteMessage] = {}
        for uid_set, members in uid_sets(uids, _DESCRIBED):
            wanted = set(members)
            for answer in self._fetch(uid_set, "(RFC822.SIZE INTERNALDATE)"):
                uid, size = answer[b"UID"], answer.get(b"RFC822.SIZE")
                if uid in wanted and isinstance(size, int):
                    described[uid] = RemoteMessage(uid, size, received_at(answer))
        return [described[uid] for uid in sorted(described)]

    def headers(self, uids: Sequence[int]) -> list[RemoteHeader]:
        """Return the headers of those of `uids` that still exist, ascending by UID."""
        found: dict[int, RemoteHeader] = {}
        for uid_set, members in uid_sets(uids, _HEADERS_PER_FETCH):
            wanted = set(members)
            for answer in self._fetch(uid_set, f"(RFC822.SIZE INTERNALDATE {_SHOWN_HEADERS})"):
                uid, size = answer[b"UID"], answer.get(b"RFC822.SIZE")
                if uid in wanted and isinstance(size, int):
                    header = _header(answer)
                    found[uid] = RemoteHeader(uid, size, received_at(answer), header)
        return [found[uid] for uid in sorted(found)]

    def fetch(self, uids: Iterable[int]) -> list[FetchedMessage]:
        """Return the bodies of those of `uids` that still exist, ascending by UID.

        A body answered with NIL (Exchange does so for items it cannot convert) is left out.
        """
        fetched: dict[int, FetchedMessage] = {}
        for uid_set, members in uid_sets(uids, _FETCHED):
            wanted = set(members)
            for answer in self._fetch(uid_set, f"({self._items} BODY.PEEK[])"):
                uid, body = answer[b"UID"], answer.get(b"BODY[]")
                if uid in wanted and isinstance(body, bytes):
                    chunks = (body,) if body else ()
                    fetched[uid] = FetchedMessage(
                        uid, received_at(answer), chunks, source_thread(answer)
                    )
        return [fetched[uid] for uid in sorted(fetched)]

    def fetch_large(self, uid: int) -> FetchedMessage | None:
        """Return one message read in pieces of 1 MiB, or None if it is gone.

        Pieces are asked for until one comes back empty: neither RFC822.SIZE nor a short piece
        proves the end.

        Raises:
            ProtocolError: it is larger than `largest`, or the pieces do not fit together.
        """
        chunks: list[bytes] = []
        size = 0
        while True:
            piece, moment, thread = self._piece(uid, size)
            if piece is None:
                return None
            if not piece:
                return FetchedMessage(uid, moment, chunks, thread)
            chunks.append(piece)
            size += len(piece)

    @own_errors_only
    def _piece(self, uid: int, offset: int) -> tuple[bytes | None, datetime | None, int | None]:
        """Return the bytes from `offset` on, empty at the end; None if the message is gone."""
        name = b"BODY[]<%d>" % offset
        items = f"({self._items} BODY.PEEK[]<{offset}.{_PIECE}>)"
        for answer in self._fetch(str(uid), items):
            if answer[b"UID"] != uid or name not in answer:
                continue
            piece = answer[name]
            if piece is None and offset:
                piece = b""  # Exchange says NIL for what lies behind the end
            if piece is not None and (
                not isinstance(piece, bytes)
                or len(piece) > _PIECE
                or offset + len(piece) > self._largest
            ):
                raise ProtocolError(host=self.endpoint.host)
            return piece, received_at(answer), source_thread(answer)
        return None, None, None

    @property
    def _items(self) -> str:
        """What is asked for of each message beside its body."""
        return "INTERNALDATE X-GM-THRID" if "X-GM-EXT-1" in self.capabilities else "INTERNALDATE"

    @own_errors_only
    def _fetch(self, uid_set: str, items: str) -> list[Answer]:
        protocol = self._connected.protocol
        status, answers = protocol.fetch_by_uid(uid_set, items)
        if status != "OK":
            if busy := self._busy():
                raise busy
            # NO with answers: some of the messages are gone or unreadable (RFC 2180, 4.1.2).
            if not answers and "EXPUNGEISSUED" not in protocol.untagged_responses:
                raise SourceError(host=self.endpoint.host)
        return answers

    @property
    def _connected(self) -> BoundedIMAPClient:
        if self._client is None:
            raise ConnectionDropped(host=self.endpoint.host)
        return self._client

    @property
    def _opened(self) -> MailboxState:
        if self._mailbox is None:
            raise ConnectionDropped(host=self.endpoint.host)
        return self._mailbox


def _mailbox_name(written: object) -> str | None:
    """Return a name from modified UTF-7 (RFC 3501, 5.1.3); None if it could not be asked for."""
    try:
        name: str = imap_utf7.decode(written)
        checked("mailbox name", name)
    except (UnsafeArgument, TypeError, ValueError):
        return None
    return name


def written(name: str) -> str:
    """Return a mailbox's name as it stands in a command (RFC 3501 sections 4.3, 5.1.3)."""
    checked("mailbox name", name)
    return quoted(imap_utf7.encode(name)).decode("ascii")


def _header(answer: Answer) -> bytes:
    # Servers repeat the names of the fields in their own way.
    for name, value in answer.items():
        if name.startswith(b"BODY[HEADER.FIELDS") and isinstance(value, bytes):
            return value[:_MOST_HEADER]
    return b""


def _special_use(lowered: set[bytes]) -> SpecialUse:
    for use in SpecialUse:
        if use and b"\\" + use.encode() in lowered:
            return use
    return SpecialUse.NONE


def _number(said: dict[str, Any], name: str) -> int | None:
    """Return the last number the server gave for `name`; None without one of 32 bits."""
    values = said.get(name)
    if not values or not isinstance(values[-1], bytes) or not values[-1].strip().isdigit():
        return None
    number = int(values[-1])
    return number if number <= _LAST_NUMBER else None
