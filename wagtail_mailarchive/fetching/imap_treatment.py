"""One IMAP mailbox treated: marked as read, moved or deleted, by UID, in one selected session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from ..crossings import Crossing, cross
from ..exceptions import (
    ChangeRefused,
    CopyNotConfirmed,
    CopyNotRemoved,
    MailboxReadOnly,
    NoMoreCopies,
    UidReused,
    UidValidityChanged,
)
from ..models import LedgerEntry, Mailbox, Presence
from ..models.account import AfterFetch
from ..sources.base import MailboxState
from ..sources.imap_changes import ChangingImapSource
from .identity import differing
from .listing import forget_uids
from .proof import prove
from .treatment import Doubtful, Treatment, entries_of, is_copied_in_vain, require_as_it_was
from .under_way import TimeIsUp, UnderWay

_REMOVED = 50  # messages at a time: what is pending when a worker dies
_MARKED_READ = 500


class ImapTreatment:
    """The work on one mailbox over one connection that may change it."""

    def __init__(self, under_way: UnderWay, source: ChangingImapSource, mailbox: Mailbox) -> None:
        self._under_way = under_way
        self._source = source
        self._mailbox = mailbox

    def work(self, treatment: Treatment, *, again: bool) -> None:
        """Treat what is due.

        Args:
            again: of that at which something went wrong before.

        Raises:
            Doubtful, TimeIsUp, Unwanted.
            ChangeRefused: the server does not let it; what is pending is asked for again.
            MailArchiveError.
        """
        self._open()
        if treatment.action == AfterFetch.MOVE:
            to = self._under_way.account.move_to
            if not self._source.has_move and is_copied_in_vain(self._under_way.account):
                raise NoMoreCopies(host=self._under_way.account.host, mailbox=to)
            self._under_way.change(self._source, lambda: self._source.create_mailbox(to))
            cross(Crossing.TARGET_MADE)
        most = _MARKED_READ if treatment.action == AfterFetch.MARK_READ else _REMOVED
        for entries in treatment.portions(most, again=again):
            if treatment.action == AfterFetch.MARK_READ:
                self._mark_read(treatment, [entry.uid for entry in entries])
            else:
                self._remove(treatment, entries, in_pieces=again)

    def give_up(self, uids: Sequence[int]) -> list[int]:
        """Return those of `uids` that are still there, without \\Deleted.

        We may have set that before a worker died. The others were removed: the next listing sees
        that they are not there.

        Raises:
            ChangeRefused, MailboxNotFound, Doubtful, MailArchiveError.
        """
        source = self._source
        is_writable = True
        try:
            self._open()
        except MailboxReadOnly:
            # Then nothing can be marked either.
            is_writable = False
            self._open(source.open_mailbox)
        there = [each.uid for each in self._under_way.ask(source, lambda: source.describe(uids))]
        cross(Crossing.ASKED_AGAIN)
        if there and is_writable:
            self._under_way.change(source, lambda: source.unmark_deleted(there))
            cross(Crossing.UNMARKED)
        return there

    def _open(self, how: Callable[[str], MailboxState] | None = None) -> None:
        name = self._mailbox.name
        opening = how or self._source.open_for_changes
        state = self._under_way.ask(self._source, lambda: opening(name))
        cross(Crossing.OPENED_FOR_CHANGES)
        if state.uidvalidity != self._mailbox.uidvalidity:
            # Its UIDs name other messages than when it was listed.
            if self._mailbox.is_archived:
                self._under_way.saw(UidValidityChanged(mailbox=name))
            else:
                # Nobody lists it any more.
                forget_uids(self._mailbox, state.uidvalidity, self._under_way.lease)
            raise Doubtful

    def _mark_read(self, treatment: Treatment, uids: list[int]) -> None:
        # Nothing proves these byte for byte, and mail of others marked as read may be one that is
        # never archived then.
        rows = entries_of(self._mailbox)
        if others := differing(self._under_way, self._source, rows, uids):
            self._under_way.saw(UidReused(mailbox=self._mailbox.name, number=len(others)))
            # The next fetch compares all of it.
            Mailbox.objects.filter(pk=self._mailbox.pk).update(uidnext=None)
            cross(Crossing.LISTING_NOTED)
            raise Doubtful
        require_as_it_was(self._under_way)
        self._under_way.change(self._source, lambda: self._source.mark_read(uids))
        cross(Crossing.CHANGED_ON_SERVER)
        treatment.note_marked_read(uids)
        cross(Crossing.REMOVAL_NOTED)
        self._go_on()

    def _remove(
        self, treatment: Treatment, entries: Sequence[LedgerEntry], *, in_pieces: bool
    ) -> None:
        begun = {each.uid for each in entries if each.presence == Presence.REMOVAL_PENDING}
        for proof in prove(self._under_way, self._source, entries, in_pieces=in_pieces):
            cross(Crossing.PROVEN)
            treatment.note_unproven(proof, is_alone=in_pieces)
            if proof.proven:
                self._remove_proven(treatment, proof.proven, begun)
                self._go_on()

    def _remove_proven(self, treatment: Treatment, uids: list[int], begun: set[int]) -> None:
        require_as_it_was(self._under_way)
        treatment.note_pending(uids)
        cross(Crossing.PENDING_NOTED)
        if treatment.action == AfterFetch.DELETE:
            self._delete(uids)
        else:
            if marked := sorted(begun.intersection(uids)):
                # By a worker that died, perhaps; what is moved keeps its marks.
                self._under_way.change(self._source, lambda: self._source.unmark_deleted(marked))
                cross(Crossing.UNMARKED)
            self._move(treatment, uids)
        cross(Crossing.CHANGED_ON_SERVER)
        treatment.note_removed(uids)
        cross(Crossing.REMOVAL_NOTED)

    def _move(self, treatment: Treatment, uids: list[int]) -> None:
        source, to = self._source, self._under_way.account.move_to
        if source.has_move:
            self._under_way.change(source, lambda: source.move(uids, to))
            return
        try:
            self._under_way.change(source, lambda: source.copy(uids, to))
        except CopyNotConfirmed as error:
            # Not again, or each run would make one more copy.
            treatment.note_not_done(uids, error)
            self._under_way.saw(error)
            raise
        cross(Crossing.COPIED)
        try:
            self._delete(uids)
        except ChangeRefused:
            host = self._under_way.account.host
            treatment.note_not_done(uids, CopyNotRemoved(host=host, mailbox=to))
            raise

    def _delete(self, uids: list[int]) -> None:
        source = self._source
        self._under_way.change(source, lambda: source.mark_deleted(uids))
        cross(Crossing.MARKED_ON_SERVER)
        try:
            self._under_way.change(source, lambda: source.expunge(uids))
        except ChangeRefused:
            # Left marked, they would go with the next EXPUNGE of any mail program, perhaps after
            # the account was told to leave them. Where the connection fails instead, they stay
            # marked: nothing is lost by it, they are proven, and the next run takes up either.
            with suppress(ChangeRefused):
                self._under_way.change(source, lambda: source.unmark_deleted(uids))
                cross(Crossing.UNMARKED)
            raise

    def _go_on(self) -> None:
        self._under_way.committed()
        if self._under_way.is_over():
            raise TimeIsUp
