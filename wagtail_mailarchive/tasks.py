"""What django-q2's workers call: thin, and ids only as arguments."""

from __future__ import annotations

import time
from collections.abc import Callable

from .collaboration import comment_notices, following
from .fetching import (
    alerts,
    integrity_alarm,
    notices,
    reconciliation_schedule,
    schedule,
    search_feed,
    trash_requests,
    trials,
    upkeep,
    upkeep_requests,
)
from .fetching import run as runs
from .models import FetchRun, UpkeepRun, WorkerHeartbeat

_BEAT_EVERY = 30.0  # seconds


def dispatch() -> int:
    """Scheduled each minute: note that a worker is alive, request what is due, watch accounts."""
    WorkerHeartbeat.beat()
    requested = schedule.dispatch_due()
    trials.tidy()
    reconciliation_schedule.request_due()
    alerts.evaluate()
    notices.request_sending()
    comment_notices.request_sending()
    upkeep_requests.dispatch()
    trash_requests.request_emptying()
    search_feed.request()
    integrity_alarm.request_sending()
    following.request()
    return len(requested)


def run_trial(trial_id: int) -> str:
    """Test a mail account, say what a fetch of it would do, or compare it with the ledger."""
    WorkerHeartbeat.beat()
    return trials.run_trial(trial_id)


def send_notices() -> int:
    """Send the mails that managers of accounts have still to get."""
    WorkerHeartbeat.beat()
    return notices.send_due()


def tell_followers() -> int:
    """Send the mails that followers have still to get, a batch at a time."""
    WorkerHeartbeat.beat()
    return following.work()


def send_comment_notices() -> int:
    """Send the mails about comments: to those mentioned in them, and to moderators."""
    WorkerHeartbeat.beat()
    return comment_notices.send_due()


def tell_of_integrity() -> int:
    """Send the mails that tell administrators what is not as it was archived."""
    WorkerHeartbeat.beat()
    return integrity_alarm.send()


def run_upkeep(run_id: int) -> str:
    """Work on what is archived already for a few minutes; queue the rest of it."""
    beat = _beating()
    verdict = upkeep.work_on(run_id, after_batch=lambda run: beat())
    if verdict is upkeep.Verdict.CONTINUES:
        upkeep_requests.enqueue(UpkeepRun.objects.get(pk=run_id))
    return verdict.value


def fetch(run_id: int) -> str:
    """Work on a fetch run for a few minutes; queue the rest of it."""
    verdict = runs.work_on(run_id, beat=_beating())
    if verdict is runs.Verdict.CONTINUES:
        schedule.enqueue(FetchRun.objects.get(pk=run_id))
    else:
        upkeep_requests.request_contents()
        upkeep_requests.request_dkim()
        search_feed.request()
    return verdict.value


def _beating() -> Callable[[], None]:
    """Say that a worker is alive; return what says so again, at most twice a minute."""
    WorkerHeartbeat.beat()
    beaten = time.monotonic()

    def beat() -> None:
        nonlocal beaten
        if time.monotonic() - beaten > _BEAT_EVERY:
            WorkerHeartbeat.beat()
            beaten = time.monotonic()

    return beat
