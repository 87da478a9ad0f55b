"""What runs of upkeep do, kind by kind and batch by batch; each batch may be done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ..archive import contents, dkim, problems, sampling, verify
from ..archive.again import retry_entries
from ..archive.dkim_keys import Remembering
from ..archive.reprocessing import reprocess
from ..archive.search.cluster import feed
from ..archive.verify import Step
from ..mime import VERSION
from ..mime.contents.process import ContentProcess
from ..mime.dkim.process import DkimProcess
from ..mime.process import ParserProcess
from ..models import EmailMessagePage, LedgerEntry, Outcome, SearchChange, UpkeepKind, UpkeepRun
from . import move_work, trash_work
from .held_run import Held

_STEP_BITS = 56
_TOGETHER = 200
# Attachments in one batch, and seconds after which it ends earlier: one alone may take twenty.
_ATTACHMENTS = 32
_ATTACHMENT_SECONDS = 10.0
# Messages in one batch, and seconds after which it ends earlier: each key may take the DNS five.
_SIGNED = 40
_SIGNED_SECONDS = 30.0
# Messages that the search cluster is told of in one batch.
_CHANGES = 200


def to_reprocess(folder_id: int | None, *, is_complete: bool) -> QuerySet[EmailMessagePage]:
    """Return the messages to be read again: those that an older parser read, or all."""
    pages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(trashed=False).order_by()
    if folder_id is not None:
        pages = pages.filter(folder_id=folder_id)
    return pages if is_complete else pages.filter(parsed_by__lt=VERSION)


def to_retry(folder_id: int | None) -> QuerySet[LedgerEntry]:
    """Return the entries in quarantine whose original is here."""
    entries = LedgerEntry.objects.filter(outcome=Outcome.QUARANTINED, original__isnull=False)
    return entries if folder_id is None else entries.filter(mailbox__folder_id=folder_id)


def total(run: UpkeepRun) -> int:
    """Return how much there is to do in a run that begins."""
    if run.kind == UpkeepKind.VERIFY:
        return verify.total(run.folder_id)
    if run.kind == UpkeepKind.REPROCESS:
        return to_reprocess(run.folder_id, is_complete=run.is_complete).count()
    if run.kind == UpkeepKind.RETRY:
        return to_retry(run.folder_id).count()
    if run.kind == UpkeepKind.DKIM:
        return int(EmailMessagePage.objects.filter(pk__gt=run.position).count())
    if run.kind == UpkeepKind.CONTENTS:
        return contents.to_read(is_complete=run.is_complete).count()
    if run.kind == UpkeepKind.CLUSTER:
        return SearchChange.objects.count()
    if run.kind in trash_work.WORK:
        return trash_work.total(run)
    if run.kind == UpkeepKind.READDRESS:
        return move_work.messages_of(run)
    return run.total


def _verify(held: Held) -> None:
    _check(held, lambda step, after: verify.batches(step, held.run.folder_id, after))


def _sample(held: Held) -> None:
    run = held.run
    number = run.total // sampling.KINDS
    _check(held, lambda step, after: sampling.sample(step, number, run.pk, after))


def _check(held: Held, batches: Callable[[Step, int], Iterator[verify.Batch]]) -> None:
    begun, after = divmod(held.run.position, 1 << _STEP_BITS)
    for step in Step:
        if step < begun:
            continue
        for batch in batches(step, after if step == begun else 0):
            _note(held, batch, (step << _STEP_BITS) + batch.last)
    with transaction.atomic():
        held.renew()
        problems.settle_gone()


def _note(held: Held, batch: verify.Batch, position: int) -> None:
    with transaction.atomic():
        found = len(batch.found)
        held.advance(position, done=batch.number, problems=found, size=batch.size)
        problems.note(batch.found)
        problems.settle(batch.well())
    held.committed()


def _reprocess(held: Held) -> None:
    run = held.run
    pages = to_reprocess(run.folder_id, is_complete=run.is_complete)
    # The index of (folder, original) serves the one, the primary key the other.
    name = "pk" if run.folder_id is None else "original_id"
    with ParserProcess() as parser:
        for position, keys in _portions(held, pages, name, _TOGETHER):
            done = reprocess(keys, parser=parser, fence=held.renew)
            with transaction.atomic():
                held.advance(position, done=len(keys), problems=done.failed)
            held.committed()


def _retry(held: Held) -> None:
    with ParserProcess() as parser:
        for position, keys in _portions(held, to_retry(held.run.folder_id), "pk", _TOGETHER):
            done = retry_entries(keys, parser=parser, fence=held.renew)
            with transaction.atomic():
                held.advance(position, done=len(keys), problems=done.still)
            held.committed()


def _contents(held: Held) -> None:
    run = held.run
    with ContentProcess() as process:
        while True:
            left = contents.to_read(is_complete=run.is_complete).filter(pk__gt=run.position)
            batch = list(left.only("sha256", "read_by")[:_ATTACHMENTS])
            if not batch:
                return
            found = contents.read(batch, process, seconds=_ATTACHMENT_SECONDS)
            bad = sum(each.is_problem for each in found)
            step = partial(held.advance, found[-1].pk, done=len(found), problems=bad)
            contents.keep(found, fence=held.renew, done=step)
            held.committed()


def _dkim(held: Held) -> None:
    look_up = Remembering()
    with DkimProcess() as process:
        messages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.order_by()
        for position, keys in _portions(held, messages, "pk", _SIGNED):
            found, last = dkim.check(dkim.to_check(keys), process, look_up, seconds=_SIGNED_SECONDS)
            if last is not None:
                position, keys = last, [each for each in keys if each <= last]
            with transaction.atomic():
                bad = sum(each.is_problem for each in found)
                held.advance(position, done=len(keys), problems=bad)
                dkim.write(found)
            held.committed()


def _cluster(held: Held) -> None:
    while changes := feed.noted(_CHANGES):
        refused = feed.tell_changes(changes)
        with transaction.atomic():
            held.advance(changes[-1].pk, done=len(changes), problems=refused)
            feed.forget(changes)
        held.committed()


def _portions(
    held: Held, rows: QuerySet[Any], name: str, together: int
) -> Iterator[tuple[int, list[int]]]:
    """Yield (position after them, keys) of `rows`, in the order of the column `name`."""
    while True:
        left = rows.filter(**{f"{name}__gt": held.run.position}).order_by(name)
        found = list(left.values_list(name, "pk")[:together])
        if not found:
            return
        yield found[-1][0], [pk for _, pk in found]


WORK: dict[UpkeepKind, Callable[[Held], None]] = {
    UpkeepKind.VERIFY: _verify,
    UpkeepKind.SAMPLE: _sample,
    UpkeepKind.REPROCESS: _reprocess,
    UpkeepKind.RETRY: _retry,
    UpkeepKind.CONTENTS: _contents,
    UpkeepKind.DKIM: _dkim,
    UpkeepKind.CLUSTER: _cluster,
    **trash_work.WORK,
    **move_work.WORK,
}
