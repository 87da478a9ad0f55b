"""What is in a mailbox, compared with the ledger: new rows wait, missing ones are gone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..crossings import Crossing, cross
from ..models import LedgerEntry, Mailbox, Presence
from ..sources.base import MailboxState, Source
from .ahead import ahead, meanwhile
from .lease import RENEW_EVERY, HeldLease

_log = logging.getLogger("wagtail_mailarchive.fetching")

_ROWS_PER_STATEMENT = 5_000
# Mail may come and go between the count and the listing; hardly three times in a row.
_ATTEMPTS = 3


def update_ledger(source: Source, mailbox: Mailbox, lease: HeldLease) -> MailboxState:
    """Open the mailbox and bring the ledger's presence up to date with it.

    While UIDVALIDITY, UIDNEXT and the number of messages are as at the last listing, nothing came
    and nothing went, and nothing is asked. If the server lists fewer or more messages than it
    counts, again and again, no message is taken to be gone, and its count stands, so that the
    ledger does not add up.
    """
    state = open_mailbox(source, mailbox, lease)
    if _is_unchanged(state, mailbox):
        return state
    for _ in range(_ATTEMPTS):
        if mailbox.uidvalidity != state.uidvalidity:
            forget_uids(mailbox, state.uidvalidity, lease)
        listed, gone = _list(source, state, mailbox, lease)
        if listed == state.exists:
            break
        counted = open_mailbox(source, mailbox, lease)
        agrees = counted.uidvalidity == state.uidvalidity and counted.exists == listed
        state = counted
        if agrees:
            break
    else:
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


def open_mailbox(source: Source, mailbox: Mailbox, lease: HeldLease) -> MailboxState:
    state = meanwhile(
        lambda: source.open_mailbox(mailbox.name),
        idle=lease.renew,
        every=RENEW_EVERY,
        wake=source.interrupt,
    )
    cross(Crossing.MAILBOX_OPENED)
    return state


def _list(
    source: Source, state: MailboxState, mailbox: Mailbox, lease: HeldLease
) -> tuple[int, list[int]]:
    """Record what is listed; return how many that is, and the UIDs known that are not."""
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    listed, last = 0, 0
    gone: list[int] = []
    windows = ahead(source.list_uids(), idle=lease.renew, every=RENEW_EVERY, wake=source.interrupt)
    # In a thread, so that the lease can be renewed while a slow server counts.
    with closing(windows):
        for window in windows:
            cross(Crossing.LISTED)
            known = dict(
                entries.filter(uid__gt=last, uid__lte=window[-1]).values_list("uid", "presence")
            )
            gone += _record_window(mailbox, state.uidvalidity, entries, known, window, lease)
            cross(Crossing.NEW_ROWS_NOTED)
            listed += len(window)
            last = window[-1]
    beyond = entries.filter(uid__gt=last, presence=Presence.PRESENT)
    return listed, [*gone, *beyond.values_list("uid", flat=True)]


def note_listing(
    mailbox: Mailbox, state: MailboxState, lease: HeldLease, *, gone: Sequence[int]
) -> None:
    """Keep what the server counts, and that the UIDs `gone` are not there any more."""
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
    with transaction.atomic():
        lease.renew()
        _mark(entries, gone, Presence.PRESENT, Presence.GONE)
        mailbox.uidvalidity = state.uidvalidity
        mailbox.uidnext = state.uidnext
        mailbox.exists = state.exists
        mailbox.listed_at = timezone.now()
        mailbox.save(update_fields=["uidvalidity", "uidnext", "exists", "listed_at"])
    cross(Crossing.LISTING_NOTED)


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
        old.filter(presence=Presence.PRESENT).update(presence=Presence.GONE)


def _record_window(
    mailbox: Mailbox,
    uidvalidity: int,
    entries: QuerySet[LedgerEntry],
    known: dict[int, str],
    window: Sequence[int],
    lease: HeldLease,
) -> list[int]:
    """Record the messages listed in one window; return the UIDs present that it lacks."""
    there = set(window)
    new = [uid for uid in window if uid not in known]
    back = [uid for uid, presence in known.items() if presence == Presence.GONE and uid in there]
    if new or back:
        with transaction.atomic():
            lease.renew()
            LedgerEntry.objects.bulk_create(
                [LedgerEntry(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in new],
                ignore_conflicts=True,
                batch_size=_ROWS_PER_STATEMENT,
            )
            _mark(entries, back, Presence.GONE, Presence.PRESENT)
    return [
        uid for uid, presence in known.items() if presence == Presence.PRESENT and uid not in there
    ]


def _mark(
    entries: QuerySet[LedgerEntry], uids: Sequence[int], before: Presence, after: Presence
) -> None:
    for start in range(0, len(uids), _ROWS_PER_STATEMENT):
        some = uids[start : start + _ROWS_PER_STATEMENT]
        entries.filter(uid__in=some, presence=before).update(presence=after)
