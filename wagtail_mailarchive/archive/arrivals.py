"""What a folder holds, compared with what came in according to its chain."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from ..models import ChainEntry, EmailMessagePage, LedgerEntry, Original, Outcome, Tombstone

# At once; a check ends long before it has found so many.
_MOST = 2000


def not_chained(folder_id: int) -> set[str]:
    """Return the SHA-256 of what the folder holds and no chain says that it came in."""
    # EXCEPT lets the database sort on its disk, where the folder is large.
    known = links_of(folder_id).values_list("sha256")
    lacking = _first(_held(folder_id).difference(known))
    # A mailbox may serve another folder by now; that its mail came in is told by either chain.
    elsewhere = _first(_in_quarantine(folder_id).difference(known))
    if elsewhere:
        chained = ChainEntry.objects.filter(sha256__in=elsewhere)
        lacking |= elsewhere - set(chained.values_list("sha256", flat=True))
    return lacking


def not_held(folder_id: int) -> set[str]:
    """Return the SHA-256 of what came into the folder and no folder holds any more."""
    known = links_of(folder_id).values_list("sha256")
    erased = Tombstone.objects.filter(folder=folder_id).values_list("sha256")
    lost = _first(known.difference(_held(folder_id), _in_quarantine(folder_id), erased))
    if lost:
        # As above: what was in quarantine may be a page of another folder by now.
        is_held = Q(messages__isnull=False) | Q(entries__outcome=Outcome.QUARANTINED)
        held = Original.objects.filter(is_held, sha256__in=lost)
        lost -= set(held.values_list("sha256", flat=True))
    return lost


def messages_of(folder_id: int) -> QuerySet[EmailMessagePage]:
    pages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(folder_id=folder_id)
    return pages


def quarantined_of(folder_id: int) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(
        mailbox__folder_id=folder_id, outcome=Outcome.QUARANTINED, original__isnull=False
    )


def links_of(folder_id: int) -> QuerySet[ChainEntry]:
    return ChainEntry.objects.filter(folder_id=folder_id)


def _held(folder_id: int) -> QuerySet[Any, Any]:
    return messages_of(folder_id).order_by().values_list("original__sha256")


def _in_quarantine(folder_id: int) -> QuerySet[Any, Any]:
    return quarantined_of(folder_id).order_by().values_list("original__sha256")


def _first(rows: QuerySet[Any, Any]) -> set[str]:
    return {sha256 for (sha256,) in rows[:_MOST]}
