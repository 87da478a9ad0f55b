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
from django.utils import timezone
from wagtail.log_actions import log

from ..exceptions import LeaseLost, MailArchiveError, UnexpectedFetchError
from ..models import FetchRun, MailAccount, RunStatus
from ..models.run import ACTIVE
from ..sources.deadline import Deadline
from . import lease as leases
from .health import note_end
from .lease import HeldLease
from .mailboxes import Pass, SwitchedOff, TimeIsUp
from .schedule import stop_orphans
from .tally import tally

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
) -> Verdict:
    """Work on a queued or interrupted run for at most `seconds`, and what is under way then.

    Errors of ours end in the run, where people see them. An error nobody foresaw is noted there
    too and raised.

    Args:
        after_batch: called with the run after each commit.
    """
    run = FetchRun.objects.filter(pk=run_id, status__in=ACTIVE).select_related("account").first()
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
        return _work(run, account, held, seconds, after_batch)
    except LeaseLost:
        # Or the account was deleted, and its lease with it.
        stop_orphans()
        if not FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE).exists():
            return Verdict.FINISHED
        logger.warning("Run %s: another worker has taken over account %s", run.pk, account.pk)
        return Verdict.BUSY
    finally:
        held.release()


def _work(
    run: FetchRun,
    account: MailAccount,
    held: HeldLease,
    seconds: float,
    after_batch: Callable[[FetchRun], None],
) -> Verdict:
    """Do the work and note in the run how it ended.

    Raises:
        LeaseLost: the run is another worker's now, and nothing was noted.
    """
    try:
        _start(run, held)
        until = Deadline(seconds + GRACE_SECONDS)
        Pass(run, account, held, seconds, until, after_batch).work()
    except LeaseLost:
        raise
    except TimeIsUp:
        # Queued again by whoever called; the date keeps the schedule from doing so as well.
        _note(run, held, status=RunStatus.QUEUED, queued_at=timezone.now())
        return Verdict.CONTINUES
    except SwitchedOff:
        _end(run, held, RunStatus.STOPPED)
    except MailArchiveError as error:
        logger.warning("Run %s of account %s failed: %s", run.pk, account.pk, error)
        _fail(run, held, error)
    except Exception:
        _fail(run, held, UnexpectedFetchError(account=account.name))
        raise
    else:
        _succeed(run, account, held)
    return Verdict.FINISHED


def _start(run: FetchRun, held: HeldLease) -> None:
    with transaction.atomic():
        held.renew()
        mine = FetchRun.objects.filter(pk=run.pk)
        mine.filter(started_at=None).update(started_at=timezone.now())
        mine.update(status=RunStatus.RUNNING)


def _succeed(run: FetchRun, account: MailAccount, held: HeldLease) -> None:
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
        held,
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


def _fail(run: FetchRun, held: HeldLease, error: MailArchiveError) -> None:
    _end(run, held, RunStatus.FAILED, error_code=error.code, error_params=error.params)


def _end(run: FetchRun, held: HeldLease, status: RunStatus, **values: object) -> None:
    with transaction.atomic():
        _note(run, held, status=status, finished_at=timezone.now(), current_mailbox="", **values)
        note_end(run)


def _note(run: FetchRun, held: HeldLease, **values: object) -> None:
    """Change the run, unless it is another worker's by now.

    Raises:
        LeaseLost: it is.
    """
    with transaction.atomic():
        held.renew()
        FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE).update(**values)
