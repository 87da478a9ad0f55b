"""One pass over one account, in as many tasks as it takes.

account -> lease -> source -> ledger -> batches -> parser -> archive, mailbox by mailbox. A task
stops at a batch boundary after five minutes and the run goes on in the next one, so a million
messages take hours without any task outliving the queue's patience.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from enum import Enum

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from wagtail.log_actions import log

from ..archive.writer import Writer
from ..conf import archive_settings
from ..exceptions import LeaseLost, MailArchiveError, MailboxNotFound, UnexpectedFetchError
from ..mime.process import ParserProcess
from ..models import FetchRun, LedgerEntry, MailAccount, Mailbox, Outcome, RunStatus
from ..models.run import ACTIVE
from ..sources.base import RemoteMessage, Source
from ..sources.deadline import Deadline
from ..sources.imap import ImapSource
from . import lease as leases
from .lease import HeldLease
from .listing import update_ledger, waiting_uids
from .pipeline import batches
from .tally import on_server, tally

logger = logging.getLogger("wagtail_mailarchive.fetching")

# Well below the queue's timeout, so that a task ends by itself and not by being killed.
TASK_SECONDS = 300
# What the last batch may take beyond that; then the connection ends whatever it is doing.
_GRACE = 240
LOG_ACTION = "wagtail_mailarchive.fetch"

_COUNTERS = {
    Outcome.ARCHIVED: "archived",
    Outcome.DUPLICATE: "duplicates",
    Outcome.EXCLUDED: "excluded",
    Outcome.QUARANTINED: "quarantined",
    Outcome.TOO_LARGE: "too_large",
    Outcome.ERASED: "erased",
}


class Verdict(Enum):
    FINISHED = "finished"  # succeeded, failed or stopped; the run says which
    CONTINUES = "continues"  # time is up; call again
    BUSY = "busy"  # another worker holds the account


class _TimeIsUp(Exception):
    """The task has to end; the run goes on in the next one."""


def work_on(
    run_id: int,
    *,
    seconds: float = TASK_SECONDS,
    after_batch: Callable[[FetchRun], None] = lambda run: None,
) -> Verdict:
    """Work on a queued or interrupted run for at most `seconds` and one batch.

    Errors of ours end in the run, where people see them. An error nobody foresaw is noted there
    too and raised.

    Args:
        after_batch: called with the run, freshly read, after each commit.
    """
    run = FetchRun.objects.filter(pk=run_id, status__in=ACTIVE).select_related("account").first()
    if run is None:
        return Verdict.FINISHED
    account = run.account
    if account is None or not account.enabled:
        _end(run, RunStatus.STOPPED)
        return Verdict.FINISHED
    held = leases.acquire(account)
    if held is None:
        return Verdict.BUSY
    FetchRun.objects.filter(pk=run.pk, started_at=None).update(started_at=timezone.now())
    FetchRun.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    try:
        _Pass(run, account, held, seconds, after_batch).work()
    except _TimeIsUp:
        return Verdict.CONTINUES
    except LeaseLost:
        logger.warning("Run %s: another worker has taken over account %s", run.pk, account.pk)
        return Verdict.BUSY
    except MailArchiveError as error:
        logger.warning("Run %s of account %s failed: %s", run.pk, account.pk, error)
        _fail(run, error)
    except Exception:
        _fail(run, UnexpectedFetchError(account=account.name))
        raise
    else:
        _succeed(run, account)
    finally:
        held.release()
    return Verdict.FINISHED


class _Pass:
    """The work of one task on one run."""

    def __init__(
        self,
        run: FetchRun,
        account: MailAccount,
        held: HeldLease,
        seconds: float,
        after_batch: Callable[[FetchRun], None],
    ) -> None:
        self._run = run
        self._account = account
        self._lease = held
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._after_batch = after_batch

    def work(self) -> None:
        missing: MailboxNotFound | None = None
        until = Deadline(self._seconds + _GRACE)
        with (
            ImapSource(self._account.endpoint(), until=until) as source,
            ParserProcess() as parser,
        ):
            for name in self._account.mailboxes:
                try:
                    self._work_on_mailbox(source, parser, name)
                except MailboxNotFound as error:
                    missing = missing or error
        if missing is not None:
            # Said only now: the account's other mailboxes do not suffer for it.
            raise missing

    def _work_on_mailbox(self, source: Source, parser: ParserProcess, name: str) -> None:
        FetchRun.objects.filter(pk=self._run.pk).update(current_mailbox=name)
        # An account that was given another folder archives there from now on.
        mailbox, _ = Mailbox.objects.update_or_create(
            account=self._account, name=name, defaults={"folder_id": self._account.folder_id}
        )
        self._lease.renew()
        state = source.open_mailbox(name)
        update_ledger(source, state, mailbox, self._lease)
        writer = Writer(mailbox, state.uidvalidity, fence=self._lease.renew, also=self._count)
        uids = waiting_uids(mailbox, state.uidvalidity)
        FetchRun.objects.filter(pk=self._run.pk).update(
            waiting=len(uids), on_server=on_server(self._account)
        )
        if not uids:
            return
        limit = archive_settings().MAX_MESSAGE_SIZE
        with closing(
            batches(source, parser, uids, max_size=limit, renew=self._lease.renew)
        ) as coming:
            for batch in coming:
                self._leave_too_large(mailbox, state.uidvalidity, batch.too_large)
                writer.write(batch.incoming)
                self._after_batch(self._run)
                if time.monotonic() > self._end:
                    raise _TimeIsUp

    def _leave_too_large(
        self, mailbox: Mailbox, uidvalidity: int, messages: Sequence[RemoteMessage]
    ) -> None:
        if not messages:
            return
        with transaction.atomic():
            self._lease.renew()
            for message in messages:
                LedgerEntry.objects.filter(
                    mailbox=mailbox, uidvalidity=uidvalidity, uid=message.uid
                ).update(
                    outcome=Outcome.TOO_LARGE,
                    size=message.size,
                    received_at=message.received_at,
                    decided_at=timezone.now(),
                )
            self._count(Counter({Outcome.TOO_LARGE: len(messages)}), 0)

    def _count(self, outcomes: Counter[Outcome], size: int) -> None:
        FetchRun.objects.filter(pk=self._run.pk).update(
            bytes_fetched=F("bytes_fetched") + size,
            waiting=F("waiting") - outcomes.total(),
            **{_COUNTERS[outcome]: F(_COUNTERS[outcome]) + n for outcome, n in outcomes.items()},
        )


def _succeed(run: FetchRun, account: MailAccount) -> None:
    counted = tally(account)
    if not counted.adds_up:
        logger.warning(
            "Run %s: account %s holds %s messages, the ledger %s",
            run.pk,
            account.pk,
            counted.on_server,
            sum(counted.by_outcome.values()),
        )
    _end(
        run,
        RunStatus.SUCCEEDED,
        on_server=counted.on_server,
        waiting=counted.waiting,
        adds_up=counted.adds_up,
    )
    run.refresh_from_db()
    if run.archived:
        log(
            instance=run.folder,
            action=LOG_ACTION,
            user=run.started_by,
            data={"archived": run.archived, "account": account.name},
        )


def _fail(run: FetchRun, error: MailArchiveError) -> None:
    _end(run, RunStatus.FAILED, error_code=error.code, error_params=error.params)


def _end(run: FetchRun, status: RunStatus, **values: object) -> None:
    FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE).update(
        status=status, finished_at=timezone.now(), current_mailbox="", **values
    )
