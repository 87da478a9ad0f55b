"""What the ledger says of messages that are treated on the server after they were archived.

What takes a message away is noted twice: before the server is told (removal pending) and after it
has said that it is done (removed). Whatever dies in between, a later run knows what was begun: the
listing finds the message gone, and then we removed it, or it is still there and is proven again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from ..exceptions import CopyNotConfirmed, MailArchiveError, MessageNotGiven, RemovalNotProven
from ..models import FetchRun, LedgerEntry, Mailbox, Outcome, Presence
from ..models.account import AfterFetch
from .proof import Proof
from .under_way import UnderWay

REMOVALS = (AfterFetch.MOVE, AfterFetch.DELETE)
_ARCHIVED = (Outcome.ARCHIVED, Outcome.DUPLICATE)
_THERE = (Presence.PRESENT, Presence.REMOVAL_PENDING)
# Somebody has to look at these; were they tried again, each run would end at the first one.
_LEFT_ALONE = (RemovalNotProven.__name__, CopyNotConfirmed.__name__)
_COUNTERS = {
    AfterFetch.MARK_READ: "marked_read",
    AfterFetch.MOVE: "moved",
    AfterFetch.DELETE: "deleted",
}
_ROWS_PER_STATEMENT = 500
_MOST_DAYS = 36_500  # dates before a hundred years ago are none


class Doubtful(Exception):
    """The run saw an anomaly, or the account is not as it was; nothing more is changed."""


def is_as_it_was(under_way: UnderWay) -> bool:
    """Whether the run saw no anomaly and the account still says what this task began with.

    Raises:
        Unwanted: nobody wants the rest of the run.
    """
    under_way.go_on()
    account = under_way.account
    same = {
        f"account__{name}": getattr(account, name)
        for name in (
            *("after_fetch", "after_fetch_days", "move_to"),
            *("folder_id", "protocol", "host", "port", "username"),
        )
    }
    return FetchRun.objects.filter(pk=under_way.run.pk, anomaly_code="", **same).exists()


def require_as_it_was(under_way: UnderWay) -> None:
    """
    Raises:
        Doubtful, Unwanted.
    """
    if not is_as_it_was(under_way):
        raise Doubtful


class Treatment:
    """What is done to one mailbox's messages, by the account as it is now.

    Attributes:
        action: never LEAVE.
    """

    def __init__(self, under_way: UnderWay, mailbox: Mailbox, action: AfterFetch) -> None:
        self._under_way = under_way
        self._mailbox = mailbox
        self.action = action

    def due(self, *, after: int, most: int) -> list[LedgerEntry]:
        """Return the oldest `most` entries above the UID `after` whose time has come.

        A message that the server said it treated so is not treated so again, wherever it still is.
        """
        days = min(self._under_way.account.after_fetch_days, _MOST_DAYS)
        rows = concerned(_entries(self._mailbox), self.action).filter(
            uid__gt=after, decided_at__lte=timezone.now() - timedelta(days=days)
        )
        return list(rows.select_related("original").order_by("uid")[:most])

    def note_pending(self, uids: Sequence[int]) -> None:
        """Note, before the server is told, that `uids` are about to be removed."""
        with self._under_way.fenced():
            for rows in self._rows(uids):
                rows.filter(presence__in=_THERE).update(
                    presence=Presence.REMOVAL_PENDING, treated=self.action, treated_at=None
                )

    def note_removed(self, uids: Sequence[int]) -> None:
        """Note that the server has said that `uids` are removed."""
        with self._under_way.fenced():
            number = 0
            for rows in self._rows(uids):
                number += rows.filter(presence=Presence.REMOVAL_PENDING).update(
                    presence=Presence.REMOVED,
                    treated_at=timezone.now(),
                    reason_code="",
                    reason_params={},
                )
            # As the server counts them now, so that the next fetch finds nothing changed.
            Mailbox.objects.filter(pk=self._mailbox.pk).update(
                exists=Greatest(F("exists") - number, Value(0))
            )
            self._count(number)

    def note_marked_read(self, uids: Sequence[int]) -> None:
        with self._under_way.fenced():
            number = 0
            for rows in self._rows(uids):
                number += rows.filter(presence=Presence.PRESENT).update(
                    treated=self.action, treated_at=timezone.now()
                )
            self._count(number)

    def note_unproven(self, proof: Proof) -> None:
        """Note what of `proof` stays on the server.

        Raises:
            Doubtful: some of it is not what it should be, so nothing more is removed in this run.
        """
        if proof.withheld:
            # As when it is fetched, that says nothing of the others, and is asked for again.
            self.note_not_done(proof.withheld, MessageNotGiven(host=self._under_way.account.host))
        for uid, reason in proof.failed.items():
            self.note_not_done([uid], reason)
            self._under_way.saw(reason)
        if proof.failed:
            raise Doubtful

    def note_not_done(self, uids: Sequence[int], reason: MailArchiveError) -> None:
        """Note that `uids` stay on the server, and why."""
        with self._under_way.fenced():
            for rows in self._rows(uids):
                rows.update(
                    presence=Presence.PRESENT,
                    treated="",
                    treated_at=None,
                    reason_code=reason.code,
                    reason_params=reason.params,
                )
            self._under_way.note(not_proven=F("not_proven") + len(uids))

    def _count(self, number: int) -> None:
        counter = _COUNTERS[self.action]
        self._under_way.note(**{counter: F(counter) + number})

    def _rows(self, uids: Sequence[int]) -> Iterator[QuerySet[LedgerEntry]]:
        entries = _entries(self._mailbox)
        for start in range(0, len(uids), _ROWS_PER_STATEMENT):
            yield entries.filter(uid__in=uids[start : start + _ROWS_PER_STATEMENT])


def concerned(rows: QuerySet[LedgerEntry], action: str) -> QuerySet[LedgerEntry]:
    """Return those of `rows` that are archived, on the server and not yet treated so."""
    return (
        rows.filter(
            outcome__in=_ARCHIVED,
            presence__in=_THERE,
            original__isnull=False,
            message__isnull=False,
        )
        .exclude(reason_code__in=_LEFT_ALONE)
        .exclude(treated=action, treated_at__isnull=False)
    )


def given_up(mailbox: Mailbox, action: AfterFetch) -> list[int]:
    """Return the UIDs whose removal was begun and which the account does not want any more."""
    begun = _entries(mailbox).filter(presence=Presence.REMOVAL_PENDING).exclude(treated=action)
    return list(begun.order_by("uid").values_list("uid", flat=True))


def note_given_up(under_way: UnderWay, mailbox: Mailbox, uids: Sequence[int]) -> None:
    """Note that `uids` stay on the server after all."""
    with under_way.fenced():
        for start in range(0, len(uids), _ROWS_PER_STATEMENT):
            some = _entries(mailbox).filter(uid__in=uids[start : start + _ROWS_PER_STATEMENT])
            some.filter(presence=Presence.REMOVAL_PENDING).update(
                presence=Presence.PRESENT, treated="", treated_at=None
            )


def _entries(mailbox: Mailbox) -> QuerySet[LedgerEntry]:
    # Without a UIDVALIDITY it was never listed, and no entry has that.
    return LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity or 0)
