"""One mailbox: listed, compared with the ledger, and what waits in it read and written.

Where the server fails at a batch, what was read before is written, and the ledger notes at which
messages it failed; see `waiting` for the order in which they are asked for again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing

from ..archive.writer import Incoming, Writer
from ..crossings import Crossing, cross
from ..exceptions import MessageNotGiven, ServerBusy, SourceError, UidlChanged
from ..mime.process import ParserProcess
from ..models import FetchRun, Mailbox, Outcome
from ..sources.base import Source
from ..sources.pop3 import Pop3Source
from . import listing, maildrop
from .exclusion import leave_excluded
from .pipeline import Batch, ReadingFailed, batches
from .selection import criteria, select
from .tally import on_server, waits
from .under_way import TimeIsUp, UnderWay
from .waiting import (
    Waiting,
    leave_too_large,
    left_of_limit,
    note_failure,
    wait_again,
    waiting,
)

logger = logging.getLogger("wagtail_mailarchive.fetching")

# Messages that fail one after the other, each asked for alone: then it is not the messages. Unless
# they failed in earlier runs: then there are such messages, and the rest of them is left in peace.
_MOST_FAILURES = 3


class OneMailbox:
    """The work on one mailbox over one connection."""

    def __init__(
        self, under_way: UnderWay, source: Source, parser: ParserProcess, name: str
    ) -> None:
        self._under_way = under_way
        self._source = source
        self._parser = parser
        account = under_way.account
        with under_way.fenced():
            under_way.note(current_mailbox=name)
            self._mailbox, _ = Mailbox.objects.update_or_create(
                account=account,
                name=name,
                defaults={
                    # An account that was given another folder archives there from now on.
                    "folder_id": account.folder_id,
                    "server": account.server,
                    "is_archived": True,
                    "problem_code": "",
                    "problem_params": {},
                },
            )
        self._uidvalidity = 0
        self._maildrop: maildrop.Listed | None = None
        cross(Crossing.MAILBOX_NOTED)

    def fetch(self) -> None:
        """Bring the ledger up to date with the mailbox and fetch what waits.

        Raises:
            TimeIsUp, Unwanted, ReadingFailed, MailArchiveError: what was committed stays.
        """
        self._list()
        # Again as long as there are messages that were asked for in company only.
        while (todo := self._todo()).uids:
            self._read(todo)

    def _list(self) -> None:
        under_way, source, mailbox = self._under_way, self._source, self._mailbox
        if isinstance(source, Pop3Source):
            self._maildrop = maildrop.update_ledger(under_way, source, mailbox)
            state = self._maildrop.state
        else:
            state = listing.update_ledger(under_way, source, mailbox)
        self._uidvalidity = state.uidvalidity
        with under_way.fenced():
            wait_again(mailbox, self._uidvalidity, limit=under_way.largest)
        cross(Crossing.RECONSIDERED)
        wanted = criteria(under_way.account, mailbox.name)
        excluded = select(under_way, source, mailbox, self._uidvalidity, wanted)
        if excluded:
            with under_way.fenced():
                under_way.count(Counter({Outcome.EXCLUDED: excluded}), 0)
        cross(Crossing.SELECTED)

    def _todo(self) -> Waiting:
        account, run_id = self._under_way.account, self._under_way.run.pk
        with self._under_way.fenced():
            most = left_of_limit(FetchRun.objects.get(pk=run_id), account)
            retries = self._under_way.failures_again < _MOST_FAILURES
            todo = waiting(
                self._mailbox, self._uidvalidity, run_id=run_id, most=most, retries=retries
            )
            self._under_way.note(waiting=waits(account), on_server=on_server(account))
        cross(Crossing.WAITING_CHOSEN)
        return todo

    def _read(self, todo: Waiting) -> None:
        under_way = self._under_way
        coming = batches(
            self._source,
            self._parser,
            todo.uids,
            alone=todo.alone,
            wanted=todo.wanted,
            max_size=under_way.largest,
            renew=under_way.wait,
            is_over=under_way.is_over,
        )
        writer = Writer(
            self._mailbox, self._uidvalidity, fence=under_way.lease.renew, also=under_way.count
        )
        try:
            with closing(coming):
                for batch in coming:
                    self._write(writer, batch)
        except ReadingFailed as failed:
            self._note_failure(failed, todo)
            if under_way.is_over():
                raise TimeIsUp from None
            raise
        if under_way.is_over():
            raise TimeIsUp

    def _write(self, writer: Writer, batch: Batch) -> None:
        under_way = self._under_way
        if batch.too_large:
            with under_way.fenced():
                leave_too_large(self._mailbox, self._uidvalidity, batch.too_large)
                under_way.count(Counter({Outcome.TOO_LARGE: len(batch.too_large)}), 0)
            cross(Crossing.UNREAD_NOTED)
            for message in batch.too_large:
                logger.warning(
                    "Mailbox %s: UID %s stays on the server: it has %s bytes, the limit is %s",
                    self._mailbox.pk,
                    message.uid,
                    message.size,
                    under_way.largest,
                )
        if batch.missing:
            # Gone meanwhile, as the next listing will show; or the server does not want to.
            error = MessageNotGiven(host=under_way.account.host)
            self._note(batch.missing, error, alone=batch.is_alone)
        unknown = self._unknown(batch.incoming)
        writer.write(leave_excluded(under_way, self._mailbox, self._uidvalidity, unknown))
        if batch.incoming:
            under_way.failures = under_way.failures_again = 0
        under_way.committed()

    def _unknown(self, incoming: Sequence[Incoming]) -> Sequence[Incoming]:
        """Return what the ledger does not know under another name."""
        if self._maildrop is None or not incoming:
            return incoming
        under_way = self._under_way
        with under_way.fenced():
            known = maildrop.take_up_again(self._mailbox, self._maildrop, incoming)
            if known:
                size = sum(each.original.size for each in known)
                under_way.count(Counter({Outcome.DUPLICATE: len(known)}), size)
        cross(Crossing.RECOGNISED)
        if not known:
            return incoming
        under_way.saw(UidlChanged(number=len(known)))
        uids = {each.uid for each in known}
        return [each for each in incoming if each.uid not in uids]

    def _note_failure(self, failed: ReadingFailed, todo: Waiting) -> None:
        """Note at what the server failed.

        Raises:
            SourceError: it fails at whatever it is asked for, or asks to be left alone.
        """
        under_way, error = self._under_way, failed.error
        before = todo.failed.get(failed.uids[0]) if failed.alone else None
        # That it fails at this message as it did before says nothing of the others.
        is_known = before == error.code
        self._note(failed.uids, error, alone=failed.alone)
        if isinstance(error, ServerBusy):
            if not is_known:
                # Asking on would make it worse. But some servers say so of single messages: these
                # are asked for alone by the next run, and last by the one after it.
                raise error from None
            under_way.failures_again = _MOST_FAILURES
            return
        if not is_known:
            under_way.saw(error)
        if before is not None:
            under_way.failures_again += 1
        elif failed.alone:
            under_way.failures += 1
        if under_way.failures >= _MOST_FAILURES:
            raise error from None

    def _note(self, uids: Sequence[int], error: SourceError, *, alone: bool) -> None:
        with self._under_way.fenced():
            failed_in = self._under_way.run.pk if alone else None
            note_failure(self._mailbox, self._uidvalidity, uids, error, failed_in=failed_in)
        cross(Crossing.UNREAD_NOTED)
        logger.warning(
            "Mailbox %s: %s messages from UID %s on were not read: %s",
            self._mailbox.pk,
            len(uids),
            uids[0],
            error,
        )
