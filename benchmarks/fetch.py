"""How fast mail becomes pages, beside others on the same mailbox in the same run.

    python -m benchmarks.fetch [--messages N] [--runs N] [--only PART ...] [--json]

Everything is fetched over TLS from one Dovecot on the loopback interface. Each round runs every
contender once, so that a machine that drifts does so for all of them; medians count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from imapclient import IMAPClient  # type: ignore[import-untyped]

from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import PostgreSQL
from wagtail_mailarchive.sources.base import Endpoint, Security

from . import mailbox, report
from .contenders import Archiving, DjangoMailbox, Missing, archive, discard, mbsync
from .databases import Postgres, SQLite
from .mailbox import Kept
from .slow_link import SlowLink

PARTS = ("peers", "pop3", "workers", "link", "storage", "memory", "nothing-new", "growth")
_DELAY = 0.010  # seconds each way
_PEER_SHARE = 4  # django-mailbox fetches one message in so many; it takes long
_GROWTH = 10  # times as many messages, but small ones
_THOUSAND = 1_000
_AHEAD = 600  # messages that are read and parsed already when the first batch is committed

Databases = SQLite | Postgres


class Bench:
    """The servers, and what was measured so far.

    Attributes:
        rates: messages a second, by contender.
        figures: everything else, by name.
        missing: why a contender is not there, by name.
    """

    def __init__(self, stack: ExitStack, cache: Path, messages: int) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self.cache = cache
        self.scratch = Path(mkdtemp(prefix="running-", dir=cache))
        stack.callback(shutil.rmtree, self.scratch, ignore_errors=True)
        self.server = stack.enter_context(Dovecot())
        self.sqlite = SQLite(self.scratch)
        self.postgresql = Postgres(stack.enter_context(PostgreSQL(fsync=True)))
        self.kept = mailbox.mixed(cache, messages)
        self.rates: dict[str, list[float]] = defaultdict(list)
        self.figures: dict[str, Any] = {}
        self.missing: dict[str, str] = {}
        self._endpoints: dict[str, Endpoint] = {}

    def endpoint(self, name: str, kept: Kept) -> Endpoint:
        """Return how to reach `kept`, delivered at the first call and read through once."""
        if name not in self._endpoints:
            mailbox.deliver(kept, self.server, name)
            self._endpoints[name] = endpoint = self.server.endpoint(name, Security.TLS)
            _look_through(self.server, endpoint)
        return self._endpoints[name]

    def whole(self) -> Endpoint:
        return self.endpoint("whole", self.kept)

    def forget(self, name: str) -> None:
        """Remove a user's mail."""
        del self._endpoints[name]
        shutil.rmtree(self.server.maildir(name))

    def note(self, name: str, messages: int, seconds: float) -> None:
        rate = messages / seconds
        self.rates[name].append(rate)
        print(f"{name}: {rate:.0f}/s", file=sys.stderr, flush=True)


def _look_through(server: Dovecot, endpoint: Endpoint) -> None:
    """Have Dovecot build its index, so that the first contender does not pay for it."""
    with IMAPClient("127.0.0.1", server.imap, ssl=False) as client:
        client.login(endpoint.username, endpoint.secret)
        client.select_folder("INBOX")
        uids = client.search()
        for start in range(0, len(uids), _THOUSAND):
            some = uids[start : start + _THOUSAND]
            client.fetch(some, ["RFC822.SIZE", "INTERNALDATE", "FLAGS"])


# -- what is measured in every round ---------------------------------------------------------


def run_discard(bench: Bench) -> None:
    bench.note("IMAPClient, thrown away", len(bench.kept.files), discard(bench.whole()))


def run_mbsync(bench: Bench) -> None:
    bench.note("mbsync", len(bench.kept.files), mbsync(bench.whole(), bench.scratch))


def run_django_mailbox(bench: Bench) -> None:
    peer = DjangoMailbox(bench.cache)
    some = bench.kept.first(max(1, len(bench.kept.files) // _PEER_SHARE))
    endpoint = bench.endpoint("peer", some)
    seconds, messages = peer.fetch(endpoint, bench.scratch)
    bench.forget("peer")
    assert messages == len(some.files)
    bench.note("django-mailbox", messages, seconds)


def run_archive(bench: Bench, databases: Databases, *, files: bool = False) -> None:
    with databases.new() as database:
        folder = bench.scratch / "originals" if files else None
        (done,) = archive(Archiving(database, bench.whole(), originals=folder))
    if folder:
        shutil.rmtree(folder)
    name = f"{databases.name}, originals in files" if files else databases.name
    bench.note(name, done.archived, done.seconds)


def run_pop3(bench: Bench) -> None:
    name = f"{bench.sqlite.name}, POP3"
    if len(bench.rates[bench.sqlite.name]) <= len(bench.rates[name]):
        # Nobody has measured IMAP in this round.
        run_archive(bench, bench.sqlite)
    endpoint = replace(bench.whole(), port=bench.server.pop3s)
    with bench.sqlite.new() as database:
        (done,) = archive(Archiving(database, endpoint, protocol="pop3"))
    bench.note(name, done.archived, done.seconds)


def run_two_workers(bench: Bench, databases: Databases) -> None:
    halves = zip(("left", "right"), bench.kept.halves(), strict=True)
    endpoints = [bench.endpoint(name, half) for name, half in halves]
    with databases.new() as database:
        done = archive(*[Archiving(database, endpoint) for endpoint in endpoints])
    seconds = max(each.seconds for each in done)
    bench.note(f"{databases.name}, two workers", sum(each.archived for each in done), seconds)


def run_link(bench: Bench) -> None:
    with SlowLink(bench.server.imaps, _DELAY) as link, bench.sqlite.new() as database:
        endpoint = replace(bench.whole(), port=link.port)
        (done,) = archive(Archiving(database, endpoint))
    bench.note("SQLite, 20 ms link", done.archived, done.seconds)


# -- what is measured once -------------------------------------------------------------------


def measure_memory(bench: Bench) -> None:
    for name, kept in (("mailbox", bench.kept), ("50 MB message", mailbox.huge(bench.cache))):
        endpoint = bench.endpoint("whole" if name == "mailbox" else "huge", kept)
        with bench.sqlite.new() as database:
            (done,) = archive(Archiving(database, endpoint, sampled=True))
        bench.figures[f"peak memory, {name}, MB"] = round(done.peak / 1e6)


def measure_nothing_new(bench: Bench) -> None:
    with bench.sqlite.new() as database:
        (done,) = archive(Archiving(database, bench.whole(), again=9))
    assert done.again
    bench.figures["nothing new, commands"] = done.again["commands"]
    bench.figures["nothing new, CPU ms"] = round(done.again["cpu"] * 1000, 1)
    bench.figures["nothing new, ms"] = round(done.again["seconds"] * 1000, 1)


def measure_growth(bench: Bench) -> None:
    kept = mailbox.small(bench.cache, _GROWTH * len(bench.kept.files))
    endpoint = bench.endpoint("small", kept)
    for databases in (bench.sqlite, bench.postgresql):
        with databases.new() as database:
            (done,) = archive(Archiving(database, endpoint))
        total = len(kept.files)
        few = min(_THOUSAND, total // 10)
        begin = min(_AHEAD, few)
        first = _rate(done.batches, begin, begin + few)
        last = _rate(done.batches, total - few, total)
        bench.figures[f"{databases.name}, first {few}, 1/s"] = round(first)
        bench.figures[f"{databases.name}, last {few}, 1/s"] = round(last)
        bench.figures[f"{databases.name}, last vs first"] = round(last / first, 2)
        bench.note(f"{databases.name}, small messages", total, done.seconds)


def _rate(batches: list[tuple[float, int]], start: int, end: int) -> float:
    """Return messages a second between the batches that reach `start` and `end`."""
    begin = next(each for each in batches if each[1] >= max(start, 1))
    finish = next((each for each in batches if each[1] >= begin[1] + end - start), batches[-1])
    return (finish[1] - begin[1]) / (finish[0] - begin[0])


ROUNDS: dict[str, list[Callable[[Bench], None]]] = {
    "peers": [
        run_discard,
        run_mbsync,
        run_django_mailbox,
        lambda bench: run_archive(bench, bench.sqlite),
        lambda bench: run_archive(bench, bench.postgresql),
    ],
    "pop3": [run_pop3],
    "workers": [
        lambda bench: run_two_workers(bench, bench.sqlite),
        lambda bench: run_two_workers(bench, bench.postgresql),
    ],
    "link": [run_link],
    "storage": [
        lambda bench: run_archive(bench, bench.sqlite, files=True),
        lambda bench: run_archive(bench, bench.postgresql, files=True),
    ],
}
ONCE = {
    "memory": measure_memory,
    "nothing-new": measure_nothing_new,
    "growth": measure_growth,
}


def measure(bench: Bench, parts: list[str], runs: int) -> None:
    for number in range(1, runs + 1):
        print(f"-- round {number} of {runs}", file=sys.stderr, flush=True)
        for part, contenders in ROUNDS.items():
            for contender in contenders if part in parts else []:
                try:
                    contender(bench)
                except Missing as reason:
                    bench.missing[contender.__name__.removeprefix("run_")] = str(reason)
    for part, take in ONCE.items():
        if part in parts:
            print(f"-- {part}", file=sys.stderr, flush=True)
            take(bench)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", action="store_true", help="print one object, and no table")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(gettempdir()) / "wagtail-mailarchive-bench",
        help="folder that keeps the mailboxes between two runs (%(default)s)",
    )
    given = parser.parse_args()
    # Being ended by another program must end the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before the end"))
    with ExitStack() as stack:
        bench = Bench(stack, given.cache.absolute(), given.messages)
        measure(bench, given.only, given.runs)
        medians = {name: statistics.median(rates) for name, rates in bench.rates.items()}
        told = {
            "machine": report.machine(),
            "versions": report.versions(),
            "messages": len(bench.kept.files),
            "bytes": bench.kept.size,
            "runs": given.runs,
            "ratios": report.ratios(medians, bench.figures),
            "rates": {name: round(rate, 1) for name, rate in medians.items()},
            "all_rates": {
                name: [round(rate, 1) for rate in rates] for name, rates in bench.rates.items()
            },
            "more": report.more(medians, bench.figures),
            "missing": bench.missing,
        }
    if given.json:
        json.dump(told, sys.stdout, indent=2)
        print()
    else:
        print(report.table(told))


if __name__ == "__main__":
    main()
