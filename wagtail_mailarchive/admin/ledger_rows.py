"""Rows of the ledger as lists show them: which, in which order, and what is told of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Count, QuerySet
from django.template.defaultfilters import date as format_date
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..fetching.batches import LARGEST_WANTED
from ..fetching.tally import THERE
from ..models import AfterFetch, Envelope, LedgerEntry, Mailbox, Outcome, Presence
from ..models.run import sentence
from .message_listing import NOT_LISTED, may_inspect

# What a list can be narrowed down to. "present" is what the sum is made of.
LEFT = "left"
FORMER = "former"
PRESENCES = [
    (Presence.PRESENT.value, gettext_lazy("on the server")),
    (Presence.REMOVAL_PENDING.value, Presence.REMOVAL_PENDING.label),
    (Presence.REMOVED.value, Presence.REMOVED.label),
    (Presence.GONE.value, Presence.GONE.label),
    (LEFT, gettext_lazy("in mailboxes no longer archived")),
    (FORMER, gettext_lazy("of former mail accounts")),
]


def ledger_address(**query: object) -> str:
    """Return the address of a list: account, folder, mailbox (keys), outcome, presence."""
    given = {name: value for name, value in query.items() if value}
    address = reverse("mailarchive_ledger")
    return f"{address}?{urlencode(given)}" if given else address


def is_archived(mailbox: Mailbox) -> bool:
    """Whether `mailbox` is one that an account archives, so that the server is compared with it."""
    return mailbox.is_archived and mailbox.account_id is not None


def is_former(mailbox: Mailbox) -> bool:
    """Whether the account that `mailbox` belonged to is no longer one of its folder's.

    It was removed, enters another server, or was given another folder and not fetched since.
    """
    return mailbox.account is None or mailbox.account.folder_id != mailbox.folder_id


def chosen(
    mailboxes: Sequence[Mailbox], *, outcome: str = "", presence: str = ""
) -> tuple[QuerySet[LedgerEntry], list[Mailbox]]:
    """Return the entries of an outcome and presence, and the mailboxes to look for them in.

    Args:
        mailboxes: with their accounts.
    """
    entries = LedgerEntry.objects.all()
    within = list(mailboxes)
    if outcome:
        entries = entries.filter(outcome=outcome)
    if presence == FORMER:
        within = [each for each in within if is_former(each)]
    elif presence == LEFT:
        entries = entries.filter(presence__in=THERE)
        within = [each for each in within if each.account_id and not each.is_archived]
    elif presence == Presence.PRESENT:
        entries = entries.filter(presence__in=THERE)
        within = [each for each in within if is_archived(each)]
    elif presence:
        entries = entries.filter(presence=presence)
    return entries, within


class Entries:
    """Entries as a paginator takes them: by mailbox, and in each the newest first.

    They are counted by mailbox once, so that no page walks through mailboxes before its own.
    """

    def __init__(self, entries: QuerySet[LedgerEntry], mailboxes: Sequence[Mailbox]) -> None:
        counted = dict(
            entries.filter(mailbox__in=[each.pk for each in mailboxes])
            .values_list("mailbox")
            .annotate(number=Count("pk"))
            .order_by()
        )
        self._entries = entries.order_by("-mailbox_id", "-uidvalidity", "-uid")
        self._numbers = sorted(counted.items(), reverse=True)

    @property
    def mailbox_ids(self) -> list[int]:
        """The mailboxes that have any."""
        return [mailbox_id for mailbox_id, _ in self._numbers]

    def count(self) -> int:
        return sum(number for _, number in self._numbers)

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[LedgerEntry]:
        within: list[int] = []
        skipped, passed = 0, 0
        for mailbox_id, number in self._numbers:
            if passed + number <= part.start:
                skipped += number
            elif passed < part.stop:
                within.append(mailbox_id)
            passed += number
        # Of one mailbox an index gives the order; of several only if asked for one by one.
        entries = (
            self._entries.filter(mailbox=within[0])
            if len(within) == 1
            else self._entries.filter(mailbox__in=within)
        )
        # First the keys: what is skipped is not worth a look into other tables.
        some = entries.values_list("pk", flat=True)[part.start - skipped : part.stop - skipped]
        whole = self._entries.filter(pk__in=list(some)).select_related(
            "mailbox__account", "message", "envelope"
        )
        hidden = ["mailbox__account__sealed_secret", *(f"message__{name}" for name in NOT_LISTED)]
        return list(whole.defer(*hidden))


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as a list shows it.

    Attributes:
        subject: of its page or envelope; what to call it where neither may be shown.
        address: of its page in the admin; "" without one.
        at: when it was sent, as far as known, else when it arrived.
        told: what became of it, in sentences or phrases.
        can_be_wanted: whether it is too large and may be archived anyway.
    """

    entry: LedgerEntry
    subject: str
    sender: str
    address: str
    at: datetime | None
    told: list[str]
    can_be_wanted: bool


def row_of(entry: LedgerEntry, user: Any) -> Row:
    """Return what a manager sees of `entry`; of its page only if they may read it there."""
    message = entry.message
    envelope = envelope_of(entry)
    subject, sender, address, at = "", "", "", entry.received_at
    if message is not None and may_inspect(user, message):
        subject, sender = message.get_admin_display_title(), message.display_sender
        address, at = reverse("wagtailadmin_pages:edit", args=[message.pk]), message.sorted_at
    elif message is None and envelope is not None:
        subject, sender = envelope.subject, envelope.sender
        at = envelope.sent_at or at
    return Row(
        entry,
        subject or _("UID %(number)d") % {"number": entry.uid},
        sender,
        address,
        at,
        told_of(entry),
        entry.outcome == Outcome.TOO_LARGE
        and entry.presence == Presence.PRESENT
        and is_archived(entry.mailbox)
        and not is_former(entry.mailbox)
        and entry.size is not None
        and entry.size <= LARGEST_WANTED,
    )


def envelope_of(entry: LedgerEntry) -> Envelope | None:
    try:
        return entry.envelope
    except ObjectDoesNotExist:
        return None


def told_of(entry: LedgerEntry) -> list[str]:
    """Return the outcome, why, and what became of it on the server."""
    told = [str(entry.get_outcome_display())]
    if entry.is_wanted and entry.outcome == Outcome.WAITING:
        told.append(_("wanted although it is too large"))
    told.append(sentence(entry.reason_code, entry.reason_params))
    told.append(on_the_server(entry))
    return [each for each in told if each]


def on_the_server(entry: LedgerEntry) -> str:
    """Return a sentence on what became of `entry` there; "" where it is untouched."""
    words = {"date": day(entry.treated_at)}
    moved = entry.treated == AfterFetch.MOVE
    if entry.presence == Presence.REMOVED:
        if not entry.treated_at:
            # Whoever did it died before noting it; the next listing showed it.
            return (
                _("Moved to another mailbox on the server by us.")
                if moved
                else _("Deleted from the server by us.")
            )
        if moved:
            return _("Moved to another mailbox on the server by us on %(date)s.") % words
        return _("Deleted from the server by us on %(date)s.") % words
    if entry.presence == Presence.REMOVAL_PENDING:
        if moved:
            return _("To be moved to another mailbox on the server; that is not confirmed yet.")
        return _("To be deleted from the server; that is not confirmed yet.")
    if entry.presence == Presence.GONE:
        if entry.uid < 0 or entry.uidvalidity != entry.mailbox.uidvalidity:
            return _("Not on the server under this number any more, perhaps under another one.")
        return _("Not on the server any more; somebody else took it away.")
    if entry.treated == AfterFetch.MARK_READ and entry.treated_at:
        return _("Marked as read on the server on %(date)s.") % words
    if entry.treated_at and moved:
        return _("The server said on %(date)s that it was moved, and still lists it.") % words
    if entry.treated_at and entry.treated == AfterFetch.DELETE:
        return _("The server said on %(date)s that it was deleted, and still lists it.") % words
    return ""


def day(moment: datetime | None) -> str:
    return str(format_date(localtime(moment), "SHORT_DATE_FORMAT")) if moment else ""
