"""What is in a mailbox, compared with the ledger: new rows wait, missing ones are gone."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..models import LedgerEntry, Mailbox, Outcome, Presence
from ..sources.base import MailboxState, Source
from .ahead import ahead
from .lease import RENEW_EVERY, HeldLease

_ROWS_PER_STATEMENT = 5_000


def update_ledger(source: Source, state: MailboxState, mailbox: Mailbox, lease: HeldLease) -> None:
    """Bring the ledger's presence up to date with the open mailbox.

    While UIDVALIDITY, UIDNEXT and the number of messages are as at the last listing, nothing came
    and nothing went, and nothing is asked.
    """
    if _is_unchanged(state, mailbox):
        return
    if mailbox.uidvalidity != state.uidvalidity:
        _forget_uids(mailbox, state.uidvalidity, lease)
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    listed, last = 0, 0
    # In a thread, so that the lease can be renewed while a slow server counts.
    for window in ahead(source.list_uids(), idle=lease.renew, every=RENEW_EVERY):
        known = dict(
            entries.filter(uid__gt=last, uid__lte=window[-1]).values_list("uid", "presence")
        )
        _record_window(mailbox, state.uidvalidity, entries, known, window, lease)
        listed += len(window)
        last = window[-1]
    with transaction.atomic():
        lease.renew()
        _mark(entries.filter(uid__gt=last), Presence.PRESENT, Presence.GONE)
        mailbox.uidvalidity = state.uidvalidity
        mailbox.uidnext = state.uidnext
        mailbox.exists = listed
        mailbox.listed_at = timezone.now()
        mailbox.save(update_fields=["uidvalidity", "uidnext", "exists", "listed_at"])


def waiting_uids(mailbox: Mailbox, uidvalidity: int) -> list[int]:
    """Return the UIDs still to be fetched, ascending."""
    return list(
        LedgerEntry.objects.filter(
            mailbox=mailbox,
            uidvalidity=uidvalidity,
            outcome=Outcome.WAITING,
            presence=Presence.PRESENT,
        )
        .order_by("uid")
        .values_list("uid", flat=True)
    )


def _is_unchanged(state: MailboxState, mailbox: Mailbox) -> bool:
    return (
        state.uidnext is not None
        and mailbox.uidvalidity == state.uidvalidity
        and mailbox.uidnext == state.uidnext
        and mailbox.exists == state.exists
    )


def _forget_uids(mailbox: Mailbox, uidvalidity: int, lease: HeldLease) -> None:
    """UIDVALIDITY changed: no old UID names a message any more (RFC 3501 section 2.3.1.1).

    What was archived stays archived; its bytes are known by hash when they come again.
    """
    with transaction.atomic():
        lease.renew()
        old = LedgerEntry.objects.filter(mailbox=mailbox).exclude(uidvalidity=uidvalidity)
        _mark(old, Presence.PRESENT, Presence.GONE)


def _record_window(
    mailbox: Mailbox,
    uidvalidity: int,
    entries: QuerySet[LedgerEntry],
    known: dict[int, str],
    window: Sequence[int],
    lease: HeldLease,
) -> None:
    there = set(window)
    new = [uid for uid in window if uid not in known]
    gone = [
        uid for uid, presence in known.items() if presence == Presence.PRESENT and uid not in there
    ]
    back = [uid for uid, presence in known.items() if presence == Presence.GONE and uid in there]
    if not (new or gone or back):
        return
    with transaction.atomic():
        lease.renew()
        LedgerEntry.objects.bulk_create(
            [LedgerEntry(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in new],
            ignore_conflicts=True,
            batch_size=_ROWS_PER_STATEMENT,
        )
        for uids, before, after in (
            (gone, Presence.PRESENT, Presence.GONE),
            (back, Presence.GONE, Presence.PRESENT),
        ):
            for start in range(0, len(uids), _ROWS_PER_STATEMENT):
                some = uids[start : start + _ROWS_PER_STATEMENT]
                _mark(entries.filter(uid__in=some), before, after)


def _mark(entries: QuerySet[LedgerEntry], before: Presence, after: Presence) -> None:
    entries.filter(presence=before).update(presence=after)
