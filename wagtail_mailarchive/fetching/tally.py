"""Does the ledger add up to what the server holds?"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum

from ..models import LedgerEntry, MailAccount, Mailbox, Outcome, Presence


@dataclass(frozen=True)
class Tally:
    """The ledger of one account over the rows present.

    Attributes:
        on_server: messages that the last listings of its mailboxes counted.
        by_outcome: rows present, by outcome; outcomes without rows are left out.
    """

    on_server: int
    by_outcome: dict[Outcome, int]

    @property
    def waiting(self) -> int:
        return self.by_outcome.get(Outcome.WAITING, 0)

    @property
    def adds_up(self) -> bool:
        """on server = archived + duplicate + excluded + quarantined + too large + erased +
        waiting."""
        return self.on_server == sum(self.by_outcome.values())


def tally(account: MailAccount) -> Tally:
    """Count the ledger of `account`'s mailboxes (two queries)."""
    rows = (
        LedgerEntry.objects.filter(
            mailbox__in=_mailboxes(account),
            presence__in=[Presence.PRESENT, Presence.REMOVAL_PENDING],
        )
        .values_list("outcome")
        .annotate(number=Count("pk"))
        .order_by()
    )
    return Tally(on_server(account), {Outcome(outcome): number for outcome, number in rows})


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
