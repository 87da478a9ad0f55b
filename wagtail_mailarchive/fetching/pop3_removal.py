"""Messages deleted from a POP3 maildrop, in the session that proved them, by one QUIT.

Until the server has answered QUIT nobody knows whether it removed anything. So the ledger keeps
them pending until then, and where the answer is lost the next session's listing tells.
"""

from __future__ import annotations

from ..crossings import Crossing, cross
from ..sources.pop3_changes import ChangingPop3Source
from .proof import Proof, prove
from .treatment import Treatment, require_as_it_was
from .under_way import TimeIsUp, UnderWay

_AT_ONCE = 50  # messages that are read again


class Pop3Removal:
    """The work on a maildrop whose messages have their UIDs assigned in this session."""

    def __init__(
        self, under_way: UnderWay, source: ChangingPop3Source, treatment: Treatment
    ) -> None:
        self._under_way = under_way
        self._source = source
        self._treatment = treatment
        self._marked: list[int] = []

    def work(self, *, again: bool) -> None:
        """Delete what is due; the connection has ended then, unless nothing was.

        Args:
            again: of that at which something went wrong before.

        Raises:
            Doubtful: nothing was removed.
            TimeIsUp: what was proven until then is removed.
            Unwanted, MailArchiveError: what is pending is asked for again.
        """
        is_well = False
        try:
            is_over = self._mark(again=again)
            if self._marked:
                self._quit()
            is_well = True
        finally:
            if not is_well:
                # Not even what is marked already: whoever ends this session now must not say QUIT.
                self._source.withdraw()
        if is_over:
            raise TimeIsUp

    def _mark(self, *, again: bool) -> bool:
        """Mark what is due and proven; return whether the time was up before all of it was."""
        for entries in self._treatment.portions(_AT_ONCE, again=again):
            for proof in prove(self._under_way, self._source, entries, in_pieces=again):
                cross(Crossing.PROVEN)
                self._treatment.note_unproven(proof, is_alone=again)
                self._mark_proven(proof)
                if self._marked and self._under_way.is_over():
                    return True
        return False

    def _mark_proven(self, proof: Proof) -> None:
        source, uids = self._source, proof.proven
        if not uids:
            return
        require_as_it_was(self._under_way)
        self._treatment.note_pending(uids)
        cross(Crossing.PENDING_NOTED)
        self._under_way.change(source, lambda: source.delete(uids))
        cross(Crossing.MARKED_ON_SERVER)
        self._marked += uids
        self._under_way.committed()

    def _quit(self) -> None:
        require_as_it_was(self._under_way)
        self._under_way.change(self._source, self._source.quit)
        cross(Crossing.CHANGED_ON_SERVER)
        self._treatment.note_removed(self._marked)
        cross(Crossing.REMOVAL_NOTED)
