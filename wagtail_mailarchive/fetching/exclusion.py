"""What the site's own code keeps out of the archive: it stays on the server, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.utils import timezone

from ..archive.exclusion import Candidate, is_asked, objection
from ..archive.writer import Incoming
from ..exceptions import ExcludedBySite, ExclusionUndecided
from ..mime.message import ParsedMessage
from ..models import LedgerEntry, Mailbox, Outcome
from .under_way import UnderWay
from .waiting import note_failure


def leave_excluded(
    under_way: UnderWay, mailbox: Mailbox, uidvalidity: int, incoming: Sequence[Incoming]
) -> Sequence[Incoming]:
    """Note in the ledger what is not to become a page; return the rest of `incoming`.

    Raises:
        LeaseLost.
    """
    if not is_asked():
        return incoming
    # Outside of any transaction: what receivers do may take its time.
    objections = {
        each.uid: found
        for each in incoming
        if isinstance(each.parsed, ParsedMessage)
        and (found := objection(_candidate(under_way, mailbox, each, each.parsed)))
    }
    if not objections:
        return incoming
    with under_way.fenced():
        excluded = 0
        for each in incoming:
            match objections.get(each.uid):
                case ExcludedBySite() as reason:
                    _exclude(mailbox, uidvalidity, each, reason)
                    excluded += 1
                case ExclusionUndecided() as reason:
                    run = under_way.run.pk
                    note_failure(mailbox, uidvalidity, [each.uid], reason, failed_in=run)
        if excluded:
            under_way.count(Counter({Outcome.EXCLUDED: excluded}), 0)
    return [each for each in incoming if each.uid not in objections]


def _candidate(
    under_way: UnderWay, mailbox: Mailbox, incoming: Incoming, parsed: ParsedMessage
) -> Candidate:
    original = incoming.original
    return Candidate(under_way.account, mailbox.folder_id, original.sha256, original.size, parsed)


def _exclude(
    mailbox: Mailbox, uidvalidity: int, incoming: Incoming, reason: ExcludedBySite
) -> None:
    rows = LedgerEntry.objects.filter(
        mailbox=mailbox, uidvalidity=uidvalidity, uid=incoming.uid, outcome=Outcome.WAITING
    )
    rows.update(
        outcome=Outcome.EXCLUDED,
        size=incoming.original.size,
        received_at=incoming.received_at,
        decided_at=timezone.now(),
        reason_code=reason.code,
        reason_params=reason.params,
    )
