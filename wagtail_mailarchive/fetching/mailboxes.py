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

from ..archive.writer import Incoming, Writer
from ..exceptions import MailboxNotFound, MessageNotGiven, SourceError
from ..mime.process import ParserProcess
from ..models import FetchRun, MailAccount, Mailbox, Outcome
from ..models.account import Protocol
from ..models.site_settings import effective_settings, is_on
from ..sources.base import RemoteMailbox, Source
from ..sources.deadline import Deadline
from ..sources.open import open_source
from ..sources.pop3 import Pop3Source
from . import listing, maildrop
from .ahead import meanwhile
from .choice import mailboxes_to_archive, note_choice
from .credentials import endpoint_of
from .health import note_certificate
from .lease import RENEW_EVERY, HeldLease
from .pipeline import Batch, ReadingFailed, batches
from .selection import criteria, select
from .tally import on_server, waits
from .waiting import (
    Waiting,
    leave_too_large,
    left_of_limit,
    note_failure,
    wait_again,
    waiting,
)

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


class Unwanted(Exception):
    """Somebody stopped the run, or switched the account or the site off."""


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
            TimeIsUp, Unwanted, MailArchiveError: what was committed stays.
        """
        self._go_on()
        todo: deque[str] | None = None
        with ParserProcess() as parser:
            while todo is None or todo:
                # More than one connection only where the server fails at messages.
                is_over = False
                with self._connection() as source:
                    try:
                        if todo is None:
                            todo = self._choose(source)
                        self._work_through(todo, source, parser)
                    except TimeIsUp:
                        # Nothing failed, and all that was read is committed. So the connection
                        # ends in peace, which to some POP3 servers means that it was read.
                        is_over = True
                if is_over:
                    raise TimeIsUp
        if self._missing is not None:
            # Said only now: the account's other mailboxes do not suffer for it.
            raise self._missing

    def _connection(self) -> Source:
        return open_source(
            endpoint_of(self._account),
            self._account.protocol,
            until=self._until,
            largest=self._limit,
        )

    def _choose(self, source: Source) -> deque[str]:
        note_certificate(self._account.pk, source.certificate_expires_at)

        def ask() -> Sequence[RemoteMailbox]:
            return meanwhile(
                source.list_mailboxes,
                idle=self._lease.renew,
                every=RENEW_EVERY,
                wake=source.interrupt,
            )

        names = mailboxes_to_archive(self._account, ask)
        with transaction.atomic():
            self._lease.renew()
            note_choice(self._account, names)
        return deque(names)

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
            if todo:
                self._go_on()

    def _work_on_mailbox(self, source: Source, parser: ParserProcess, name: str) -> None:
        with transaction.atomic():
            self._lease.renew()
            FetchRun.objects.filter(pk=self._run.pk).update(current_mailbox=name)
            # An account that was given another folder archives there from now on.
            mailbox, _ = Mailbox.objects.update_or_create(
                account=self._account,
                name=name,
                defaults={"folder_id": self._account.folder_id, "is_archived": True},
            )
        uidvalidity = self._list(source, mailbox)
        # Again as long as there are messages that were asked for in company only.
        while (todo := self._todo(mailbox, uidvalidity)).uids:
            self._read(source, parser, mailbox, uidvalidity, todo)

    def _list(self, source: Source, mailbox: Mailbox) -> int:
        """Bring the ledger up to date with a mailbox; return its UIDVALIDITY."""
        if isinstance(source, Pop3Source):
            state = maildrop.update_ledger(source, mailbox, self._lease, run_id=self._run.pk)
        else:
            state = listing.update_ledger(source, mailbox, self._lease)
        with transaction.atomic():
            self._lease.renew()
            wait_again(mailbox, state.uidvalidity, limit=self._limit)
        wanted = criteria(self._account, mailbox.name)
        excluded = select(source, mailbox, state.uidvalidity, wanted, self._lease)
        if excluded:
            with transaction.atomic():
                self._lease.renew()
                self._count(Counter({Outcome.EXCLUDED: excluded}), 0)
        return state.uidvalidity

    def _todo(self, mailbox: Mailbox, uidvalidity: int) -> Waiting:
        with transaction.atomic():
            self._lease.renew()
            run = FetchRun.objects.filter(pk=self._run.pk)
            most = left_of_limit(run.get(), self._account)
            todo = waiting(mailbox, uidvalidity, run_id=self._run.pk, most=most)
            run.update(waiting=waits(self._account), on_server=on_server(self._account))
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
        writer.write(self._unknown(mailbox, uidvalidity, batch.incoming))
        if batch.incoming:
            self._failures = 0
        self._after_batch(self._run)
        self._go_on()

    def _unknown(
        self, mailbox: Mailbox, uidvalidity: int, incoming: Sequence[Incoming]
    ) -> Sequence[Incoming]:
        """Return what the ledger does not know under another name."""
        if self._account.protocol != Protocol.POP3 or not incoming:
            return incoming
        with transaction.atomic():
            self._lease.renew()
            known = maildrop.take_up_again(mailbox, uidvalidity, incoming)
            if not known:
                return incoming
            size = sum(each.original.size for each in known)
            self._count(Counter({Outcome.DUPLICATE: len(known)}), size)
        uids = {each.uid for each in known}
        return [each for each in incoming if each.uid not in uids]

    def _go_on(self) -> None:
        """Raise Unwanted if nobody wants the rest of the run."""
        run = FetchRun.objects.filter(pk=self._run.pk, stop_requested=False, account__enabled=True)
        if not run.exists() or not is_on():
            # If the account was deleted, then its lease as well, and that ends the run.
            self._lease.renew()
            raise Unwanted

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
