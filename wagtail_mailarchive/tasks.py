"""What django-q2's workers call: thin, and ids only as arguments."""

from __future__ import annotations

import time

from .fetching import alerts, notices, schedule, trials
from .fetching import run as runs
from .models import FetchRun, WorkerHeartbeat

_BEAT_EVERY = 30.0  # seconds


def dispatch() -> int:
    """Scheduled each minute: note that a worker is alive, request what is due, watch accounts."""
    WorkerHeartbeat.beat()
    requested = schedule.dispatch_due()
    trials.tidy()
    alerts.evaluate()
    notices.request_sending()
    return len(requested)


def run_trial(trial_id: int) -> str:
    """Test a mail account's connection, or say what a fetch of it would do."""
    WorkerHeartbeat.beat()
    return trials.run_trial(trial_id)


def send_notices() -> int:
    """Send the mails that managers of accounts have still to get."""
    WorkerHeartbeat.beat()
    return notices.send_due()


def fetch(run_id: int) -> str:
    """Work on a fetch run for a few minutes; queue the rest of it."""
    WorkerHeartbeat.beat()
    beaten = time.monotonic()

    def beat() -> None:
        nonlocal beaten
        if time.monotonic() - beaten > _BEAT_EVERY:
            WorkerHeartbeat.beat()
            beaten = time.monotonic()

    verdict = runs.work_on(run_id, beat=beat)
    if verdict is runs.Verdict.CONTINUES:
        schedule.enqueue(FetchRun.objects.get(pk=run_id))
    return verdict.value
