"""Mail from an IMAP mailbox (RFC 3501), read without changing anything in it."""

from __future__ import annotations

import functools
import imaplib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from imapclient import imap_utf7  # type: ignore[import-untyped]

from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    MailboxNotFound,
    PlaintextNotAllowed,
    ProtocolError,
    SourceError,
    UnsafeArgument,
)

from . import address, tls
from .arguments import checked
from .base import (
    Endpoint,
    FetchedMessage,
    MailboxState,
    RemoteMailbox,
    RemoteMessage,
    Security,
    SpecialUse,
)
from .channel import Bounds, Channel
from .deadline import Deadline, Timeouts
from .fetch_answers import Answer, received_at
from .imap_client import NOT_NOW, BoundedIMAPClient, quoted
from .uid_sets import uid_sets

_log = logging.getLogger(__name__)

_WINDOW = 50_000  # UIDs per SEARCH: its answer is one line, which has a limit
_MOST_WINDOWS = 700  # so many sequence numbers fit into one command
_DESCRIBED = 5_000  # UIDs per FETCH of sizes and dates
_FETCHED = 1_000  # bodies per FETCH; callers ask for fewer
_PIECE = 1024 * 1024  # bytes per partial FETCH
_LAST_UID = 2**32 - 1
_LONGEST_GOODBYE = 5  # seconds
_NO_MAILBOX = {b"\\noselect", b"\\nonexistent"}

# What imaplib and IMAPClient raise when an answer is not what they expect.
_MISREADINGS = (
    imaplib.IMAP4.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

P = ParamSpec("P")
R = TypeVar("R")


def _own_errors_only(
    method: Callable[Concatenate[ImapSource, P], R],
) -> Callable[Concatenate[ImapSource, P], R]:
    """Let nothing but our own errors out of `method`, and none of what they were made of.

    An exception keeps the frames it passed and the exceptions it replaced, and those hold
    passwords and what the server said. So a fresh one is raised here, outside of any handler,
    and the connection is given up, except after MailboxNotFound: that was a full answer, and
    another mailbox may be opened.
    """

    @functools.wraps(method)
    def guarded(self: ImapSource, /, *args: P.args, **kwargs: P.kwargs) -> R:
        problem: SourceError
        try:
            return method(self, *args, **kwargs)
        except SourceError as error:
            problem = type(error)(**error.params)
        except imaplib.IMAP4.abort:
            bye = self._client is not None and "BYE" in self._client.protocol.untagged_responses
            kind = ConnectionDropped if bye else ProtocolError
            problem = kind(host=self.endpoint.host)
        except _MISREADINGS as error:
            # Its text may quote the server; its kind and place in our code are all we may keep.
            _log.warning("%s: %s in %s", self.endpoint.host, type(error).__name__, method.__name__)
            problem = ProtocolError(host=self.endpoint.host)
        if not isinstance(problem, MailboxNotFound):
            self._abandon()
        raise problem

    return guarded


class ImapSource:
    """A `base.Source` over IMAP.

    Args:
        endpoint: the server, the account, and where connections may go.
        timeouts: limits of single steps.
        until: when the whole run this connection serves must be over.
        bounds: limits of what is accepted from the server.
        largest: bytes of one message that `fetch_large` reads at most.
        lookup: answers like `socket.getaddrinfo`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeouts: Timeouts | None = None,
        until: Deadline | None = None,
        bounds: Bounds | None = None,
        largest: int = 256 * 1024 * 1024,
        lookup: address.Lookup | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._until = until or Deadline()
        self._bounds = bounds or Bounds()
        self._largest = largest
        self._lookup = lookup
        self._channel: Channel | None = None
        self._client: BoundedIMAPClient | None = None
        self._mailbox: MailboxState | None = None

    @property
    def commands_sent(self) -> int:
        """How many commands this connection has cost so far."""
        return self._client.protocol.tagnum if self._client else 0

    # -- entering and leaving ----------------------------------------------------------------

    @_own_errors_only
    def __enter__(self) -> Self:
        endpoint = self.endpoint
        checked("user name", endpoint.username)
        checked("password", endpoint.secret)
        if endpoint.security is Security.PLAIN and not endpoint.reach.allow_plaintext:
            raise PlaintextNotAllowed(host=endpoint.host)
        deadline = Deadline(self._timeouts.connect).sooner(self._until)
        connection = address.connect(
            endpoint.host, endpoint.port, endpoint.reach, deadline, self._lookup
        )
        if endpoint.security is Security.TLS:
            connection = tls.secured(
                connection, endpoint.host, endpoint.port, endpoint.ca_certificate, deadline
            )
        self._channel = Channel(connection, endpoint.host, self._timeouts, self._bounds, deadline)
        self._client = BoundedIMAPClient(self._channel, endpoint)
        protocol = self._client.protocol
        if endpoint.security is Security.STARTTLS:
            protocol.encrypt(deadline)
        protocol.log_in()
        self._channel.until = self._until
        return self

    def __exit__(self, *exc: object) -> None:
        if self._client is not None and self._channel is not None:
            self._channel.until = Deadline(_LONGEST_GOODBYE).sooner(self._until)
            # All that was asked for was answered; failing to say goodbye loses nothing.
            with suppress(SourceError, *_MISREADINGS):
                self._client.protocol.logout()
        self._abandon()

    def _abandon(self) -> None:
        """Close without a word; what was half received can never be read afterwards."""
        if self._channel is not None:
            self._channel.close()
        self._client = None
        self._channel = None
        self._mailbox = None

    def interrupt(self) -> None:
        """Make whatever another thread waits for here fail at once; callable from any thread."""
        channel = self._channel
        if channel is not None:
            channel.interrupt()

    # -- reading -----------------------------------------------------------------------------

    @_own_errors_only
    def list_mailboxes(self) -> list[RemoteMailbox]:
        """Return every mailbox that can be opened, in the server's order."""
        found = []
        for flags, delimiter, written in self._connected.list_folders():
            lowered = {flag.lower() for flag in flags if isinstance(flag, bytes)}
            name = _mailbox_name(written)
            between = delimiter.decode("latin-1") if isinstance(delimiter, bytes) else ""
            if name and not lowered & _NO_MAILBOX:
                found.append(RemoteMailbox(name, _special_use(lowered), between))
        return found

    @_own_errors_only
    def open_mailbox(self, name: str) -> MailboxState:
        """Open `name` with EXAMINE, so that even \\Recent stays (RFC 3501 section 6.3.2).

        Raises:
            MailboxNotFound: it does not exist, or not for this user.
            ProtocolError: the server has no UIDVALIDITY, so its UIDs mean nothing.
        """
        checked("mailbox name", name)
        self._mailbox = None
        protocol = self._connected.protocol
        status, _ = protocol.select(quoted(imap_utf7.encode(name)).decode("ascii"), readonly=True)
        said = protocol.untagged_responses
        if status != "OK":
            if said.keys() & NOT_NOW:
                raise SourceError(host=self.endpoint.host)
            raise MailboxNotFound(host=self.endpoint.host, mailbox=name)
        uidvalidity, exists = _number(said, "UIDVALIDITY"), _number(said, "EXISTS")
        if not uidvalidity or exists is None:
            raise ProtocolError(host=self.endpoint.host)
        self._mailbox = MailboxState(name, uidvalidity, _number(said, "UIDNEXT"), exists)
        return self._mailbox

    def list_uids(self) -> Iterator[list[int]]:
        """Yield every UID of the open mailbox, ascending, at most about 50,000 at a time."""
        exists = self._opened.exists
        if not exists:
            # Some servers refuse "1:*" where there is no message.
            return
        starts = [1]
        if exists > _WINDOW:
            starts += self._window_starts(exists)
        for position, start in enumerate(starts):
            following = starts[position + 1] if position + 1 < len(starts) else None
            uids = self._search(start, following - 1 if following else None)
            if uids:
                yield uids

    @_own_errors_only
    def _window_starts(self, exists: int) -> list[int]:
        """Return UIDs above 1 that cut the mailbox into windows of about equal size.

        Sequence numbers only say where to cut: whatever is answered, the windows between the
        cuts cover all UIDs.
        """
        cuts = range(_WINDOW + 1, exists + 1, _WINDOW)[:_MOST_WINDOWS]
        wanted = ",".join(map(str, cuts))
        status, found = self._connected.protocol.fetch_by_number(wanted, "(UID)")
        if status != "OK":
            raise SourceError(host=self.endpoint.host)
        return sorted({uid for uid in found if 1 < uid <= _LAST_UID})

    @_own_errors_only
    def _search(self, first: int, last: int | None) -> list[int]:
        status, lines = self._connected.protocol.uid("SEARCH", "UID", f"{first}:{last or '*'}")
        if status != "OK":
            raise SourceError(host=self.endpoint.host)
        # "n:*" answers with the last UID even where it is below n (RFC 3501, 6.4.8).
        most = last or _LAST_UID
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

    def fetch(self, uids: Iterable[int]) -> list[FetchedMessage]:
        """Return the bodies of those of `uids` that still exist, ascending by UID.

        A body answered with NIL (Exchange does so for items it cannot convert) is left out.
        """
        fetched: dict[int, FetchedMessage] = {}
        for uid_set, members in uid_sets(uids, _FETCHED):
            wanted = set(members)
            for answer in self._fetch(uid_set, "(INTERNALDATE BODY.PEEK[])"):
                uid, body = answer[b"UID"], answer.get(b"BODY[]")
                if uid in wanted and isinstance(body, bytes):
                    chunks = (body,) if body else ()
                    fetched[uid] = FetchedMessage(uid, received_at(answer), chunks)
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
            piece, moment = self._piece(uid, size)
            if piece is None:
                return None
            if not piece:
                return FetchedMessage(uid, moment, chunks)
            chunks.append(piece)
            size += len(piece)

    @_own_errors_only
    def _piece(self, uid: int, offset: int) -> tuple[bytes | None, datetime | None]:
        """Return the bytes from `offset` on, empty at the end; None if the message is gone."""
        name = b"BODY[]<%d>" % offset
        items = f"(INTERNALDATE BODY.PEEK[]<{offset}.{_PIECE}>)"
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
            return piece, received_at(answer)
        return None, None

    @_own_errors_only
    def _fetch(self, uid_set: str, items: str) -> list[Answer]:
        protocol = self._connected.protocol
        status, answers = protocol.fetch_by_uid(uid_set, items)
        # NO with answers: some of the messages are gone or unreadable (RFC 2180, 4.1.2).
        if status != "OK" and not answers and "EXPUNGEISSUED" not in protocol.untagged_responses:
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


def _special_use(lowered: set[bytes]) -> SpecialUse:
    for use in SpecialUse:
        if use and b"\\" + use.encode() in lowered:
            return use
    return SpecialUse.NONE


def _number(said: dict[str, Any], name: str) -> int | None:
    """Return the last number the server gave for `name`, None if it gave none."""
    values = said.get(name)
    if not values or not isinstance(values[-1], bytes) or not values[-1].strip().isdigit():
        return None
    return int(values[-1])
