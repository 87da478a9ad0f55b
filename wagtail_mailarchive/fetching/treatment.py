"""What the ledger says of messages that are treated on the server after they were archived.

What takes a message away is noted twice: before the server is told (removal pending) and after it
has said that it is done (removed). Whatever dies in between, a later run knows what was begun: the
listing finds the message gone, and then we removed it, or it is still there and is proven again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from ..crossings import Crossing, cross
from ..exceptions import (
    CopyNotConfirmed,
    CopyNotRemoved,
    MailArchiveError,
    MessageNotGiven,
    RemovalNotProven,
)
from ..models import FetchRun, LedgerEntry, MailAccount, Mailbox, Outcome, Presence
from ..models.account import AfterFetch
from ..models.site_settings import effective_settings
from .proof import Proof
from .under_way import UnderWay

REMOVALS = (AfterFetch.MOVE, AfterFetch.DELETE)
_ARCHIVED = (Outcome.ARCHIVED, Outcome.DUPLICATE)
_THERE = (Presence.PRESENT, Presence.REMOVAL_PENDING)
# Tried again, each run would make one more copy.
_COPIED = (CopyNotConfirmed.__name__, CopyNotRemoved.__name__)
# Somebody has to look at these.
_LEFT_ALONE = (RemovalNotProven.__name__, *_COPIED)
_TRIED_AGAIN = 50  # messages in one task, each asked for by itself
_COUNTERS = {
    AfterFetch.MARK_READ: "marked_read",
    AfterFetch.MOVE: "moved",
    AfterFetch.DELETE: "deleted",
}
_ROWS_PER_STATEMENT = 500
MOST_DAYS = 36_500  # dates before a hundred years ago are none


class Doubtful(Exception):
    """The run saw an anomaly, or the account is not as it was; nothing more is changed."""


def is_as_it_was(under_way: UnderWay) -> bool:
    """Whether the run saw no anomaly and the account still says what this task began with.

    Raises:
        Unwanted: nobody wants the rest of the run.
    """
    under_way.go_on()
    same = {
        f"account__{name}": getattr(under_way.account, name)
        for name in (
            *("after_fetch", "after_fetch_days", "move_to", "mailbox_choice", "mailboxes"),
            *("folder_id", "protocol", "host", "port", "username"),
        )
    }
    run = FetchRun.objects.filter(pk=under_way.run.pk, anomaly_code="")
    return bool(run.values(*same).first() == same)


def require_as_it_was(under_way: UnderWay) -> None:
    """
    Raises:
        Doubtful: or the site's owners forbid by now what the account says.
        Unwanted.
    """
    is_deleting = under_way.account.after_fetch == AfterFetch.DELETE
    if is_deleting and not effective_settings().ALLOW_SERVER_DELETION:
        raise Doubtful
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

    def is_due(self, *, again: bool) -> bool:
        """Whether `portions` has any."""
        return (self._tried() if again else self._untried()).exists()

    def portions(self, most: int, *, again: bool) -> Iterator[list[LedgerEntry]]:
        """Yield entries whose time has come, `most` at a time, the oldest first.

        A message that the server said it treated so is not treated so again, wherever it still is.

        Args:
            again: those instead at which something went wrong in earlier runs, each by itself: so
                none of them keeps others from being treated, nor does any of the others.
        """
        if again:
            rows = self._tried().order_by(F("failed_in").asc(nulls_first=True), "uid")
            yield from ([entry] for entry in rows.select_related("original")[:_TRIED_AGAIN])
            return
        last = 0
        rows = self._untried().order_by("uid").select_related("original")
        while entries := list(rows.filter(uid__gt=last)[:most]):
            last = entries[-1].uid
            yield entries

    def _untried(self) -> QuerySet[LedgerEntry]:
        return self._due().filter(reason_code="")

    def _tried(self) -> QuerySet[LedgerEntry]:
        return self._due().exclude(reason_code="").exclude(failed_in=self._under_way.run.pk)

    def _due(self) -> QuerySet[LedgerEntry]:
        days = min(self._under_way.account.after_fetch_days, MOST_DAYS)
        before = timezone.now() - timedelta(days=days)
        return concerned(entries_of(self._mailbox), self.action).filter(decided_at__lte=before)

    def note_pending(self, uids: Sequence[int]) -> None:
        """Note, before the server is told, that `uids` are about to be removed."""
        with self._under_way.fenced():
            for rows in self._rows(uids):
                rows.filter(presence__in=_THERE).update(
                    presence=Presence.REMOVAL_PENDING,
                    treated=self.action,
                    treated_at=None,
                    # They are proven, whatever there was before.
                    reason_code="",
                    reason_params={},
                )

    def note_removed(self, uids: Sequence[int]) -> None:
        """Note that the server has said that `uids` are removed."""
        with self._under_way.fenced():
            number = 0
            for rows in self._rows(uids):
                number += rows.filter(presence=Presence.REMOVAL_PENDING).update(
                    presence=Presence.REMOVED, treated_at=timezone.now()
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

    def note_unproven(self, proof: Proof, *, is_alone: bool) -> None:
        """Note what of `proof` stays on the server.

        Args:
            is_alone: whether the server was asked for one message only. Where it fails at several,
                each is asked for by itself from now on.

        Raises:
            Doubtful: some of it is not what it should be, so nothing more is removed in this run.
            SourceError: the server failed at it.
        """
        if proof.error is not None:
            self.note_not_done(proof.withheld, proof.error, is_tried=is_alone)
            raise proof.error
        if proof.withheld:
            # As when it is fetched, that says nothing of the others, and is asked for again.
            error = MessageNotGiven(host=self._under_way.account.host)
            self.note_not_done(proof.withheld, error, is_tried=is_alone)
        for uid, reason in proof.failed.items():
            self.note_not_done([uid], reason)
            self._under_way.saw(reason)
        if proof.failed:
            raise Doubtful

    def note_not_done(
        self, uids: Sequence[int], reason: MailArchiveError, *, is_tried: bool = True
    ) -> None:
        """Note that `uids` stay on the server, and why.

        Args:
            is_tried: whether that is known of each of them, so that this run tries none again.
        """
        with self._under_way.fenced():
            for rows in self._rows(uids):
                if is_tried:
                    rows.update(failed_in=self._under_way.run.pk)
                rows.update(
                    presence=Presence.PRESENT,
                    treated="",
                    treated_at=None,
                    reason_code=reason.code,
                    reason_params=reason.params,
                )
            if is_tried:
                self._under_way.note(not_proven=F("not_proven") + len(uids))
            if isinstance(reason, RemovalNotProven):
                # What is there was never read, if it is another message: the next fetch compares.
                Mailbox.objects.filter(pk=self._mailbox.pk).update(uidnext=None)
        cross(Crossing.NOT_DONE_NOTED)

    def _count(self, number: int) -> None:
        counter = _COUNTERS[self.action]
        self._under_way.note(**{counter: F(counter) + number})

    def _rows(self, uids: Sequence[int]) -> Iterator[QuerySet[LedgerEntry]]:
        entries = entries_of(self._mailbox)
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


def number_left_alone(account: MailAccount) -> int:
    """Return how many messages of `account` are to be removed and never will be (one query)."""
    rows = LedgerEntry.objects.filter(
        mailbox__account=account,
        mailbox__is_archived=True,
        mailbox__uidvalidity=F("uidvalidity"),
        outcome__in=_ARCHIVED,
        presence=Presence.PRESENT,
    )
    removed = Q(treated=account.after_fetch, treated_at__isnull=False)
    return rows.filter(Q(reason_code__in=_LEFT_ALONE) | removed).count()


def is_copied_in_vain(account: MailAccount) -> bool:
    """Whether messages were copied to where `account` moves its mail, and stay where they were."""
    rows = LedgerEntry.objects.filter(mailbox__account=account, presence=Presence.PRESENT)
    return rows.filter(reason_code__in=_COPIED, reason_params__mailbox=account.move_to).exists()


def try_again(account: MailAccount) -> None:
    """Have those tried again that were left alone: somebody has chosen anew what to do."""
    rows = LedgerEntry.objects.filter(mailbox__account=account, reason_code__in=_LEFT_ALONE)
    rows.update(reason_code="", reason_params={})


def given_up(mailbox: Mailbox, action: AfterFetch) -> list[int]:
    """Return the UIDs whose removal was begun and which the account does not want any more."""
    begun = entries_of(mailbox).filter(presence=Presence.REMOVAL_PENDING).exclude(treated=action)
    return list(begun.order_by("uid").values_list("uid", flat=True))


def note_given_up(under_way: UnderWay, mailbox: Mailbox, uids: Sequence[int]) -> None:
    """Note that `uids` stay on the server after all.

    What else was begun is not there any more, so it was removed. Of a mailbox that is archived the
    next listing says that.
    """
    begun = entries_of(mailbox).filter(presence=Presence.REMOVAL_PENDING)
    with under_way.fenced():
        for start in range(0, len(uids), _ROWS_PER_STATEMENT):
            begun.filter(uid__in=uids[start : start + _ROWS_PER_STATEMENT]).update(
                presence=Presence.PRESENT, treated="", treated_at=None
            )
        if not mailbox.is_archived:
            begun.update(presence=Presence.REMOVED)
    cross(Crossing.GIVEN_UP)


def entries_of(mailbox: Mailbox) -> QuerySet[LedgerEntry]:
    """Return the entries of what `mailbox` held when it was listed last."""
    # Without a UIDVALIDITY it was never listed, and no entry has that.
    return LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity or 0)
