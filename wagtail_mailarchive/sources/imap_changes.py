"""An IMAP mailbox open for changes: read, moved, deleted, by UID and nothing else.

What is deleted is named twice, when it is marked and when it goes (UID EXPUNGE, RFC 4315), so that
mail that others have marked survives. So there is no EXPUNGE here, no CLOSE, which expunges, and
no sequence number, which may mean another message by the time it arrives. A mailbox is left by
opening another one or by LOGOUT; neither removes anything (RFC 3501 sections 6.3.1, 6.1.3).
"""

from __future__ import annotations

import imaplib
from collections.abc import Sequence

from wagtail_mailarchive.exceptions import (
    ChangeRefused,
    CopyNotConfirmed,
    MailboxNotCreated,
    MailboxNotFound,
    MailboxReadOnly,
    NoMove,
    NoUidPlus,
    SourceError,
)

from .base import MailboxState
from .imap import ImapSource, written
from .session import own_errors_only
from .uid_sets import count, members, uid_sets

_CHANGED = 1_000  # UIDs per command; callers name fewer
# A mailbox that is full, or has as much as it may have (RFC 5530). In answer to a command that
# only reads they mean that the server wants to be left alone.
_OF_THE_MAILBOX = {b"OVERQUOTA", b"LIMIT"}


class ChangingImapSource(ImapSource):
    """An `ImapSource` that can also change what the mailbox holds.

    Each method that changes something takes `change_seconds` at most. Where the server says no,
    `ChangeRefused` is raised and the connection can be used on; what it did of its part nobody
    knows, so that has to be asked again.
    """

    @property
    def can_delete(self) -> bool:
        """Whether single messages can be deleted (UIDPLUS, RFC 4315)."""
        return "UIDPLUS" in self.capabilities

    @property
    def has_move(self) -> bool:
        """Whether the server moves messages in one command (RFC 6851)."""
        return "MOVE" in self.capabilities

    @property
    def can_move(self) -> bool:
        """Whether single messages can be moved, in one command or by a copy."""
        return self.has_move or self.can_delete

    @own_errors_only
    def open_for_changes(self, name: str) -> MailboxState:
        """Open `name` with SELECT, which takes \\Recent from its messages and changes no more.

        Raises:
            MailboxNotFound: it does not exist, or not for this user.
            MailboxReadOnly: the server lets it be read only.
        """
        try:
            return self._select(name, readonly=False)
        except imaplib.IMAP4.readonly:
            raise MailboxReadOnly(host=self.endpoint.host, mailbox=name) from None

    @own_errors_only
    def mark_read(self, uids: Sequence[int]) -> None:
        self._store(uids, "+FLAGS.SILENT", "(\\Seen)")

    @own_errors_only
    def mark_deleted(self, uids: Sequence[int]) -> None:
        """Mark `uids`, the first half of deleting them.

        Raises:
            NoUidPlus: there would be no second half.
        """
        self._require_uidplus()
        self._store(uids, "+FLAGS.SILENT", "(\\Deleted)")

    @own_errors_only
    def unmark_deleted(self, uids: Sequence[int]) -> None:
        """Undo `mark_deleted`."""
        self._store(uids, "-FLAGS.SILENT", "(\\Deleted)")

    @own_errors_only
    def expunge(self, uids: Sequence[int]) -> None:
        """Remove those of `uids` that are marked as deleted, and no others.

        Raises:
            NoUidPlus.
        """
        self._require_uidplus()
        with self._changing():
            for uid_set, _ in uid_sets(uids, _CHANGED):
                self._change("EXPUNGE", uid_set)

    @own_errors_only
    def move(self, uids: Sequence[int], to: str) -> None:
        """Move `uids` to the mailbox `to` in one command.

        Raises:
            NoMove: the server has none.
        """
        if not self.has_move:
            raise NoMove(host=self.endpoint.host, mailbox=to)
        with self._changing():
            for uid_set, _ in uid_sets(uids, _CHANGED):
                self._change("MOVE", uid_set, written(to))

    @own_errors_only
    def copy(self, uids: Sequence[int], to: str) -> None:
        """Copy `uids` to the mailbox `to`.

        Raises:
            CopyNotConfirmed: the server did not name exactly these, each with its UID there.
        """
        with self._changing():
            for uid_set, copied in uid_sets(uids, _CHANGED):
                self._change("COPY", uid_set, written(to))
                if self._copied(most=len(copied)) != set(copied):
                    raise CopyNotConfirmed(host=self.endpoint.host, mailbox=to)

    @own_errors_only
    def create_mailbox(self, name: str) -> None:
        """Have a mailbox `name`: make it if it is not there, and show it to mail programs.

        Raises:
            MailboxNotCreated.
        """
        try:
            self._count(name)
        except MailboxNotFound:
            protocol = self._connected.protocol
            with self._changing():
                status, _ = protocol.create(written(name))
                if status != "OK" and "ALREADYEXISTS" not in protocol.untagged_responses:
                    raise self._not_done(MailboxNotCreated, name) from None
                # Many programs list only what is subscribed; where that fails, the mail is there.
                protocol.subscribe(written(name))

    def _require_uidplus(self) -> None:
        if not self.can_delete:
            raise NoUidPlus(host=self.endpoint.host, mailbox=self._opened.name)

    def _store(self, uids: Sequence[int], how: str, flags: str) -> None:
        with self._changing():
            for uid_set, _ in uid_sets(uids, _CHANGED):
                self._change("STORE", uid_set, how, flags)

    def _change(self, command: str, *arguments: str) -> None:
        mailbox = self._opened.name
        status, _ = self._connected.protocol.uid(command, *arguments)
        if status != "OK":
            raise self._not_done(ChangeRefused, mailbox)

    def _not_done(self, refused: type[ChangeRefused], mailbox: str) -> SourceError:
        """Return what an answer of NO to a change means."""
        is_of_mailbox = self._connected.protocol.refusal_code in _OF_THE_MAILBOX
        busy = None if is_of_mailbox else self._busy()
        return busy or refused(host=self.endpoint.host, mailbox=mailbox)

    def _copied(self, most: int) -> set[int]:
        """Return what COPYUID confirms of the last command (RFC 4315 section 3)."""
        said = self._connected.protocol.untagged_responses.get("COPYUID")
        if not said or not isinstance(said[-1], bytes):
            return set()
        words = said[-1].decode("ascii", "replace").split()
        try:
            _uidvalidity, source, target = words
            copied = members(source, most)
            return copied if count(target) == len(copied) else set()
        except ValueError:
            return set()
