"""What is still to be fetched from a mailbox, in which order, and what came in the way.

Nothing that waits is forgotten and nothing blocks what is behind it: a message that the server
failed at in company is asked for alone, and one that failed alone waits until the next run, where
it comes after all others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import BigIntegerField, F, QuerySet
from django.utils import timezone

from ..archive import envelopes
from ..archive.dates import showable
from ..exceptions import MailArchiveError
from ..models import FetchRun, LedgerEntry, MailAccount, Mailbox, Outcome, Presence
from ..models.account import Protocol
from ..sources.base import RemoteHeader
from .batches import LARGEST_WANTED

_UIDS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """UIDs to fetch.

    Attributes:
        uids: in the order to ask for them.
        alone: those of them to ask for one by one.
        failed: those of them at which the server failed in an earlier run, asked for alone, each
            with the code of the error.
        wanted: those of them to be read although they are larger than the limit.
    """

    uids: Sequence[int]
    alone: Collection[int]
    failed: Mapping[int, str] = field(default_factory=dict)
    wanted: Collection[int] = frozenset()


def waiting(
    mailbox: Mailbox,
    uidvalidity: int,
    *,
    run_id: int,
    most: int | None = None,
    retries: bool = True,
) -> Waiting:
    """Return what `run_id` still has to fetch: not what it failed at already.

    Args:
        most: how many at most, the oldest; None for all.
        retries: whether those at which the server failed in earlier runs are among them.
    """
    waits = _entries(mailbox, uidvalidity, Outcome.WAITING)
    rows = (
        (waits.exclude(failed_in=run_id) if retries else waits.filter(failed_in=None))
        # A wanted one may be larger than this machine bears, so nothing comes after it.
        .order_by("is_wanted", F("failed_in").asc(nulls_first=True), "uid")
        .values_list("uid", "reason_code", "failed_in", "is_wanted")[:most]
    )
    uids, alone, wanted = [], set(), set()
    failed: dict[int, str] = {}
    for uid, reason, failed_in, is_wanted in rows.iterator(chunk_size=5_000):
        uids.append(uid)
        if reason:
            alone.add(uid)
        if failed_in is not None:
            failed[uid] = reason
        if is_wanted:
            wanted.add(uid)
    return Waiting(uids, alone, failed, wanted)


def not_read(account: MailAccount) -> int:
    """Return how many messages the server lists and did not hand over."""
    return LedgerEntry.objects.filter(
        mailbox__account=account,
        mailbox__is_archived=True,
        outcome=Outcome.WAITING,
        presence=Presence.PRESENT,
        reason_code__gt="",
    ).count()


def left_of_limit(run: FetchRun, account: MailAccount) -> int | None:
    """Return how many messages `run` may still fetch; None for any number.

    Where POP3 servers do not name messages for good, much is read only to find that it is here.
    If that counted, such a run would never reach what is behind it.
    """
    if account.message_limit is None:
        return None
    fetched = run.archived + run.quarantined + run.erased
    if account.protocol == Protocol.IMAP:
        fetched += run.duplicates
    return max(0, account.message_limit - fetched)


def wait_again(mailbox: Mailbox, uidvalidity: int, *, limit: int) -> None:
    """Have fetched what was too large and is not, since the limit (in bytes) was raised."""
    _entries(mailbox, uidvalidity, Outcome.TOO_LARGE).filter(size__lte=limit).update(
        outcome=Outcome.WAITING, decided_at=None
    )


def want(entries: QuerySet[LedgerEntry]) -> int:
    """Have fetched those of `entries` that are too large, up to `LARGEST_WANTED`; return how many.

    One without a size is none of them.
    """
    return entries.filter(
        outcome=Outcome.TOO_LARGE, presence=Presence.PRESENT, size__lte=LARGEST_WANTED
    ).update(is_wanted=True, outcome=Outcome.WAITING, decided_at=None)


def leave_too_large(mailbox: Mailbox, uidvalidity: int, messages: Sequence[RemoteHeader]) -> None:
    """Note that `messages` stay on the server for their size; in a transaction."""
    for message in messages:
        LedgerEntry.objects.filter(
            mailbox=mailbox, uidvalidity=uidvalidity, uid=message.uid
        ).update(
            outcome=Outcome.TOO_LARGE,
            # No server has that much, but a row that cannot be written would end each run here.
            size=min(message.size, BigIntegerField.MAX_BIGINT),
            received_at=showable(message.received_at),
            decided_at=timezone.now(),
            reason_code="",
            reason_params={},
        )
    envelopes.keep(mailbox, uidvalidity, {each.uid: each.header for each in messages})


def note_failure(
    mailbox: Mailbox,
    uidvalidity: int,
    uids: Sequence[int],
    error: MailArchiveError,
    *,
    failed_in: int | None,
) -> None:
    """Keep why `uids` still wait; they are asked for alone from now on.

    Args:
        failed_in: the run that asked for them alone and shall not again; None if it asked for
            them in company, so that nobody knows which of them it is.
    """
    entries = _entries(mailbox, uidvalidity, Outcome.WAITING)
    for start in range(0, len(uids), _UIDS_PER_STATEMENT):
        some = entries.filter(uid__in=uids[start : start + _UIDS_PER_STATEMENT])
        some.update(reason_code=error.code, reason_params=error.params)
        if failed_in is not None:
            some.update(failed_in=failed_in)


def _entries(mailbox: Mailbox, uidvalidity: int, outcome: Outcome) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(
        mailbox=mailbox, uidvalidity=uidvalidity, outcome=outcome, presence=Presence.PRESENT
    )
