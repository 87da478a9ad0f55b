"""The soak itself: mail comes and goes, workers are killed, and in the end all is at rest."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.core.management import call_command
from django.db.models import Max, Sum
from django_q.tasks import async_task

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.schedule import DISPATCH, request_fetch
from wagtail_mailarchive.models import FetchRun, MailAccount, Trigger
from wagtail_mailarchive.models.run import ACTIVE

from .counting import Count, count, removed_nothing, rest
from .mailbags import Mailbags, Recipient
from .other_client import OtherClient
from .postman import Postman
from .town import settle
from .workers import Killer, Worker

_WORKERS = 2
_DISPATCH_EVERY = 2.0  # seconds
_AT_FIRST = 0.2  # of all mail, there before anybody looks
_MOST_TO_REST = 600.0  # seconds until all has to be at rest
_NEVER = 365 * 24 * 60  # minutes
_A_KILL_EVERY = 20.0  # seconds at least, however busy the machine is
_LAST_LINES = 60  # of a worker's log


class Soak:
    """One run of it.

    Args:
        folder: for the logs of the workers.
        seconds: how long mail comes and goes, and workers are killed.
    """

    def __init__(self, dovecot: Dovecot, folder: Path, *, seconds: float, seed: int) -> None:
        self._dovecot = dovecot
        self._seconds = seconds
        self._seed = seed
        self._logs = [folder / f"worker{number}.log" for number in range(_WORKERS)]
        self._workers = [Worker(log) for log in self._logs]
        self._dispatched = 0.0
        self._told = ""

    def run(self, *, accounts: int, messages: int) -> Count:
        """
        Args:
            messages: for each account, on average.
        """
        call_command("migrate", verbosity=0)
        recipients = list(settle(self._dovecot, accounts))
        mailbags = Mailbags()
        total = accounts * messages
        postman = Postman(self._dovecot, recipients, mailbags, self._rng("postman"), total)
        other = OtherClient(self._dovecot, recipients, mailbags, self._rng("other client"))
        # One kill in ten seconds of ten minutes, and enough of them in a minute.
        every = min(10.0, max(4.0, self._seconds / 8))
        killer = Killer(self._workers, self._rng("killer"), every=every)
        postman.fill(_AT_FIRST)
        begun = time.monotonic()
        try:
            self._start()
            with self._meanwhile(postman, other, total) as futures:
                self._keep_going(recipients, killer, futures)
            # The last death of them all. Afterwards they live, and finish what was begun.
            self._end()
            self._start()
            self._come_to_rest(recipients)
        finally:
            self._end()
        counted = count(self._dovecot, recipients, mailbags)
        removed = FetchRun.objects.aggregate(moved=Sum("moved"), deleted=Sum("deleted"))
        self._told = (
            f"{_WORKERS} workers killed {killer.kills} times, {accounts} accounts, "
            f"{mailbags.delivered.total()} copies delivered; another client moved {other.moved} "
            f"and expunged {other.expunged}, and took {mailbags.withdrawn.total()} before they "
            f"were archived; we moved {removed['moved']} and deleted {removed['deleted']}, "
            f"in {FetchRun.objects.count()} fetches ({self._ends()}), "
            f"{time.monotonic() - begun:.0f} s"
        )
        missing = [
            *self._what_did_not_happen(killer, other, mailbags, total),
            *(f"{each.user}: nothing was removed" for each in recipients if removed_nothing(each)),
        ]
        return replace(counted, problems=[*missing, *counted.problems])

    def told(self) -> str:
        """Return what happened, in one line."""
        return self._told

    def log(self) -> str:
        """Return the last of what the workers wrote."""
        lines = [log.read_text(errors="replace").splitlines()[-_LAST_LINES:] for log in self._logs]
        return "\n".join(line for each in lines for line in each)

    def _what_did_not_happen(
        self, killer: Killer, other: OtherClient, mailbags: Mailbags, total: int
    ) -> Iterator[str]:
        """Yield what has to happen in a soak and did not, so that it proves nothing."""
        if killer.kills < self._seconds / _A_KILL_EVERY:
            yield f"workers were killed no more than {killer.kills} times"
        if mailbags.delivered.total() < total:
            yield f"no more than {mailbags.delivered.total()} of {total} copies were delivered"
        if not (other.moved and other.expunged):
            yield f"another client moved {other.moved} messages and expunged {other.expunged}"
        if len(mailbags.wanted()) < total / 2:
            yield f"no more than {len(mailbags.wanted())} of {total} copies count as delivered"

    def _rng(self, name: str) -> random.Random:
        """Return a source of chance for one thread, so that threads do not take it in turns."""
        return random.Random(f"{self._seed} {name}")

    @contextmanager
    def _meanwhile(
        self, postman: Postman, other: OtherClient, total: int
    ) -> Iterator[Sequence[Future[None]]]:
        """Have mail come and go during the block."""
        ending = threading.Event()
        # About one message in seven, three at a time.
        every = 20 * self._seconds / total
        with ThreadPoolExecutor(2) as threads:
            try:
                futures = [
                    threads.submit(postman.work, self._seconds * 0.9, ending),
                    threads.submit(other.work, every, ending),
                ]
                yield futures
            finally:
                ending.set()
        for future in futures:
            future.result()

    def _keep_going(
        self, recipients: Sequence[Recipient], killer: Killer, futures: Sequence[Future[None]]
    ) -> None:
        rng = self._rng("impatient editor")
        until = time.monotonic() + self._seconds
        while time.monotonic() < until:
            self._dispatch()
            if rng.random() < 0.3:
                self._request(rng.choice(recipients))
            self._require_workers()
            killer.tick()
            for future in futures:
                if future.done():
                    future.result()
            time.sleep(0.2)

    def _come_to_rest(self, recipients: Sequence[Recipient]) -> None:
        """Fetch each account until nothing is left to do, with nobody in the way any more."""
        # Or the schedule would begin another one, just before all is counted.
        MailAccount.objects.update(interval=_NEVER)
        # A run that is under way may have listed what is there before the last mail came.
        last = FetchRun.objects.aggregate(Max("pk"))["pk__max"] or 0
        until = time.monotonic() + _MOST_TO_REST
        while time.monotonic() < until:
            self._dispatch()
            self._require_workers()
            active = set(
                FetchRun.objects.filter(status__in=ACTIVE).values_list("account", flat=True)
            )
            left = [
                each for each in recipients if each.account_id not in active and rest(each, last)
            ]
            if not active and not left:
                return
            for each in left:
                self._request(each)
            time.sleep(0.5)

    def _dispatch(self) -> None:
        """Dispatch as the schedule does, which django-q allows once a minute only."""
        if time.monotonic() > self._dispatched + _DISPATCH_EVERY:
            async_task(DISPATCH)
            self._dispatched = time.monotonic()

    def _request(self, recipient: Recipient) -> None:
        request_fetch(MailAccount.objects.get(pk=recipient.account_id), trigger=Trigger.HAND)

    def _start(self) -> None:
        for worker in self._workers:
            worker.start()

    def _require_workers(self) -> None:
        for worker in self._workers:
            worker.require_alive()

    def _end(self) -> None:
        for worker in self._workers:
            worker.kill()

    def _ends(self) -> str:
        """Return how the fetches ended, and what they saw."""
        ends = Counter(
            error or anomaly or status
            for status, error, anomaly in FetchRun.objects.values_list(
                "status", "error_code", "anomaly_code"
            )
        )
        return ", ".join(f"{number} {what}" for what, number in sorted(ends.items()))
