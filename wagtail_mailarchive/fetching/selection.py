"""Which mail of a mailbox is archived: all of it, what is unread, or what came since a date.

What is not selected stays in the ledger as excluded, with the reason, and waits again as soon as
it is selected: because it was marked unread, or because the account's choice changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..crossings import Crossing, cross
from ..exceptions import AlreadyRead, BeforeDate, MailArchiveError, UnsentDraft
from ..models import LedgerEntry, MailAccount, Mailbox, Outcome, Presence
from ..models.account import MailboxChoice, Protocol, Selection
from ..sources.base import Selected, Source
from .ahead import ahead
from .choice import is_gmails
from .lease import RENEW_EVERY, HeldLease
from .under_way import UnderWay

_ROWS_PER_STATEMENT = 5_000
_REASONS = (AlreadyRead.__name__, BeforeDate.__name__, UnsentDraft.__name__)


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a message has to fulfil to be archived.

    Attributes:
        selected: how a source is asked for the messages that do.
        reason: why the others are excluded.
        is_fixed: whether a message that once did not will never do.
    """

    selected: Selected
    reason: MailArchiveError
    is_fixed: bool


def criteria(account: MailAccount, mailbox_name: str) -> list[Criterion]:
    """Return what mail of a mailbox has to fulfil; nothing, if all of it is archived.

    POP3 knows neither flags nor dates of arrival.
    """
    if account.protocol == Protocol.POP3:
        return []
    found = []
    if account.mailbox_choice == MailboxChoice.ALL and is_gmails(mailbox_name):
        # "All Mail" holds drafts, too, which nobody has sent yet. What a search leaves out is asked
        # for again, because Gmail's own search may be behind the mail that has just come.
        found.append(Criterion(Selected(without_drafts=True), UnsentDraft(), is_fixed=False))
    if account.selection == Selection.UNREAD:
        found.append(Criterion(Selected(unread=True), AlreadyRead(), is_fixed=False))
    elif account.selection == Selection.SINCE and account.since is not None:
        reason = BeforeDate(date=account.since.isoformat())
        found.append(Criterion(Selected(since=account.since), reason, is_fixed=True))
    return found


def select(
    under_way: UnderWay,
    source: Source,
    mailbox: Mailbox,
    uidvalidity: int,
    wanted: Sequence[Criterion],
) -> int:
    """Bring the ledger's decisions on what is excluded up to date; return how many are new.

    Args:
        source: with the mailbox open.
    """
    rows = LedgerEntry.objects.filter(
        mailbox=mailbox, uidvalidity=uidvalidity, presence=Presence.PRESENT
    )
    with under_way.fenced():
        _reconsider(rows, [each.reason for each in wanted])
    cross(Crossing.RECONSIDERED)
    return sum(_apply(under_way, source, rows, each) for each in wanted)


def _reconsider(rows: QuerySet[LedgerEntry], standing: Iterable[MailArchiveError]) -> None:
    """Have wait again what was excluded for a reason that does not stand any more."""
    excluded = rows.filter(outcome=Outcome.EXCLUDED, reason_code__in=_REASONS)
    for reason in standing:
        excluded = excluded.exclude(reason_code=reason.code, reason_params=reason.params)
    _wait(excluded)


def _apply(
    under_way: UnderWay, source: Source, rows: QuerySet[LedgerEntry], criterion: Criterion
) -> int:
    lease, reason = under_way.lease, criterion.reason
    undecided = Q(outcome=Outcome.WAITING)
    if not criterion.is_fixed:
        undecided |= Q(outcome=Outcome.EXCLUDED, reason_code=reason.code)
    rows = rows.filter(undecided)
    if not rows.exists():
        return 0
    number, last = 0, 0
    windows = ahead(
        source.select_uids(criterion.selected),
        idle=under_way.wait,
        every=RENEW_EVERY,
        wake=source.interrupt,
    )
    with closing(windows):
        for window in windows:
            cross(Crossing.LISTED)
            within = rows.filter(uid__gt=last, uid__lte=window[-1])
            number += _decide(within, set(window), reason, lease)
            last = window[-1]
    return number + _decide(rows.filter(uid__gt=last), frozenset(), reason, lease)


def _decide(
    rows: QuerySet[LedgerEntry], chosen: Collection[int], reason: MailArchiveError, lease: HeldLease
) -> int:
    """Exclude what waits and is not among the UIDs `chosen`; have the others wait."""
    found = list(rows.values_list("uid", "outcome"))
    out = [uid for uid, known in found if known == Outcome.WAITING and uid not in chosen]
    back = [uid for uid, known in found if known == Outcome.EXCLUDED and uid in chosen]
    if out or back:
        with transaction.atomic():
            lease.renew()
            for some in _portions(out):
                rows.filter(uid__in=some).update(
                    outcome=Outcome.EXCLUDED,
                    decided_at=timezone.now(),
                    reason_code=reason.code,
                    reason_params=reason.params,
                )
            for some in _portions(back):
                _wait(rows.filter(uid__in=some))
        cross(Crossing.RECONSIDERED)
    return len(out)


def _wait(rows: QuerySet[LedgerEntry]) -> None:
    rows.update(outcome=Outcome.WAITING, decided_at=None, reason_code="", reason_params={})


def _portions(uids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (
        uids[start : start + _ROWS_PER_STATEMENT]
        for start in range(0, len(uids), _ROWS_PER_STATEMENT)
    )
