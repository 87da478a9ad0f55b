"""What is in a mailbox, compared with the ledger: new rows wait, missing ones are gone.

A UID says for good which message is meant, as long as the server keeps to RFC 3501. Where it gives
a sign that it does not (UIDVALIDITY that was there before, a lower UIDNEXT, UIDs that had gone),
size and date of arrival of what it lists are compared with what was read: what is another message
now waits again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.utils import timezone

from ..crossings import Crossing, cross
from ..exceptions import (
    ListingDisagrees,
    MessageCameBack,
    UidNextFell,
    UidReused,
    UidValidityChanged,
)
from ..models import LedgerEntry, Mailbox, Presence
from ..sources.base import MailboxState, Source
from .ahead import ahead
from .identity import AWAY, differing, set_aside
from .lease import RENEW_EVERY, HeldLease
from .under_way import UnderWay

_log = logging.getLogger("wagtail_mailarchive.fetching")

_ROWS_PER_STATEMENT = 5_000
THERE = (Presence.PRESENT, Presence.REMOVAL_PENDING)
# Mail may come and go between the count and the listing; hardly three times in a row.
_ATTEMPTS = 3


def update_ledger(under_way: UnderWay, source: Source, mailbox: Mailbox) -> MailboxState:
    """Open the mailbox and bring the ledger's presence up to date with it.

    While UIDVALIDITY, UIDNEXT and the number of messages are as at the last listing, nothing came
    and nothing went, and nothing is asked. If the server lists fewer or more messages than it
    counts, again and again, no message is taken to be gone, and its count stands, so that the
    ledger does not add up.

    Raises:
        Unwanted, LeaseLost, SourceError.
    """
    state = open_mailbox(under_way, source, mailbox)
    if _is_unchanged(state, mailbox):
        return state
    lease = under_way.lease
    is_doubtful = _is_doubtful(state, mailbox)
    if _fell(state, mailbox):
        under_way.saw(UidNextFell(mailbox=mailbox.name))
    for _ in range(_ATTEMPTS):
        if mailbox.uidvalidity != state.uidvalidity:
            forget_uids(mailbox, state.uidvalidity, lease)
            if mailbox.uidvalidity is not None:
                under_way.saw(UidValidityChanged(mailbox=mailbox.name))
        listed, gone = _list(under_way, source, state, mailbox, is_doubtful=is_doubtful)
        if listed == state.exists:
            break
        counted = open_mailbox(under_way, source, mailbox)
        agrees = counted.uidvalidity == state.uidvalidity and counted.exists == listed
        state = counted
        if agrees:
            break
    else:
        under_way.saw(ListingDisagrees(mailbox=mailbox.name, listed=listed, counted=state.exists))
        _log.warning(
            "Mailbox %s: the server lists %s messages and counts %s",
            mailbox.pk,
            listed,
            state.exists,
        )
        # Without UIDNEXT the next fetch lists again.
        note_listing(mailbox, replace(state, uidnext=None), lease, gone=[])
        return state
    note_listing(mailbox, state, lease, gone=gone)
    return state


def open_mailbox(under_way: UnderWay, source: Source, mailbox: Mailbox) -> MailboxState:
    state = under_way.ask(source, lambda: source.open_mailbox(mailbox.name))
    cross(Crossing.MAILBOX_OPENED)
    return state


def _list(
    under_way: UnderWay, source: Source, state: MailboxState, mailbox: Mailbox, *, is_doubtful: bool
) -> tuple[int, list[int]]:
    """Record what is listed; return how many that is, and the UIDs known that are not.

    Args:
        is_doubtful: whether all that is known is to be compared.
    """
    lease = under_way.lease
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    listed, last = 0, 0
    gone: list[int] = []
    back: list[int] = []
    doubtful: list[int] = []
    windows = ahead(
        source.list_uids(), idle=under_way.wait, every=RENEW_EVERY, wake=source.interrupt
    )
    # In a thread, so that the lease can be renewed while a slow server counts.
    with closing(windows):
        for window in windows:
            if listed:
                under_way.wait()
            cross(Crossing.LISTED)
            known = dict(
                entries.filter(uid__gt=last, uid__lte=window[-1]).values_list("uid", "presence")
            )
            gone += _record_window(mailbox, state.uidvalidity, known, window, lease)
            cross(Crossing.NEW_ROWS_NOTED)
            back += [uid for uid in window if known.get(uid) in AWAY]
            if is_doubtful:
                doubtful += [uid for uid in window if uid in known]
            listed += len(window)
            last = window[-1]
    if back:
        under_way.saw(MessageCameBack(mailbox=mailbox.name, number=len(back)))
    # Before anything is taken to be back: if this ends here, the next fetch looks again.
    if others := differing(under_way, source, entries, doubtful if is_doubtful else back):
        under_way.saw(UidReused(mailbox=mailbox.name, number=len(others)))
        set_aside(mailbox, state.uidvalidity, others, lease)
    _bring_back(entries, back, lease)
    beyond = entries.filter(uid__gt=last, presence__in=THERE)
    return listed, [*gone, *beyond.values_list("uid", flat=True)]


def note_listing(
    mailbox: Mailbox, state: MailboxState, lease: HeldLease, *, gone: Sequence[int]
) -> None:
    """Keep what the server counts, and that the UIDs `gone` are not there any more.

    Those whose removal was begun were removed by us: a worker died between doing and noting it.
    """
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    with transaction.atomic():
        lease.renew()
        removed = When(presence=Presence.REMOVAL_PENDING, then=Value(Presence.REMOVED))
        away = Case(removed, default=Value(Presence.GONE))
        for some in _portions(gone):
            entries.filter(uid__in=some, presence__in=THERE).update(presence=away)
        mailbox.uidvalidity = state.uidvalidity
        mailbox.uidnext = state.uidnext
        mailbox.exists = state.exists
        mailbox.listed_at = timezone.now()
        mailbox.save(update_fields=["uidvalidity", "uidnext", "exists", "listed_at"])
    cross(Crossing.LISTING_NOTED)


def _fell(state: MailboxState, mailbox: Mailbox) -> bool:
    """Whether UIDNEXT is lower than it was under the same UIDVALIDITY."""
    return (
        state.uidnext is not None
        and mailbox.uidnext is not None
        and mailbox.uidvalidity == state.uidvalidity
        and state.uidnext < mailbox.uidnext
    )


def _is_doubtful(state: MailboxState, mailbox: Mailbox) -> bool:
    """Whether UIDs that are known may name other messages now."""
    was_forgotten = state.uidnext is not None and mailbox.uidnext is None
    return was_forgotten or _fell(state, mailbox)


def _is_unchanged(state: MailboxState, mailbox: Mailbox) -> bool:
    return (
        state.uidnext is not None
        and mailbox.uidvalidity == state.uidvalidity
        and mailbox.uidnext == state.uidnext
        and mailbox.exists == state.exists
    )


def forget_uids(mailbox: Mailbox, uidvalidity: int, lease: HeldLease) -> None:
    """UIDVALIDITY changed: no old UID names a message any more (RFC 3501 section 2.3.1.1).

    What was archived stays archived; its bytes are known by hash when they come again.
    """
    with transaction.atomic():
        lease.renew()
        old = LedgerEntry.objects.filter(mailbox=mailbox).exclude(uidvalidity=uidvalidity)
        old.filter(presence__in=THERE).update(presence=Presence.GONE)
    cross(Crossing.UIDS_FORGOTTEN)


def _record_window(
    mailbox: Mailbox,
    uidvalidity: int,
    known: dict[int, str],
    window: Sequence[int],
    lease: HeldLease,
) -> list[int]:
    """Record the messages listed in one window; return the UIDs present that it lacks."""
    there = set(window)
    new = [uid for uid in window if uid not in known]
    if new:
        with transaction.atomic():
            lease.renew()
            LedgerEntry.objects.bulk_create(
                [LedgerEntry(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in new],
                ignore_conflicts=True,
                batch_size=_ROWS_PER_STATEMENT,
            )
    return [uid for uid, presence in known.items() if presence in THERE and uid not in there]


def _bring_back(entries: QuerySet[LedgerEntry], uids: Sequence[int], lease: HeldLease) -> None:
    """Note that `uids` are there again, also those that we removed as the server said."""
    if not uids:
        return
    with transaction.atomic():
        lease.renew()
        for some in _portions(uids):
            entries.filter(uid__in=some, presence__in=AWAY).update(presence=Presence.PRESENT)
    cross(Crossing.COMPARISON_NOTED)


def _portions(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (
        uids[start : start + _ROWS_PER_STATEMENT]
        for start in range(0, len(uids), _ROWS_PER_STATEMENT)
    )
