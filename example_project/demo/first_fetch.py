"""Ask the worker for the demo's mail, the way a click on "Fetch new mail" does, and watch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from wagtail_mailarchive.fetching.schedule import request_fetch
from wagtail_mailarchive.models import FetchRun, MailAccount, RunStatus, Trigger

PATIENCE = 120.0  # seconds


def fetch(check: Callable[[], None]) -> None:
    """Fetch all enabled accounts through the queue, and print what came of it.

    Args:
        check: called several times a second; raises to end the waiting.
    """
    accounts = MailAccount.objects.filter(enabled=True)
    runs = [request_fetch(account, trigger=Trigger.HAND) for account in accounts]
    deadline = time.monotonic() + PATIENCE
    width = 0
    while any(run.is_active for run in runs) and time.monotonic() < deadline:
        check()
        time.sleep(0.25)
        for run in runs:
            run.refresh_from_db()
        if sys.stdout.isatty():
            line = _progress(runs)
            print(f"\r{line:<{width}}", end="", flush=True)
            width = len(line)
    if sys.stdout.isatty() and width:
        print(f"\r{'':<{width}}\r", end="")
    for run in runs:
        print(f"  {_result(run)}", flush=True)


def _progress(runs: list[FetchRun]) -> str:
    whole = sum(run.on_server for run in runs)
    if not whole:
        return "  Waiting for the worker ..."
    done = whole - sum(run.waiting for run in runs)
    filled = 30 * done // whole
    return f"  [{'#' * filled:<30}] {done} of {whole} messages"


def _result(run: FetchRun) -> str:
    if run.is_active:
        return f"{run.account_name}: still at it; the folder's page tells how far it is."
    if run.status == RunStatus.FAILED:
        return f"{run.account_name}: {run.error}"
    told = f"{run.archived} new messages" if run.archived else "nothing new"
    return f"{run.account_name}: {told}, {run.on_server} on the server"
