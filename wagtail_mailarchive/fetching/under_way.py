"""The run under way: whose it is, how long yet, whether it is still wanted, and its counters."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from ..exceptions import LeaseLost, MailArchiveError
from ..models import FetchRun, MailAccount, Outcome
from ..models.site_settings import is_on
from ..sources.base import Source
from ..sources.deadline import Deadline
from ..sources.session import Session
from .ahead import meanwhile
from .anomalies import note_anomaly
from .lease import RENEW_EVERY, HeldLease

T = TypeVar("T")

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


class UnderWay:
    """One task's share in a run.

    Attributes:
        until: when the connection ends whatever it is doing.
        largest: bytes of one message that is read.
        has_pending: whether messages were about to be removed from the server when the task began.
        failures: messages in a row at which the server failed, each asked for alone.
        failures_again: likewise of those at which it had failed in an earlier run.
    """

    def __init__(
        self,
        run: FetchRun,
        account: MailAccount,
        lease: HeldLease,
        seconds: float,
        until: Deadline,
        after_batch: Callable[[FetchRun], None],
        beat: Callable[[], None] = lambda: None,
        *,
        has_pending: bool = False,
    ) -> None:
        """
        Args:
            seconds: after which nothing more is begun.
            after_batch: called with the run after each commit.
            beat: called now and then, so that a worker can say that it is alive.
        """
        self.run = run
        self.account = account
        self.lease = lease
        self.until = until
        self.largest = account.largest_message()
        self.has_pending = has_pending
        self.failures = self.failures_again = 0
        self._end = time.monotonic() + seconds
        self._after_batch = after_batch
        self._beat = beat

    def is_over(self) -> bool:
        """Whether nothing more is to be begun."""
        return time.monotonic() > self._end

    def go_on(self) -> None:
        """Raise Unwanted if nobody wants the rest of the run."""
        run = FetchRun.objects.filter(pk=self.run.pk, stop_requested=False, account__enabled=True)
        if not run.exists() or not is_on():
            # If the account was deleted, then its lease as well, and that ends the run.
            self.lease.renew()
            raise Unwanted

    def committed(self) -> None:
        """Tell of a batch, and go on if that is wanted.

        Raises:
            Unwanted.
        """
        self._after_batch(self.run)
        self._beat()
        self.go_on()

    def wait(self) -> None:
        """Keep the account while a server takes its time, if that is wanted.

        Raises:
            LeaseLost, Unwanted.
        """
        self.lease.renew()
        self._beat()
        self.go_on()

    def saw(self, error: MailArchiveError) -> None:
        """Have the run remove nothing, because of `error`."""
        note_anomaly(self.run, error)

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction that commits only while the account is ours.

        Raises:
            LeaseLost.
        """
        with transaction.atomic():
            self.lease.renew()
            yield

    def ask(self, source: Source, question: Callable[[], T]) -> T:
        """Return what `source` answers; the account is kept while it takes its time."""
        return meanwhile(question, idle=self.wait, every=RENEW_EVERY, wake=source.interrupt)

    def change(self, source: Session, change: Callable[[], None]) -> None:
        """Have `source` change something on the server while the account is surely ours.

        It is not begun with less of the lease left than it may take, and once begun nothing but
        the loss of the lease ends it early: broken off, nobody would know what it did.

        Raises:
            LeaseLost.
        """
        self.lease.renew()
        if self.lease.remaining() < source.change_seconds:
            raise LeaseLost(account=self.account.name)
        meanwhile(change, idle=self.lease.renew, every=RENEW_EVERY, wake=source.interrupt)

    def note(self, **values: object) -> None:
        """Change the run."""
        FetchRun.objects.filter(pk=self.run.pk).update(**values)

    def count(self, outcomes: Counter[Outcome], size: int) -> None:
        """Add to the run's counters; `size` in bytes read from the server."""
        self.note(
            bytes_fetched=F("bytes_fetched") + size,
            # Progress only: no number here may keep mail from being committed.
            waiting=Greatest(F("waiting") - outcomes.total(), Value(0)),
            **{_COUNTERS[outcome]: F(_COUNTERS[outcome]) + n for outcome, n in outcomes.items()},
        )
