"""Fetching in the caller's own process, to the end of the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..exceptions import AccountHeld
from ..models import FetchRun, MailAccount, Outcome, RunStatus, Trigger
from .health import health_of
from .run import Verdict, work_on
from .schedule import open_run
from .tally import tally

logger = logging.getLogger("wagtail_mailarchive.fetching")


@dataclass(frozen=True)
class Report:
    """How fetching one account ended.

    Attributes:
        busy: another worker is at it; the run goes on there.
        ledger: of the messages on the server, how many had which outcome, at any time; adds up
            to what the server holds.
    """

    account: MailAccount
    run: FetchRun
    busy: bool
    ledger: Mapping[Outcome, int]

    @property
    def failed(self) -> bool:
        return self.run.status == RunStatus.FAILED

    def sentence(self) -> str:
        """Say in plain English what happened; for terminals and logs."""
        name, run = self.account.name, self.run
        if self.busy:
            return f"{name}: another worker is fetching it now."
        if self.failed:
            return f"{name}: {run.error}"
        counts = [
            (run.archived, "archived"),
            (run.duplicates, "already here"),
            (run.excluded, "not selected"),
            (run.quarantined, "quarantined"),
            (run.too_large, "too large"),
            (run.waiting, "waiting"),
        ]
        told = ", ".join(f"{number} {word}" for number, word in counts if number)
        if run.status == RunStatus.STOPPED:
            return f"{name}: stopped or switched off; {told or 'nothing new'}."
        end = f" Not handed over by the server: {run.not_read}." if run.not_read else ""
        if not run.adds_up:
            end += " The ledger does not add up; see the log."
        return f"{name}: {told or 'nothing new'} ({run.on_server} on the server).{end}"

    def as_dict(self) -> dict[str, Any]:
        run = self.run
        return {
            "account": self.account.pk,
            "name": self.account.name,
            "run": run.pk,
            "status": "busy" if self.busy else run.status,
            "error": run.error,
            "error_code": run.error_code,
            "on_server": run.on_server,
            "archived": run.archived,
            "duplicates": run.duplicates,
            "excluded": run.excluded,
            "quarantined": run.quarantined,
            "too_large": run.too_large,
            "erased": run.erased,
            "waiting": run.waiting,
            "not_read": run.not_read,
            "adds_up": run.adds_up,
            "ledger": {str(outcome): number for outcome, number in self.ledger.items()},
            "bytes_fetched": run.bytes_fetched,
        }


def fetch_now(
    account: MailAccount, *, after_batch: Callable[[FetchRun], None] = lambda run: None
) -> Report:
    """Fetch `account` until its run ends; take over a run that is queued.

    An error nobody foresaw is logged and told as the run's, so that it ends no other account's.

    Raises:
        AccountHeld: its login was rejected too often, and a script would only go on with that.
    """
    if health_of(account).held_code:
        raise AccountHeld(account=account.name)
    run, _ = open_run(account, trigger=Trigger.COMMAND)
    verdict = Verdict.CONTINUES
    while verdict is Verdict.CONTINUES:
        try:
            verdict = work_on(run.pk, after_batch=after_batch)
        except Exception:
            run.refresh_from_db()
            if run.is_active:
                # Not even that could be noted: the database itself fails.
                raise
            logger.exception("Run %s of account %s failed", run.pk, account.pk)
            verdict = Verdict.FINISHED
    run.refresh_from_db()
    ledger = tally(account).by_outcome
    return Report(account, run, busy=verdict is Verdict.BUSY, ledger=ledger)
