"""Mail from a POP3 maildrop (RFC 1939), read without removing anything from it.

POP3 knows messages by numbers that hold for one session only. What holds longer is their UIDL;
which number of ours, a `uid`, stands for which message is for the caller to say (`assign`), in
each session anew.
"""

from __future__ import annotations

import hashlib
import poplib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Self

from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    MailboxNotFound,
    ProtocolError,
    ServerBusy,
    SourceError,
)

from .base import (
    FetchedMessage,
    MailboxCounts,
    MailboxState,
    RemoteHeader,
    RemoteMailbox,
    RemoteMessage,
    RemoteUidl,
    Security,
    Selected,
)
from .deadline import Deadline
from .pop3_client import BoundedPOP3, Refused
from .session import LONGEST_GOODBYE, MISREADINGS, Session, own_errors_only

# A maildrop is one mailbox without a name; IMAP calls the same one so.
INBOX = "INBOX"

_WINDOW = 50_000  # UIDs at once
_MOST_MESSAGES = 2**32 - 1  # as with IMAP
_MOST_HEADER = 64 * 1024  # bytes
# RFC 1939 section 7 allows 70 octets; what others send is good as long as it fits the ledger.
_UIDL = re.compile(r"[\x21-\x7e]{1,200}")
# Capabilities that matter to an archive.
_MATTER = {"UIDL", "TOP", "PIPELINING", "STLS"}


class Pop3Source(Session):
    """A `base.Source` over POP3.

    Until `assign` was called there are no UIDs; until `list_uidls` was, nothing to assign.
    """

    misreadings = (poplib.error_proto, *MISREADINGS)

    _client: BoundedPOP3 | None = None
    _sizes: Mapping[int, int] = {}
    _numbers: Mapping[int, int] = {}

    @property
    def commands_sent(self) -> int:
        """How many commands this connection has cost so far."""
        return self._client.commands_sent if self._client else 0

    # -- entering and leaving ----------------------------------------------------------------

    @own_errors_only
    def __enter__(self) -> Self:
        channel, deadline = self._connect()
        self._client = BoundedPOP3(channel, self.endpoint)
        if self.endpoint.security is Security.STARTTLS:
            self._client.start_tls()
            self._encrypt(channel, deadline)
            self._client.begin_anew()
        self._client.log_in()
        self._entered(channel)
        return self

    def __exit__(self, *exc: object) -> None:
        """End the connection: with QUIT only if the `with` block ended in peace.

        Some servers delete at QUIT what was retrieved. So nothing may be left open when it is
        said, and where anything went wrong the connection is dropped, which deletes nothing
        (RFC 1939 section 6).
        """
        in_peace = not any(exc)
        if in_peace and self._client is not None and self._channel is not None:
            self._channel.until = Deadline(LONGEST_GOODBYE).sooner(self._until)
            with suppress(SourceError, *self.misreadings):
                self._client.command("QUIT")
        self._abandon()

    def _abandon(self) -> None:
        super()._abandon()
        self._client = None
        self._sizes, self._numbers = {}, {}

    def _understood(self, error: Exception) -> SourceError:
        if not isinstance(error, Refused):
            return ProtocolError(host=self.endpoint.host)
        if error.seconds is not None:
            return ServerBusy(host=self.endpoint.host, seconds=error.seconds)
        return SourceError(host=self.endpoint.host)

    # -- what is there -----------------------------------------------------------------------

    @property
    def capabilities(self) -> list[str]:
        """What the server offers of what matters to an archive, e.g. "UIDL", sorted."""
        return sorted(_MATTER.intersection(self._connected.offers))

    def list_mailboxes(self) -> list[RemoteMailbox]:
        """Return the only one there is."""
        return [RemoteMailbox(INBOX)]

    @own_errors_only
    def count(self, name: str) -> MailboxCounts:
        """Return how many messages there are.

        Raises:
            MailboxNotFound: `name` is not "INBOX".
        """
        if name != INBOX:
            raise MailboxNotFound(host=self.endpoint.host, mailbox=name)
        return MailboxCounts(self._stat(), unread=None)

    @own_errors_only
    def open_mailbox(self, name: str) -> MailboxState:
        """Return what STAT says; UIDVALIDITY is 0, since UIDs are ours.

        Raises:
            MailboxNotFound: `name` is not "INBOX".
        """
        if name != INBOX:
            raise MailboxNotFound(host=self.endpoint.host, mailbox=name)
        return MailboxState(INBOX, uidvalidity=0, uidnext=None, exists=self._stat())

    def _stat(self) -> int:
        messages, _size = self._connected.stat()
        if not 0 <= messages <= _MOST_MESSAGES:
            raise ProtocolError(host=self.endpoint.host)
        return messages

    @own_errors_only
    def list_uidls(self) -> list[RemoteUidl]:
        """Return every message, ascending by number, with what identifies it later.

        That is its UIDL. One too long or with odd characters is replaced by its hash; where the
        server has none, or gives two messages the same, the hash of the message's header and
        its size stand in ("hash:..."); and where it gives no headers either, nothing does ("").
        """
        self._sizes = dict(_pairs(self._connected.list()[1]))
        given = self._uidls()
        shared = {uidl for uidl, times in Counter(given.values()).items() if times > 1}
        nameless = [n for n in sorted(self._sizes) if given.get(n, "") in shared | {""}]
        given.update(self._made_up(nameless))
        return [RemoteUidl(n, given.get(n, ""), self._sizes[n]) for n in sorted(self._sizes)]

    def _uidls(self) -> dict[int, str]:
        """Return the server's own, those that can be kept as they are and the others hashed."""
        try:
            lines = self._connected.uidl()[1]
        except Refused as refused:
            if refused.seconds is not None:
                raise
            return {}
        found = {}
        for line in lines:
            number, _, uidl = line.strip().partition(b" ")
            text = uidl.strip().decode("latin-1")
            if text and not _UIDL.fullmatch(text):
                text = f"hash:{hashlib.sha256(uidl.strip()).hexdigest()}"
            found[int(number)] = text
        return found

    def _made_up(self, numbers: Sequence[int]) -> dict[int, str]:
        made: dict[int, str] = {}
        times: Counter[str] = Counter()
        for number, header in zip(numbers, self._tops(numbers), strict=True):
            if header is None:
                made[number] = ""
                continue
            digest = hashlib.sha256(b"%d\n%s" % (self._sizes[number], header)).hexdigest()
            times[digest] += 1
            again = f"#{times[digest]}" if times[digest] > 1 else ""
            made[number] = f"hash:{digest}{again}"
        return made

    def _tops(self, numbers: Sequence[int]) -> Iterator[bytes | None]:
        """Yield the header of each message, at most 64 KiB; None where the server gives none."""
        client = self._connected
        is_offered = "TOP" in client.offers
        if client.offers and not is_offered:
            yield from repeat(None, len(numbers))
            return
        commands = [f"TOP {number} 0" for number in numbers]
        texts = client.texts(commands, most=self._bounds.literal, keep=_MOST_HEADER)
        for position, text in enumerate(texts):
            if text is None and not is_offered:
                # It does not know TOP, and need not be asked ten thousand times.
                yield from repeat(None, len(numbers) - position)
                return
            # Some send the body as well.
            yield None if text is None else text.partition(b"\r\n\r\n")[0]

    def assign(self, uids: Mapping[int, int]) -> None:
        """Say which UID of the caller's stands for which message number, for this session."""
        self._numbers = {uid: n for uid, n in uids.items() if n in self._sizes}

    def list_uids(self) -> Iterator[list[int]]:
        """Yield every assigned UID, ascending, in windows of bounded size."""
        uids = [uid for uid, _ in self._assigned(self._numbers)]
        for start in range(0, len(uids), _WINDOW):
            yield uids[start : start + _WINDOW]

    def select_uids(self, selection: Selected) -> Iterator[list[int]]:
        """Yield every assigned UID: POP3 knows neither what was read nor when it arrived."""
        return self.list_uids()

    # -- reading messages --------------------------------------------------------------------

    def describe(self, uids: Sequence[int]) -> list[RemoteMessage]:
        """Return the size of those of `uids` that are assigned, as LIST gave it."""
        return [RemoteMessage(uid, self._sizes[n], None) for uid, n in self._assigned(uids)]

    @own_errors_only
    def headers(self, uids: Sequence[int]) -> list[RemoteHeader]:
        """Return the headers of those of `uids` that are assigned, by TOP."""
        wanted = self._assigned(uids)
        tops = self._tops([number for _, number in wanted])
        return [
            RemoteHeader(uid, self._sizes[number], None, header or b"")
            for (uid, number), header in zip(wanted, tops, strict=True)
        ]

    @own_errors_only
    def fetch(self, uids: Iterable[int]) -> list[FetchedMessage]:
        """Return the bodies of those of `uids` that the server hands over, ascending by UID."""
        wanted = self._assigned(uids)
        commands = [f"RETR {number}" for _, number in wanted]
        texts = self._connected.texts(commands, most=self._bounds.literal)
        fetched = []
        left = self._bounds.literals
        for (uid, _), text in zip(wanted, texts, strict=True):
            if text is None:
                continue
            left -= len(text)
            if left < 0:
                raise ProtocolError(host=self.endpoint.host)
            fetched.append(FetchedMessage(uid, None, (text,) if text else ()))
        return fetched

    @own_errors_only
    def fetch_large(self, uid: int) -> FetchedMessage | None:
        """Return one message in pieces of at most 1 MiB, or None if the server refuses it.

        Raises:
            ProtocolError: it is larger than `largest`.
        """
        chunks: list[bytes] = []
        left = self._largest
        for _, number in self._assigned([uid]):
            try:
                # Twice, because each line may have a dot put before.
                for piece in self._connected.pieces(f"RETR {number}", most=2 * left):
                    chunks.append(piece)
                    left -= len(piece)
                    if left < 0:
                        raise ProtocolError(host=self.endpoint.host)
            except Refused as refused:
                if refused.seconds is not None:
                    raise
                return None
            return FetchedMessage(uid, None, chunks)
        return None

    def _assigned(self, uids: Iterable[int]) -> list[tuple[int, int]]:
        if self._client is None:
            raise ConnectionDropped(host=self.endpoint.host)
        return [(uid, self._numbers[uid]) for uid in sorted(set(uids)) if uid in self._numbers]

    @property
    def _connected(self) -> BoundedPOP3:
        if self._client is None:
            raise ConnectionDropped(host=self.endpoint.host)
        return self._client


def _pairs(lines: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield number and size of each line of LIST (RFC 1939 section 5).

    Raises:
        ValueError: a line has no such two.
    """
    for line in lines:
        number, size = map(int, line.split()[:2])
        if number < 1 or size < 0:
            raise ValueError("a message without a number or size")
        yield number, size
