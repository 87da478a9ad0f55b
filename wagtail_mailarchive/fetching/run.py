"""One pass over one account, in as many tasks as it takes.

account -> lease -> source -> ledger -> batches -> parser -> archive, mailbox by mailbox. A task
stops at a batch boundary after five minutes and the run goes on in the next one, so a million
messages take hours without any task outliving the queue's patience.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone
from wagtail.log_actions import log

from ..crossings import Crossing, cross
from ..exceptions import (
    LeaseLost,
    MailArchiveError,
    ParserUnavailable,
    StorageError,
    TokenRejected,
    UnexpectedFetchError,
)
from ..models import FetchRun, LedgerEntry, MailAccount, Presence, RunStatus
from ..models.run import ACTIVE
from ..signals import account_failed, run_finished
from ..sources.deadline import Deadline
from . import lease as leases
from .anomalies import note_anomaly
from .health import note_end
from .lease import HeldLease
from .mailboxes import Pass
from .schedule import stop_orphans
from .tally import Tally, tally
from .tokens import renew_next_time
from .under_way import TimeIsUp, UnderWay, Unwanted
from .waiting import not_read

logger = logging.getLogger("wagtail_mailarchive.fetching")

# Well below the queue's timeout, so that a task ends by itself and not by being killed.
TASK_SECONDS = 300
# What the last batch may take beyond that; then the connection ends whatever it is doing.
GRACE_SECONDS = 240
LONGEST_TASK = TASK_SECONDS + GRACE_SECONDS
LOG_ACTION = "wagtail_mailarchive.fetch"


class Verdict(Enum):
    FINISHED = "finished"  # succeeded, failed or stopped; the run says which
    CONTINUES = "continues"  # time is up; call again
    BUSY = "busy"  # another worker holds the account


def work_on(
    run_id: int,
    *,
    seconds: float = TASK_SECONDS,
    after_batch: Callable[[FetchRun], None] = lambda run: None,
    beat: Callable[[], None] = lambda: None,
) -> Verdict:
    """Work on a queued or interrupted run for at most `seconds`, and what is under way then.

    Errors of ours end in the run, where people see them. An error nobody foresaw is noted there
    too and raised.

    Args:
        after_batch: called with the run after each commit.
        beat: called then and now and then while a server keeps us waiting.
    """
    # In the same query, because most accounts leave all mail on the server and pay nothing for it.
    pending = LedgerEntry.objects.filter(
        mailbox__account=OuterRef("account"),
        presence=Presence.REMOVAL_PENDING,
    )
    runs = FetchRun.objects.filter(pk=run_id, status__in=ACTIVE).select_related("account")
    run = runs.annotate(has_pending=Exists(pending)).first()
    if run is None:
        return Verdict.FINISHED
    account = run.account
    if account is None:
        stop_orphans()
        return Verdict.FINISHED
    held = leases.acquire(account)
    if held is None:
        return Verdict.BUSY
    try:
        cross(Crossing.LEASE_TAKEN)
        return _work(run, account, held, seconds, after_batch, beat, has_pending=run.has_pending)
    except LeaseLost as error:
        # Or the account was deleted, and its lease with it.
        note_anomaly(run, error)
        stop_orphans()
        if not FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE).exists():
            return Verdict.FINISHED
        logger.warning("Run %s: another worker has taken over account %s", run.pk, account.pk)
        return Verdict.BUSY
    finally:
        held.release()
        cross(Crossing.LEASE_RELEASED)


def _work(
    run: FetchRun,
    account: MailAccount,
    held: HeldLease,
    seconds: float,
    after_batch: Callable[[FetchRun], None],
    beat: Callable[[], None],
    *,
    has_pending: bool,
) -> Verdict:
    """Do the work and note in the run how it ended.

    Raises:
        LeaseLost: the run is another worker's now, and nothing was noted.
    """
    try:
        if not _start(run, held):
            return Verdict.FINISHED
        cross(Crossing.RUN_BEGUN)
        until = Deadline(seconds + GRACE_SECONDS)
        under_way = UnderWay(
            run, account, held, seconds, until, after_batch, beat, has_pending=has_pending
        )
        Pass(under_way).work()
    except LeaseLost:
        raise
    except TimeIsUp:
        # Queued again by whoever called; the date keeps the schedule from doing so as well.
        _note(run, held, status=RunStatus.QUEUED, queued_at=timezone.now())
        cross(Crossing.RUN_CONTINUED)
        return Verdict.CONTINUES
    except Unwanted:
        _end(run, account, held, RunStatus.STOPPED)
    except MailArchiveError as error:
        logger.warning("Run %s of account %s failed: %s", run.pk, account.pk, error)
        if isinstance(error, TokenRejected):
            renew_next_time(account)
        if isinstance(error, (StorageError, ParserUnavailable)):
            note_anomaly(run, error)
        _fail(run, account, held, error)
    except Exception:
        unexpected = UnexpectedFetchError(account=account.name)
        note_anomaly(run, unexpected)
        _fail(run, account, held, unexpected)
        raise
    else:
        _succeed(run, account, held)
    return Verdict.FINISHED


def _start(run: FetchRun, held: HeldLease) -> bool:
    """Note that the run is worked on; False if it was stopped before."""
    with transaction.atomic():
        held.renew()
        mine = FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE)
        mine.filter(started_at=None).update(started_at=timezone.now())
        return bool(mine.update(status=RunStatus.RUNNING))


def _succeed(run: FetchRun, account: MailAccount, held: HeldLease) -> None:
    counted = _end(run, account, held, RunStatus.SUCCEEDED)
    if not counted.adds_up:
        logger.warning(
            "Run %s: account %s holds %s messages, the ledger %s",
            run.pk,
            account.pk,
            counted.on_server,
            sum(counted.by_outcome.values()),
        )
    if run.archived:
        log(
            instance=run.folder,
            action=LOG_ACTION,
            user=run.started_by,
            data={"archived": run.archived, "account": account.name},
        )
        cross(Crossing.RUN_LOGGED)


def _fail(run: FetchRun, account: MailAccount, held: HeldLease, error: MailArchiveError) -> None:
    values = {"error_code": error.code, "error_params": error.params}
    _end(run, account, held, RunStatus.FAILED, **values)
    account_failed.send_robust(sender=MailAccount, account=account, run=run, error=str(error))


def _end(
    run: FetchRun, account: MailAccount, held: HeldLease, status: RunStatus, **values: object
) -> Tally:
    """Note how the run ended and what the ledger holds by now; return the latter."""
    counted = tally(account)
    cross(Crossing.RUN_TALLIED)
    if status == RunStatus.SUCCEEDED:
        # After another end not every mailbox was listed, so nothing has to add up.
        values["adds_up"] = counted.adds_up
        values["fetched_at"] = Coalesce("fetched_at", timezone.now())
    if counted.waiting:
        values["not_read"] = not_read(account)
    with transaction.atomic():
        _note(
            run,
            held,
            status=status,
            finished_at=timezone.now(),
            current_mailbox="",
            on_server=counted.on_server,
            waiting=counted.waiting,
            **values,
        )
        note_end(run)
    cross(Crossing.RUN_ENDED)
    run.refresh_from_db()
    run_finished.send_robust(sender=FetchRun, run=run)
    return counted


def _note(run: FetchRun, held: HeldLease, **values: object) -> None:
    """Change the run, unless it is another worker's by now.

    Raises:
        LeaseLost: it is.
    """
    with transaction.atomic():
        held.renew()
        FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE).update(**values)
