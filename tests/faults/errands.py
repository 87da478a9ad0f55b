"""What the processes of a nursery do: fetch until something happens, and look at what is left.

Arguments and results are JSON.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from tests import factories
from wagtail_mailarchive import crossings, tasks
from wagtail_mailarchive.crossings import Crossing
from wagtail_mailarchive.exceptions import ParserFailed
from wagtail_mailarchive.fetching import afterwards, batches, pipeline, proof, schedule
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Original,
    Outcome,
    Presence,
    RunStatus,
)
from wagtail_mailarchive.models.run import ACTIVE
from wagtail_mailarchive.sources.base import Endpoint, FetchedMessage, Security, Source
from wagtail_mailarchive.sources.imap import ImapSource
from wagtail_mailarchive.sources.imap_changes import ChangingImapSource
from wagtail_mailarchive.sources.pop3 import Pop3Source

from . import mail
from .accidents import ACCIDENTS
from .whole import Server, problems, snapshot, unfinished

# What a run counts that does anything.
_DOINGS = ("archived", "duplicates", "quarantined", "waiting", "marked_read", "moved", "deleted")


def prepare() -> int:
    """Make a folder; return its key."""
    OrmQ.objects.all().delete()
    return int(factories.folder().pk)


def fetch(
    crossing: str = "", accident: str = "", nth: int = 1, store: str = "", errand: str = ""
) -> dict[str, int]:
    """Fetch the account; return how often each crossing was met.

    Args:
        crossing: where something happens; "" for nowhere.
        accident: what happens there.
        nth: how many times the crossing is met until then.
        store: a folder for originals; "" keeps them in the database.
        errand: one of `cases.ERRANDS`.
    """
    met: Counter[Crossing] = Counter()

    def interrupt(here: Crossing) -> None:
        met[here] += 1
        if here.name == crossing and met[here] == nth:
            ACCIDENTS[accident](here)

    _make_small(errand)
    _keep_originals_in(store)
    _let_an_hour_pass()
    crossings.interrupt = interrupt
    schedule.dispatch_due()
    try:
        _work_off()
    except (DatabaseError, InterfaceError) as error:
        # What nobody foresaw is raised for the queue, which notes it.
        print(f"The task ended with {error!r}")  # noqa: T201
    return {here.name: times for here, times in met.items()}


def fetch_inside_a_transaction(endpoint: dict[str, Any], account: dict[str, Any]) -> dict[str, Any]:
    """Fetch as a view with ATOMIC_REQUESTS would; return what prevents that, and what it wrote."""
    connect(endpoint, account)
    [run] = schedule.dispatch_due()
    OrmQ.objects.all().delete()
    told = ""
    with transaction.atomic():
        try:
            tasks.fetch(run.pk)
        except RuntimeError as error:
            told = str(error)
        # Looked at before it is undone.
        written = Original.objects.count() + EmailMessagePage.objects.count()
        transaction.set_rollback(True)
    return {"told": told, "written": written}


def request_inside_a_transaction(endpoint: dict[str, Any], account: dict[str, Any]) -> list[int]:
    """Ask for a fetch in a transaction; return the tasks queued before and after its commit."""
    connect(endpoint, account)
    with transaction.atomic():
        schedule.dispatch_due()
        before = OrmQ.objects.count()
    return [before, OrmQ.objects.count()]


def race(
    endpoint: dict[str, Any], account: dict[str, Any], clocks: Sequence[float]
) -> dict[str, int]:
    """Have several workers fetch one account at the same time; return how they ended.

    The first one has committed a batch when the others come, and goes on when they are gone.

    Args:
        clocks: by how many hours each one's clock is wrong.
    """
    connect(endpoint, account)
    [run] = schedule.dispatch_due()
    OrmQ.objects.all().delete()
    connections.close_all()
    _make_small()
    (under_way, tell), (go_on, let_go_on) = os.pipe(), os.pipe()

    def wait_for_the_others(here: Crossing) -> None:
        if here is Crossing.BATCH_COMMITTED:
            crossings.interrupt = None
            os.write(tell, b"!")
            os.read(go_on, 1)

    crossings.interrupt = wait_for_the_others
    first = _fork_worker(run.pk, clocks[0])
    os.read(under_way, 1)
    crossings.interrupt = None
    others = [_fork_worker(run.pk, hours) for hours in clocks[1:]]
    ends = Counter(_end_of(worker) for worker in others)
    os.write(let_go_on, b"!")
    ends[_end_of(first)] += 1
    return {"finished": ends[0], "busy": ends[1], "failed": ends[2]}


def edit(**values: Any) -> None:
    """Change the account, when nobody works on it any more."""
    MailAccount.objects.update(**values)
    active = FetchRun.objects.filter(status__in=ACTIVE)
    active.update(status=RunStatus.FAILED, finished_at=timezone.now())


def restore() -> None:
    """Have the ledger be ahead of the server, as if that was restored from a backup.

    The server's UIDNEXT has fallen, another message has the UID of the first one, and the second
    one, which had gone, is back.
    """
    inbox = Mailbox.objects.filter(name="INBOX")
    inbox.update(uidnext=F("uidnext") + 7)
    rows = LedgerEntry.objects.filter(mailbox__in=inbox, outcome=Outcome.ARCHIVED).order_by("uid")
    first, second = rows[:2]
    LedgerEntry.objects.filter(pk=first.pk).update(received_at="2020-01-01T00:00:00Z")
    LedgerEntry.objects.filter(pk=second.pk).update(presence=Presence.GONE)


def aftermath(server: Server, errand: str, store: str = "") -> list[str]:
    """Go on after a fault, as another worker would; return what is wrong.

    Args:
        server: what was delivered where.
    """
    _make_small(errand)
    _keep_originals_in(store)
    found = [f"at once: {each}" for each in problems(server)]
    for name in ("resumed", "once more"):
        _fetch_in_an_hour()
        found += [f"{name}: {each}" for each in problems(server)]
    run = FetchRun.objects.latest("pk")
    if run.error_code or not run.adds_up:
        found.append(f"the run ended {run.status}: {run.error} (adds up: {run.adds_up})")
    found += [f"in the end: {each}" for each in unfinished(server, errand)]
    before = snapshot(server)
    _fetch_in_an_hour()
    after = snapshot(server)
    third = FetchRun.objects.latest("pk")
    did = [name for name in ("status", *_DOINGS) if getattr(third, name)]
    if third.pk == run.pk or third.status != RunStatus.SUCCEEDED or did != ["status"]:
        found.append(f"the third run, {third.pk} after {run.pk}, {third.status}, did {did}")
    found += [f"the third run changed {name}" for name in before if before[name] != after[name]]
    return found


def archived() -> int:
    """Return how many messages the runs so far say that they archived."""
    return sum(FetchRun.objects.values_list("archived", flat=True))


def _fork_worker(run_id: int, hours: float) -> int:
    """Have another process work on the run, its clock wrong by `hours`; return its id."""
    if worker := os.fork():
        return worker
    _set_clock(hours)
    try:
        os._exit({"finished": 0, "busy": 1}[tasks.fetch(run_id)])
    finally:
        os._exit(2)


def _end_of(worker: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])


def connect(endpoint: dict[str, Any], account: dict[str, Any]) -> None:
    values = {**endpoint, "security": Security(endpoint["security"])}
    factories.account(EmailFolderPage.objects.get(), Endpoint(**values), **account)


def _fetch_in_an_hour() -> None:
    _let_an_hour_pass()
    schedule.dispatch_due()
    _work_off()


def _let_an_hour_pass() -> None:
    """Let time pass for the schedule and the lease."""
    hour = timedelta(hours=1)
    Lease.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now() - hour)
    FetchRun.objects.update(queued_at=F("queued_at") - hour, finished_at=F("finished_at") - hour)
    AccountHealth.objects.update(hold_until=None)
    MailAccount.objects.update(interval=1)


def _work_off() -> None:
    """Be the worker until the queue is empty."""
    while (row := OrmQ.objects.order_by("pk").first()) is not None:
        package = SignedPackage.loads(row.payload)
        row.delete()
        if package["func"] == schedule.FETCH:
            tasks.fetch(*package["args"])


def _make_small(errand: str = "") -> None:
    """Have batches end sooner, removal be allowed, and two messages give trouble.

    One cannot be read, the other is given only if it is asked for alone.
    """
    if errand == "copy":
        ChangingImapSource.has_move = False  # type: ignore[assignment,method-assign]
    batches.MAX_MESSAGES = mail.BATCH
    batches.HUGE = vars(pipeline)["HUGE"] = vars(proof)["HUGE"] = mail.HUGE
    # A power cut is not tried here, and a database that survived one would take its time.
    vars(afterwards)["why_not_durable"] = lambda: None
    parse_many = ParserProcess.parse_many

    def some(self: ParserProcess, messages: Sequence[Sequence[bytes]]) -> Iterator[Any]:
        for message, result in zip(messages, parse_many(self, messages), strict=True):
            yield ParserFailed() if mail.UNREADABLE in message[0] else result

    ParserProcess.parse_many = some  # type: ignore[method-assign]
    for source in (ImapSource, Pop3Source):
        source.fetch = _withholding(source.fetch)  # type: ignore[method-assign]


def _withholding(fetch: Callable[..., list[FetchedMessage]]) -> Callable[..., list[FetchedMessage]]:
    def most(self: Source, uids: Iterable[int]) -> list[FetchedMessage]:
        return [each for each in fetch(self, uids) if mail.WITHHELD not in each.chunks[0]]

    return most


def _keep_originals_in(folder: str) -> None:
    if not folder:
        return
    from django.conf import settings
    from django.core.files.storage import storages

    backend = "wagtail_mailarchive.archive.file_storage.DurableFileSystemStorage"
    named: dict[str, Any] = storages.backends
    named["originals"] = {"BACKEND": backend, "OPTIONS": {"location": folder}}
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "ORIGINALS_STORAGE": "originals",
    }


def _set_clock(hours: float) -> None:
    wrong = timedelta(hours=hours)
    now = timezone.now
    timezone.now = lambda: now() + wrong
    wall = time.time
    time.time = lambda: wall() + wrong.total_seconds()
