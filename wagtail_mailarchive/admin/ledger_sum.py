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
from ..models import FetchRun, MailAccount, Mailbox, Outcome, Presence, RunStatus
from ..models.run import ACTIVE
from .ledger_rows import LEFT, is_archived, ledger_address


@dataclass(frozen=True, slots=True)
class Term:
    """A number, what it counts, and the address of the list that shows each."""

    label: str
    number: int
    address: str


@dataclass(frozen=True, slots=True)
class MailboxSum:
    """One mailbox of a sum.

    Attributes:
        terms: on the server, in the ledger, waiting, gone, removed.
        warning: that it does not add up, where it has to.
    """

    mailbox: Mailbox
    terms: list[Term]
    warning: str

    @property
    def address(self) -> str:
        return ledger_address(mailbox=self.mailbox.pk)


@dataclass(frozen=True, slots=True)
class LedgerSum:
    """One account's sum.

    Attributes:
        listed: address of the list of all that is on the server; "" where it is no sum.
        terms: what the sum is made of.
        adds_up: whether it is a sum.
        beside: what is not part of it, as far as there is any.
        warning: that it is none, although it has to be.
        note: why it is none and need not be.
        reconcile: where to post to have server and ledger compared; "" where that is of no use.
        mailboxes: those the account archives.
    """

    account: MailAccount
    on_server: int
    listed: str
    terms: list[Term]
    adds_up: bool
    beside: list[Term] = field(default_factory=list)
    warning: str = ""
    note: str = ""
    reconcile: str = ""
    mailboxes: list[MailboxSum] = field(default_factory=list)

    @property
    def address(self) -> str:
        return ledger_address(account=self.account.pk)


def sum_of(account: MailAccount, counted: Tally, latest: FetchRun | None = None) -> LedgerSum:
    """Return the sum of what `fetching.tally` counted of `account`.

    Args:
        latest: the account's latest run; until it has succeeded, nothing has to add up.
    """
    found = LedgerSum(
        account,
        counted.on_server,
        ledger_address(account=account.pk, presence=Presence.PRESENT) if counted.adds_up else "",
        terms_of(account, counted),
        counted.adds_up,
    )
    if counted.adds_up:
        return found
    if latest is not None and latest.status in ACTIVE:
        return replace(found, note=_("A fetch is under way; until it ends, this need not add up."))
    found = replace(found, reconcile=reverse("mailarchive_reconcile_account", args=[account.pk]))
    if latest is not None and latest.status != RunStatus.SUCCEEDED:
        told = _("The last fetch did not succeed; until one does, this need not add up.")
        return replace(found, note=told)
    return replace(found, warning=does_not_add_up().sentence)


def without_lists(found: LedgerSum) -> LedgerSum:
    """Return the same sum for those who may see numbers and no lists."""
    terms = [replace(term, address="") for term in found.terms]
    return replace(found, terms=terms, listed="", reconcile="")


def whole_sum_of(
    account: MailAccount,
    mailboxes: Sequence[Mailbox],
    tallies: Mapping[int, Tally],
    latest: FetchRun | None,
) -> LedgerSum:
    """Return the sum of `account`, what stands beside it, and each of its mailboxes.

    Args:
        mailboxes: all that the ledger knows of the account.
        latest: the account's latest run.
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
    found = sum_of(account, counted, latest)
    return replace(
        found,
        beside=[
            Term(str(label), number, ledger_address(account=account.pk, presence=presence))
            for label, number, presence in beside
            if number
        ],
        mailboxes=[
            _of_mailbox(each, tallies[each.pk], has_to_add_up=not found.note)
            for each in sorted(archived, key=lambda each: each.name)
        ],
    )


def _of_mailbox(mailbox: Mailbox, counted: Tally, *, has_to_add_up: bool) -> MailboxSum:
    def listed(**query: object) -> str:
        return ledger_address(mailbox=mailbox.pk, **query)

    there = listed(presence=Presence.PRESENT)
    waiting = listed(outcome=Outcome.WAITING, presence=Presence.PRESENT)
    return MailboxSum(
        mailbox,
        [
            Term(_("On the server"), counted.on_server, there if counted.adds_up else ""),
            Term(_("In the ledger"), counted.present, there),
            Term(_("Waiting"), counted.waiting, waiting),
            Term(_("Gone from the server"), counted.gone, listed(presence=Presence.GONE)),
            Term(_("Removed by us"), counted.removed, listed(presence=Presence.REMOVED)),
        ],
        "" if counted.adds_up or not has_to_add_up else _("does not add up"),
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
