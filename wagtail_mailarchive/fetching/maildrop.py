"""What is in a POP3 maildrop, compared with the ledger.

POP3 numbers messages anew in each session. What tells them apart for good is their unique-id
(RFC 1939 section 7), so the ledger keeps that, and its UIDs are numbers of our own. Some servers
give no unique-id or another one each time; then everything is read again and found by its bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from ..archive.writer import Incoming
from ..crossings import Crossing, cross
from ..exceptions import ListingDisagrees, MessageCameBack, UidlMissing
from ..models import LedgerEntry, Mailbox, Presence
from ..sources.base import MailboxState
from ..sources.pop3 import Pop3Source
from .identity import AWAY
from .lease import HeldLease
from .listing import THERE, forget_uids, note_listing, open_mailbox
from .under_way import UnderWay

_log = logging.getLogger("wagtail_mailarchive.fetching")

_ROWS_PER_STATEMENT = 5_000
_ROWS_PER_TRANSACTION = 20_000
_UNNAMED = "unnamed "  # no unique-id has a space in it


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing found.

    Attributes:
        before: when the maildrop was listed for the last time before; None if never.
        gone: UIDs of the messages whose names were there until then.
    """

    state: MailboxState
    before: datetime | None
    gone: Sequence[int]


def update_ledger(under_way: UnderWay, source: Pop3Source, mailbox: Mailbox) -> Listed:
    """Open the maildrop and bring the ledger's presence up to date with it.

    A unique-id that was gone and is back names a new message here: servers that count them use
    them again. If it is the old one after all, its bytes say so.
    """
    lease, run_id = under_way.lease, under_way.run.pk
    before = mailbox.listed_at
    state = open_mailbox(under_way, source, mailbox)
    listed = under_way.ask(source, source.list_uidls)
    cross(Crossing.LISTED)
    # A message without a unique-id goes by number and size for the time of one run, so that the
    # next task goes on where this one ends.
    names = {each.uidl or f"{_UNNAMED}{run_id} {each.number} {each.size}": each for each in listed}
    if mailbox.uidvalidity != state.uidvalidity:
        forget_uids(mailbox, state.uidvalidity, lease)
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    known = dict(entries.filter(presence__in=THERE).values_list("uidl", "uid"))
    first = (entries.aggregate(last=Max("uid"))["last"] or 0) + 1
    new = [name for name in names if name not in known]
    if unnamed := sum(not each.uidl for each in listed):
        under_way.saw(UidlMissing(number=unnamed))
    if back := _returned(entries, new):
        under_way.saw(MessageCameBack(mailbox=mailbox.name, number=back))
    added = list(enumerate(new, start=first))
    # In portions, each good by itself: a maildrop may hold a million messages, and neither memory
    # nor the lease, nor others who wait for SQLite's write lock, bear all of them at once.
    for start in range(0, len(added), _ROWS_PER_TRANSACTION):
        with transaction.atomic():
            lease.renew()
            LedgerEntry.objects.bulk_create(
                [
                    LedgerEntry(mailbox=mailbox, uidvalidity=state.uidvalidity, uid=uid, uidl=name)
                    for uid, name in added[start : start + _ROWS_PER_TRANSACTION]
                ],
                batch_size=_ROWS_PER_STATEMENT,
            )
        cross(Crossing.NEW_ROWS_NOTED)
    uids = known | {name: uid for uid, name in added}
    source.assign({uids[name]: each.number for name, each in names.items()})
    gone = [uid for name, uid in known.items() if name not in names]
    if len(listed) != state.exists:
        under_way.saw(
            ListingDisagrees(mailbox=mailbox.name, listed=len(listed), counted=state.exists)
        )
        _log.warning(
            "Mailbox %s: the server lists %s messages and counts %s",
            mailbox.pk,
            len(listed),
            state.exists,
        )
        # As little is believed of what is not there as of an IMAP server.
        gone = []
    note_listing(mailbox, state, lease, gone=gone)
    _forget_unread(mailbox, state, lease, new)
    return Listed(state, before, gone)


def take_up_again(mailbox: Mailbox, listed: Listed, incoming: Sequence[Incoming]) -> list[Incoming]:
    """Return those of `incoming` that are in the ledger under a name that is gone.

    Their rows go on under the new name, and the ledger does not grow although the names change.
    So does the row of one that the server said it removed and has all the same: it is not removed
    again and again. One that was away when the maildrop was listed after that is another copy. To
    be called in a transaction.
    """
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=listed.state.uidvalidity)
    digests = [each.original.sha256 for each in incoming]
    is_away = Q(presence=Presence.GONE)
    if listed.before is not None:
        is_away |= Q(presence=Presence.REMOVED, treated_at__gte=listed.before)
    gone = entries.filter(is_away, original__sha256__in=digests)
    former: dict[str, list[LedgerEntry]] = {}
    gone = gone.select_related("original").only("original", "original__sha256")
    for row in gone.order_by("-uid"):
        if row.original is not None:
            former.setdefault(row.original.sha256, []).append(row)
    if not former:
        return []
    found = [(each, rows.pop()) for each in incoming if (rows := former.get(each.original.sha256))]
    renamed = entries.filter(uid__in=[each.uid for each, _ in found])
    names = dict(renamed.values_list("uid", "uidl"))
    renamed.delete()
    # So names do change here, and what was never read has another one by now.
    for start in range(0, len(listed.gone), _ROWS_PER_STATEMENT):
        some = entries.filter(uid__in=listed.gone[start : start + _ROWS_PER_STATEMENT])
        some.filter(presence=Presence.GONE, original=None).delete()
    for each, row in found:
        row.uidl = names[each.uid]
        row.presence = Presence.PRESENT
    LedgerEntry.objects.bulk_update([row for _, row in found], ["uidl", "presence"])
    return [each for each, _ in found]


def _returned(entries: QuerySet[LedgerEntry], new: Sequence[str]) -> int:
    """Return how many of the names `new` were those of messages that had gone."""
    away = entries.filter(presence__in=AWAY)
    if not new or not away.exists():
        return 0
    return sum(
        away.filter(uidl__in=new[start : start + _ROWS_PER_STATEMENT]).count()
        for start in range(0, len(new), _ROWS_PER_STATEMENT)
    )


def _forget_unread(
    mailbox: Mailbox, state: MailboxState, lease: HeldLease, new: Sequence[str]
) -> None:
    """Delete the rows of messages that were never read and have a new row now.

    Args:
        new: the names of the new rows.
    """
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    unread = entries.filter(presence=Presence.GONE, original=None)
    if not new or not unread.exists():
        return
    with transaction.atomic():
        lease.renew()
        unread.filter(uidl__startswith=_UNNAMED).delete()
        for start in range(0, len(new), _ROWS_PER_STATEMENT):
            unread.filter(uidl__in=new[start : start + _ROWS_PER_STATEMENT]).delete()
    cross(Crossing.UIDS_FORGOTTEN)
