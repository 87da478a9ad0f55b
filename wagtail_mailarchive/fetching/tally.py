"""Does the ledger add up to what the server holds?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet, Sum

from ..models import LedgerEntry, MailAccount, Mailbox, Outcome, Presence

THERE = (Presence.PRESENT, Presence.REMOVAL_PENDING)


@dataclass(frozen=True)
class Tally:
    """The ledger of one or several mailboxes.

    Attributes:
        on_server: messages that the last listings counted.
        by_outcome: rows present, by outcome; outcomes without rows are left out.
        gone: rows of messages that somebody else took from the server.
        removed: rows of messages that we did.
    """

    on_server: int
    by_outcome: dict[Outcome, int] = field(default_factory=dict)
    gone: int = 0
    removed: int = 0

    @property
    def waiting(self) -> int:
        return self.by_outcome.get(Outcome.WAITING, 0)

    @property
    def present(self) -> int:
        """archived + duplicate + excluded + quarantined + too large + erased + waiting."""
        return sum(self.by_outcome.values())

    @property
    def adds_up(self) -> bool:
        """Whether what is on the server is what is present in the ledger."""
        return self.on_server == self.present


def tally(account: MailAccount) -> Tally:
    """Count the ledger of `account`'s mailboxes (two queries)."""
    return added(tallies(list(_mailboxes(account))).values())


def tallies(mailboxes: Sequence[Mailbox]) -> dict[int, Tally]:
    """Count the ledger of each of `mailboxes`, by its key (one query, answered by an index)."""
    rows = (
        LedgerEntry.objects.filter(mailbox__in=[each.pk for each in mailboxes])
        .values_list("mailbox", "outcome", "presence")
        .annotate(number=Count("pk"))
        .order_by()
    )
    present: dict[int, dict[Outcome, int]] = defaultdict(lambda: defaultdict(int))
    away: dict[tuple[int, str], int] = defaultdict(int)
    for mailbox_id, outcome, presence, number in rows:
        if presence in THERE:
            present[mailbox_id][Outcome(outcome)] += number
        else:
            away[mailbox_id, presence] += number
    return {
        each.pk: Tally(
            on_server=each.exists or 0,
            by_outcome=dict(present[each.pk]),
            gone=away[each.pk, Presence.GONE],
            removed=away[each.pk, Presence.REMOVED],
        )
        for each in mailboxes
    }


def added(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of `tallies`."""
    parts = list(tallies)
    by_outcome: dict[Outcome, int] = defaultdict(int)
    for part in parts:
        for outcome, number in part.by_outcome.items():
            by_outcome[outcome] += number
    return Tally(
        on_server=sum(part.on_server for part in parts),
        by_outcome=dict(by_outcome),
        gone=sum(part.gone for part in parts),
        removed=sum(part.removed for part in parts),
    )


def on_server(account: MailAccount) -> int:
    """Return how many messages the last listings of `account`'s mailboxes counted."""
    return _mailboxes(account).aggregate(total=Sum("exists"))["total"] or 0


def waits(account: MailAccount) -> int:
    """Return how many messages of `account`'s mailboxes are still to be fetched."""
    return LedgerEntry.objects.filter(
        mailbox__in=_mailboxes(account), presence=Presence.PRESENT, outcome=Outcome.WAITING
    ).count()


def _mailboxes(account: MailAccount) -> QuerySet[Mailbox]:
    """Return those that the last run took; others may have been archived before."""
    return Mailbox.objects.filter(account=account, is_archived=True)
