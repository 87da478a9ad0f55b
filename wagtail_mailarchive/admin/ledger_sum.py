"""What is on the server, and what the ledger says became of it: one sum per mail account.

on the server = archived + duplicate + excluded + quarantined + too large + erased here + waiting
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.urls import reverse
from django.utils.translation import gettext as _

from ..fetching.states import does_not_add_up
from ..fetching.tally import Tally, added
from ..models import MailAccount, Mailbox, Outcome, Presence
from .ledger_rows import LEFT, is_archived, ledger_address


@dataclass(frozen=True, slots=True)
class Term:
    """A number, what it counts, and the address of the list that shows each."""

    label: str
    number: int
    address: str


@dataclass(frozen=True, slots=True)
class LedgerSum:
    """One account's sum.

    Attributes:
        terms: what the sum is made of.
        beside: what is not part of it, as far as there is any.
        warning: why it is none; "" where it adds up.
        reconcile: where to post to have server and ledger compared; "" while it adds up.
        mailboxes: those the account archives, each with its tally.
    """

    account: MailAccount
    on_server: int
    terms: list[Term]
    beside: list[Term] = field(default_factory=list)
    warning: str = ""
    reconcile: str = ""
    mailboxes: list[tuple[Mailbox, Tally]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return ledger_address(account=self.account.pk)


def sum_of(account: MailAccount, counted: Tally) -> LedgerSum:
    """Return the sum of what `fetching.tally` counted of `account`."""
    return LedgerSum(
        account,
        counted.on_server,
        terms_of(account, counted),
        warning="" if counted.adds_up else does_not_add_up().sentence,
        reconcile=""
        if counted.adds_up
        else reverse("mailarchive_reconcile_account", args=[account.pk]),
    )


def without_lists(found: LedgerSum) -> LedgerSum:
    """Return the same sum for those who may see numbers and no lists."""
    terms = [replace(term, address="") for term in found.terms]
    return replace(found, terms=terms, reconcile="")


def whole_sum_of(
    account: MailAccount, mailboxes: Sequence[Mailbox], tallies: Mapping[int, Tally]
) -> LedgerSum:
    """Return the sum of `account`, what stands beside it, and each of its mailboxes.

    Args:
        mailboxes: all that the ledger knows of the account.
    """
    archived = [each for each in mailboxes if is_archived(each)]
    others = [each for each in mailboxes if not is_archived(each)]
    counted = added(tallies[each.pk] for each in archived)
    everywhere = added(tallies[each.pk] for each in mailboxes)
    beside = [
        (Presence.GONE.label, everywhere.gone, Presence.GONE),
        (Presence.REMOVED.label, everywhere.removed, Presence.REMOVED),
        (
            _("in mailboxes no longer archived"),
            sum(tallies[each.pk].present for each in others),
            LEFT,
        ),
    ]
    plain = sum_of(account, counted)
    return LedgerSum(
        account,
        plain.on_server,
        plain.terms,
        [
            Term(str(label), number, ledger_address(account=account.pk, presence=presence))
            for label, number, presence in beside
            if number
        ],
        plain.warning,
        plain.reconcile,
        [(each, tallies[each.pk]) for each in sorted(archived, key=lambda each: each.name)],
    )


def terms_of(account: MailAccount, counted: Tally) -> list[Term]:
    """Return a term for every outcome, those that count nothing too."""
    return [
        Term(
            _("erased here") if outcome is Outcome.ERASED else str(outcome.label),
            counted.by_outcome.get(outcome, 0),
            ledger_address(account=account.pk, outcome=outcome, presence=Presence.PRESENT),
        )
        for outcome in _ORDER
    ]


_ORDER = (
    Outcome.ARCHIVED,
    Outcome.DUPLICATE,
    Outcome.EXCLUDED,
    Outcome.QUARANTINED,
    Outcome.TOO_LARGE,
    Outcome.ERASED,
    Outcome.WAITING,
)
