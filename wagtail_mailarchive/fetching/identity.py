"""Whether a UID still names the message that was read under it.

Two messages of one mailbox that have the same size and came in the same second are hardly ever
given each other's number. Where they are, removal is still safe: it compares all bytes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from ..archive.dates import showable
from ..crossings import Crossing, cross
from ..models import LedgerEntry, Mailbox, Outcome, Presence
from ..sources.base import FetchedMessage, RemoteMessage, Source
from .lease import HeldLease
from .under_way import UnderWay

_DESCRIBED = 5_000  # sizes asked for at once

AWAY = (Presence.GONE, Presence.REMOVED)

# Size and date of a message as they were when it was read.
Read = tuple[int | None, datetime | None]


def is_same(read: Read, now: RemoteMessage) -> bool:
    """Whether size and date of arrival are as they were; what was never known is no difference."""
    size, received_at = read
    return is_of_date(received_at, now) and (size is None or size == now.size)


def is_of_date(received_at: datetime | None, now: RemoteMessage) -> bool:
    """Whether the date of arrival is as it was, where both are known."""
    shown = showable(now.received_at)
    return received_at is None or shown is None or received_at == shown


def differing(
    under_way: UnderWay, source: Source, entries: QuerySet[LedgerEntry], uids: Sequence[int]
) -> list[int]:
    """Return those of `uids` that name another message than the one in `entries`."""
    found: list[int] = []
    by_size: list[int] = []
    for start in range(0, len(uids), _DESCRIBED):
        some = uids[start : start + _DESCRIBED]
        # Of what waits nothing was read, so it cannot have become another message.
        rows = entries.filter(uid__in=some).exclude(outcome=Outcome.WAITING)
        known = {
            uid: (size, received_at)
            for uid, size, received_at in rows.values_list("uid", "size", "received_at")
        }
        if not known:
            continue
        asked = sorted(known)
        described = under_way.ask(source, lambda asked=asked: source.describe(asked))  # type: ignore[misc]
        cross(Crossing.COMPARED)
        for each in described:
            read = known[each.uid]
            if is_same(read, each):
                continue
            (by_size if is_of_date(read[1], each) else found).append(each.uid)
    if by_size and not _is_estimated(under_way, source, entries, by_size):
        found += by_size
    return sorted(found)


def _is_estimated(
    under_way: UnderWay, source: Source, entries: QuerySet[LedgerEntry], uids: Sequence[int]
) -> bool:
    """Whether the server only estimates sizes, so that they tell no message from another.

    One of `uids`, which differ by nothing else, is read again: if it is what was read, it does.
    """
    # Not always the same one: the server may fail at it.
    uid = random.choice(uids)  # noqa: S311
    read = entries.filter(uid=uid).values_list("original__sha256", flat=True).first()
    message = under_way.ask(source, lambda: source.fetch_large(uid)) if read else None
    cross(Crossing.COMPARED)
    return message is not None and sha256_of(message) == read


def sha256_of(message: FetchedMessage) -> str:
    digest = hashlib.sha256()
    for chunk in message.chunks:
        digest.update(chunk)
    return digest.hexdigest()


def set_aside(mailbox: Mailbox, uidvalidity: int, uids: Sequence[int], lease: HeldLease) -> None:
    """Have `uids` fetched as the messages that they are now.

    The rows of those that they were stay, with all that is known of them, under negative numbers
    that no server gives.
    """
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=uidvalidity)
    with transaction.atomic():
        lease.renew()
        for start in range(0, len(uids), _DESCRIBED):
            rows = entries.filter(uid__in=uids[start : start + _DESCRIBED])
            rows.exclude(presence__in=AWAY).update(presence=Presence.GONE)
            rows.update(uid=F("pk") * -1)
        LedgerEntry.objects.bulk_create(
            [LedgerEntry(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in uids],
            batch_size=_DESCRIBED,
        )
    cross(Crossing.COMPARISON_NOTED)
