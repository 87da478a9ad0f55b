"""Upkeep: work on what is archived already, in as many tasks as it takes.

A run's position moves on with each batch, in the batch's own transaction, and only from where the
worker found it: whoever was thought dead and wakes up moves nothing. Everything a batch does may be
done twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from ..archive import contents, dkim, problems, sampling, verify
from ..archive.again import retry_entries
from ..archive.dkim_keys import Remembering
from ..archive.reprocessing import reprocess
from ..archive.search.cluster import feed
from ..archive.verify import Step
from ..exceptions import MailArchiveError, TooManyProblems, UnexpectedUpkeepError
from ..mime import VERSION
from ..mime.contents.process import ContentProcess
from ..mime.dkim.process import DkimProcess
from ..mime.process import ParserProcess
from ..models import (
    EmailMessagePage,
    LedgerEntry,
    Outcome,
    SearchChange,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)
from . import move_work, trash_work

logger = logging.getLogger("wagtail_mailarchive.fetching")

TASK_SECONDS = 300
# Longer than any batch takes; a worker that committed nothing for so long is dead.
STALE = timedelta(minutes=10)
# Beyond that something is wrong with the whole, and a list of everything helps nobody.
MOST_PROBLEMS = 1000

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


class Verdict(Enum):
    FINISHED = "finished"  # done, failed or stopped; the run says which
    CONTINUES = "continues"  # time is up; call again
    BUSY = "busy"  # another worker is at it


class _TimeIsUp(Exception):
    """The task has to end; the run goes on in the next one."""


class _Stopped(Exception):
    """Somebody wants it to end."""


class _TakenOver(Exception):
    """Another worker moved the run on."""


class Held:
    """A run that this worker is at."""

    def __init__(
        self, run: UpkeepRun, seconds: float, after_batch: Callable[[UpkeepRun], None]
    ) -> None:
        self.run = run
        self._end = time.monotonic() + seconds
        self._after_batch = after_batch
        self._position = run.position

    def renew(self) -> None:
        """Say that this worker is alive; as a transaction's first statement, fence it.

        Raises:
            _TakenOver.
        """
        self._change(worked_at=Now())

    def advance(self, position: int, *, done: int, problems: int, size: int = 0) -> None:
        """Move the run on, in the present transaction; `committed` has to be called after it.

        Args:
            size: bytes read.

        Raises:
            _TakenOver.
        """
        self._change(
            worked_at=Now(),
            position=position,
            done=F("done") + done,
            problems=F("problems") + problems,
            bytes_read=F("bytes_read") + size,
        )
        # Until that is committed the run stands where it stood, for another try or an end.
        self._position = position

    def committed(self) -> None:
        """Tell of a batch, and go on if there is time and it is still wanted.

        Raises:
            _Stopped, _TimeIsUp.
        """
        self.run.position = self._position
        # All but the position, which is another worker's where it is not ours.
        self.run.refresh_from_db(fields=["stop_requested", "done", "problems", "bytes_read"])
        self._after_batch(self.run)
        if self.run.stop_requested:
            raise _Stopped
        if self.run.problems >= MOST_PROBLEMS and self.run.kind in CHECKS:
            raise TooManyProblems(number=self.run.problems)
        if time.monotonic() > self._end:
            raise _TimeIsUp

    def stop_if_asked(self) -> None:
        """Go on only if it is still wanted, between two batches.

        Raises:
            _Stopped.
        """
        self.run.refresh_from_db(fields=["stop_requested"])
        if self.run.stop_requested:
            raise _Stopped

    def finish(self) -> None:
        """End the run as done in the present transaction, which has found nothing left to do.

        Raises:
            _TakenOver.
        """
        self._change(status=UpkeepStatus.DONE, finished_at=timezone.now())

    def _change(self, **values: Any) -> None:
        mine = UpkeepRun.objects.filter(
            pk=self.run.pk, status=UpkeepStatus.RUNNING, position=self.run.position
        )
        if not mine.update(**values):
            raise _TakenOver


CHECKS = (UpkeepKind.VERIFY, UpkeepKind.SAMPLE)


def work_on(
    run_id: int,
    *,
    seconds: float = TASK_SECONDS,
    after_batch: Callable[[UpkeepRun], None] = lambda run: None,
) -> Verdict:
    """Work on a run for at most `seconds`, and the batch under way then.

    Errors of ours end in the run, where people see them. An error nobody foresaw is noted there
    too and raised.

    Args:
        after_batch: called with the run after each commit.
    """
    run = _claimed(run_id)
    if run is None:
        active = UpkeepRun.objects.filter(pk=run_id, status=UpkeepStatus.RUNNING)
        return Verdict.BUSY if active.exists() else Verdict.FINISHED
    try:
        _WORK[UpkeepKind(run.kind)](Held(run, seconds, after_batch))
    except _TakenOver:
        logger.warning("Upkeep %s: another worker has taken it over", run.pk)
        return Verdict.BUSY
    except _TimeIsUp:
        _end(run, UpkeepStatus.QUEUED)
        return Verdict.CONTINUES
    except _Stopped:
        _end(run, UpkeepStatus.STOPPED)
    except MailArchiveError as error:
        logger.warning("Upkeep %s failed: %s", run.pk, error)
        _end(run, UpkeepStatus.FAILED, error)
    except Exception:
        _end(run, UpkeepStatus.FAILED, UnexpectedUpkeepError())
        raise
    except BaseException:
        # Interrupted, not broken: whoever comes next goes on.
        _end(run, UpkeepStatus.QUEUED)
        raise
    else:
        _end(run, UpkeepStatus.DONE)
    return Verdict.FINISHED


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


def _claimed(run_id: int) -> UpkeepRun | None:
    """Return the run if nobody works on it, begun and marked as worked on."""
    this = UpkeepRun.objects.filter(pk=run_id)
    abandoned = Q(status=UpkeepStatus.RUNNING, worked_at__lt=Now() - STALE)
    free = this.filter(Q(status=UpkeepStatus.QUEUED) | abandoned)
    if not free.update(status=UpkeepStatus.RUNNING, worked_at=Now()):
        return None
    run = this.get()
    if run.started_at is None:
        this.update(started_at=timezone.now(), total=_total(run))
        run.refresh_from_db()
    return run


def _total(run: UpkeepRun) -> int:
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


def _end(run: UpkeepRun, status: UpkeepStatus, error: MailArchiveError | None = None) -> None:
    """Note how this worker's share of the run ended, unless it is another's by now."""
    values: dict[str, Any] = {"status": status}
    if status == UpkeepStatus.QUEUED:
        # Queued again by whoever called; the date keeps the schedule from doing so as well.
        values["queued_at"] = timezone.now()
    else:
        values["finished_at"] = timezone.now()
    if error is not None:
        values |= {"error_code": error.code, "error_params": error.params}
    mine = UpkeepRun.objects.filter(pk=run.pk, status=UpkeepStatus.RUNNING, position=run.position)
    with transaction.atomic():
        if not mine.update(**values):
            return
        if status == UpkeepStatus.FAILED and run.kind == UpkeepKind.ERASE:
            trash_work.unmark(run)
        if run.kind not in CHECKS:
            return
        subject = f"check {run.kind}" + (f" {run.folder_id}" if run.folder_id else "")
        if error is not None:
            problems.note([problems.Found(subject, run.folder_id, error)])
        elif status == UpkeepStatus.DONE:
            problems.settle([subject])


# -- what is done ----------------------------------------------------------------------------


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


_WORK: dict[UpkeepKind, Callable[[Held], None]] = {
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
