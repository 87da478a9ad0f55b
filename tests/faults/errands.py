"""What the processes of a nursery do: fetch until something happens, and look at what is left.

Arguments and results are JSON.
"""

from __future__ import annotations

import functools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from tests import factories
from wagtail_mailarchive import crossings, tasks
from wagtail_mailarchive.crossings import Crossing
from wagtail_mailarchive.exceptions import (
    ConnectionDropped,
    ParserFailed,
    ParserUnavailable,
    StorageError,
)
from wagtail_mailarchive.fetching import batches, pipeline, schedule
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    FetchRun,
    Lease,
    MailAccount,
)
from wagtail_mailarchive.sources.base import Endpoint, Security

from . import mail
from .whole import Server, problems, snapshot, unfinished

_FULL = "the disk is full"

# Whoever waits for a server sees that it is gone; the others see the database or the disk fail.
_FAILURES: dict[Crossing, Callable[[], Exception]] = {
    **dict.fromkeys(
        (
            *(Crossing.CONNECTED, Crossing.MAILBOX_OPENED, Crossing.LISTED, Crossing.DESCRIBED),
            *(Crossing.FETCHED, Crossing.PROVEN, Crossing.MARKED_ON_SERVER),
            Crossing.CHANGED_ON_SERVER,
        ),
        lambda: ConnectionDropped(host="localhost"),
    ),
    Crossing.PREPARED: lambda: StorageError(store="originals"),
    Crossing.PARSED: lambda: ParserUnavailable(status=1),
}


def prepare() -> int:
    """Make the tables, and a folder; return its key."""
    call_command("migrate", verbosity=0)
    OrmQ.objects.all().delete()
    return int(factories.folder().pk)


def fetch(
    endpoint: dict[str, Any],
    account: dict[str, Any],
    crossing: str = "",
    fault: str = "",
    nth: int = 1,
) -> dict[str, int]:
    """Connect an account and fetch it; return how often each crossing was met.

    Args:
        endpoint: of the mail server.
        account: values of the account.
        crossing: where to fail; "" for nowhere.
        fault: "kill" or "raise".
        nth: how many times the crossing is met until then.
    """
    values = {**endpoint, "security": Security(endpoint["security"])}
    factories.account(EmailFolderPage.objects.get(), Endpoint(**values), **account)
    met: Counter[Crossing] = Counter()

    def interrupt(here: Crossing) -> None:
        met[here] += 1
        if here.name != crossing or met[here] != nth:
            return
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise _FAILURES.get(here, functools.partial(OperationalError, _FULL))()

    _make_small()
    crossings.interrupt = interrupt
    schedule.dispatch_due()
    _work_off()
    return {here.name: times for here, times in met.items()}


def aftermath(server: Server, action: str) -> list[str]:
    """Go on after a fault, as another worker would; return what is wrong.

    Args:
        server: what was delivered where.
        action: what the account does after the fetch.
    """
    _make_small()
    found = [f"at once: {each}" for each in problems(server)]
    for name in ("resumed", "once more"):
        _fetch_in_an_hour()
        found += [f"{name}: {each}" for each in problems(server)]
    run = FetchRun.objects.latest("pk")
    if run.error_code or not run.adds_up:
        found.append(f"the run ended {run.status}: {run.error} (adds up: {run.adds_up})")
    found += [f"in the end: {each}" for each in unfinished(server, action)]
    before = snapshot(server)
    _fetch_in_an_hour()
    after = snapshot(server)
    found += [f"the third run changed {name}" for name in before if before[name] != after[name]]
    return found


def _fetch_in_an_hour() -> None:
    """Let time pass for the schedule and the lease, and do what is due then."""
    hour = timedelta(hours=1)
    Lease.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now() - hour)
    FetchRun.objects.update(queued_at=F("queued_at") - hour, finished_at=F("finished_at") - hour)
    AccountHealth.objects.update(hold_until=None)
    MailAccount.objects.update(interval=1)
    schedule.dispatch_due()
    _work_off()


def _work_off() -> None:
    """Be the worker until the queue is empty."""
    while (row := OrmQ.objects.order_by("pk").first()) is not None:
        package = SignedPackage.loads(row.payload)
        row.delete()
        if package["func"] == schedule.FETCH:
            try:
                tasks.fetch(*package["args"])
            except OperationalError as error:
                # What nobody foresaw is raised for the queue, which notes it.
                if str(error) != _FULL:
                    raise


def _make_small() -> None:
    """Have batches end sooner, and one message be unreadable."""
    batches.MAX_MESSAGES = mail.BATCH
    batches.HUGE = vars(pipeline)["HUGE"] = mail.HUGE
    parse_many = ParserProcess.parse_many

    def some(self: ParserProcess, messages: Sequence[Sequence[bytes]]) -> Iterator[Any]:
        for message, result in zip(messages, parse_many(self, messages), strict=True):
            yield ParserFailed() if mail.UNREADABLE in message[0] else result

    ParserProcess.parse_many = some  # type: ignore[method-assign]
