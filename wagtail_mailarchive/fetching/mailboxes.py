"""The work of one task: an account's mailboxes one after the other, until the time is up.

Where the server fails at a batch, what was read before is written, the ledger notes at which
messages it failed, and a new connection goes on; see `waiting` for the order.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import closing

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from ..archive.writer import Writer
from ..exceptions import MailboxNotFound, MessageNotGiven, SourceError
from ..mime.process import ParserProcess
from ..models import FetchRun, MailAccount, Mailbox, Outcome
from ..models.site_settings import effective_settings
from ..sources.base import Source
from ..sources.deadline import Deadline
from ..sources.imap import ImapSource
from .lease import HeldLease
from .listing import update_ledger
from .pipeline import Batch, ReadingFailed, batches
from .tally import on_server
from .waiting import Waiting, leave_too_large, note_failure, wait_again, waiting

logger = logging.getLogger("wagtail_mailarchive.fetching")

# Messages that fail one after the other, each asked for alone: then it is not the messages.
_MOST_FAILURES = 3

_COUNTERS = {
    Outcome.ARCHIVED: "archived",
    Outcome.DUPLICATE: "duplicates",
    Outcome.EXCLUDED: "excluded",
    Outcome.QUARANTINED: "quarantined",
    Outcome.TOO_LARGE: "too_large",
    Outcome.ERASED: "erased",
}


class TimeIsUp(Exception):
    """The task has to end; the run goes on in the next one."""


class SwitchedOff(Exception):
    """The account was switched off meanwhile."""


class Pass:
    """The work of one task on one run.

    Args:
        seconds: after which nothing more is begun.
        until: when the connection ends whatever it is doing.
        after_batch: called with the run after each commit.
    """

    def __init__(
        self,
        run: FetchRun,
        account: MailAccount,
        held: HeldLease,
        seconds: float,
        until: Deadline,
        after_batch: Callable[[FetchRun], None],
    ) -> None:
        self._run = run
        self._account = account
        self._lease = held
        self._end = time.monotonic() + seconds
        self._until = until
        self._after_batch = after_batch
        self._limit = effective_settings().MAX_MESSAGE_SIZE
        self._failures = 0
        self._missing: MailboxNotFound | None = None

    def work(self) -> None:
        """Fetch what waits in all mailboxes.

        Raises:
            TimeIsUp, SwitchedOff, MailArchiveError: what was committed stays.
        """
        if not self._account.enabled:
            raise SwitchedOff
        todo = deque(self._account.mailboxes)
        with ParserProcess() as parser:
            while todo:
                # More than one connection only where the server fails at messages.
                endpoint = self._account.endpoint()
                with ImapSource(endpoint, until=self._until, largest=self._limit) as source:
                    self._work_through(todo, source, parser)
        if self._missing is not None:
            # Said only now: the account's other mailboxes do not suffer for it.
            raise self._missing

    def _work_through(self, todo: deque[str], source: Source, parser: ParserProcess) -> None:
        """Work on mailboxes until none is left or the connection is of no use any more."""
        while todo:
            try:
                self._work_on_mailbox(source, parser, todo[0])
            except MailboxNotFound as error:
                self._missing = self._missing or error
            except ReadingFailed:
                return
            todo.popleft()

    def _work_on_mailbox(self, source: Source, parser: ParserProcess, name: str) -> None:
        with transaction.atomic():
            self._lease.renew()
            FetchRun.objects.filter(pk=self._run.pk).update(current_mailbox=name)
            # An account that was given another folder archives there from now on.
            mailbox, _ = Mailbox.objects.update_or_create(
                account=self._account, name=name, defaults={"folder_id": self._account.folder_id}
            )
        uidvalidity = update_ledger(source, mailbox, self._lease).uidvalidity
        # Again as long as there are messages that were asked for in company only.
        while (todo := self._todo(mailbox, uidvalidity)).uids:
            self._read(source, parser, mailbox, uidvalidity, todo)

    def _todo(self, mailbox: Mailbox, uidvalidity: int) -> Waiting:
        with transaction.atomic():
            self._lease.renew()
            wait_again(mailbox, uidvalidity, limit=self._limit)
            todo = waiting(mailbox, uidvalidity, run_id=self._run.pk)
            FetchRun.objects.filter(pk=self._run.pk).update(
                waiting=len(todo.uids), on_server=on_server(self._account)
            )
        return todo

    def _read(
        self,
        source: Source,
        parser: ParserProcess,
        mailbox: Mailbox,
        uidvalidity: int,
        todo: Waiting,
    ) -> None:
        coming = batches(
            source,
            parser,
            todo.uids,
            alone=todo.alone,
            max_size=self._limit,
            renew=self._lease.renew,
            is_over=self._is_over,
        )
        writer = Writer(mailbox, uidvalidity, fence=self._lease.renew, also=self._count)
        try:
            with closing(coming):
                for batch in coming:
                    self._write(writer, mailbox, uidvalidity, batch)
        except ReadingFailed as failed:
            self._note_failure(mailbox, uidvalidity, failed)
            if self._is_over():
                raise TimeIsUp from None
            raise
        if self._is_over():
            raise TimeIsUp

    def _write(self, writer: Writer, mailbox: Mailbox, uidvalidity: int, batch: Batch) -> None:
        if batch.too_large:
            with transaction.atomic():
                self._lease.renew()
                leave_too_large(mailbox, uidvalidity, batch.too_large)
                self._count(Counter({Outcome.TOO_LARGE: len(batch.too_large)}), 0)
            for message in batch.too_large:
                logger.warning(
                    "Mailbox %s: UID %s stays on the server: it has %s bytes, the limit is %s",
                    mailbox.pk,
                    message.uid,
                    message.size,
                    self._limit,
                )
        if batch.missing:
            # Gone meanwhile, as the next listing will show; or the server does not want to.
            error = MessageNotGiven(host=self._account.host)
            self._note(mailbox, uidvalidity, batch.missing, error, alone=batch.is_alone)
        writer.write(batch.incoming)
        if batch.incoming:
            self._failures = 0
        self._after_batch(self._run)
        if not MailAccount.objects.filter(pk=self._account.pk, enabled=True).exists():
            # If it was deleted, then its lease as well, and that ends the run.
            self._lease.renew()
            raise SwitchedOff

    def _note_failure(self, mailbox: Mailbox, uidvalidity: int, failed: ReadingFailed) -> None:
        """Note at what the server failed.

        Raises:
            SourceError: it fails at whatever it is asked for.
        """
        self._note(mailbox, uidvalidity, failed.uids, failed.error, alone=failed.alone)
        if failed.alone:
            self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise failed.error from None

    def _note(
        self,
        mailbox: Mailbox,
        uidvalidity: int,
        uids: Sequence[int],
        error: SourceError,
        *,
        alone: bool,
    ) -> None:
        with transaction.atomic():
            self._lease.renew()
            failed_in = self._run.pk if alone else None
            note_failure(mailbox, uidvalidity, uids, error, failed_in=failed_in)
        logger.warning(
            "Mailbox %s: %s messages from UID %s on were not read: %s",
            mailbox.pk,
            len(uids),
            uids[0],
            error,
        )

    def _is_over(self) -> bool:
        return time.monotonic() > self._end

    def _count(self, outcomes: Counter[Outcome], size: int) -> None:
        FetchRun.objects.filter(pk=self._run.pk).update(
            bytes_fetched=F("bytes_fetched") + size,
            # Progress only: no number here may keep mail from being committed.
            waiting=Greatest(F("waiting") - outcomes.total(), Value(0)),
            **{_COUNTERS[outcome]: F(_COUNTERS[outcome]) + n for outcome, n in outcomes.items()},
        )
