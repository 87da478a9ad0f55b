"""Measuring many things in turns, so that a machine that drifts does so for all of them."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Measure = Callable[[], object]
Clock = Callable[[], float]


CLOCKS = ("wall", "cpu")


def clock(name: str) -> Clock:
    """Return what tells seconds; Django's connection is the one that is measured.

    Args:
        name: "wall"; or "cpu" for the CPU time of this process, the programs that it ran and the
            server's process behind the connection, which a machine that others use disturbs less.
            Linux alone tells it so finely.
    """
    if name == "wall":
        return time.perf_counter
    from django.db import connection

    if connection.vendor == "sqlite":
        return _cpu
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # or others work for it, unseen
        cursor.execute("SELECT pg_backend_pid()")
        (server,) = cursor.fetchone()
    spent = Path(f"/proc/{server}/schedstat")
    return lambda: _cpu() + int(spent.read_text().split()[0]) / 1e9


def _cpu() -> float:
    programs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + programs.ru_utime + programs.ru_stime


def _nothing() -> None:
    """Nobody prepares anything."""


@dataclass(frozen=True)
class Series:
    """Requests of one kind.

    Attributes:
        calls: each another one, taken in turn as often as is asked for.
        before, after: what is done around each, while no time is taken.
    """

    calls: Sequence[Measure]
    before: Measure = _nothing
    after: Measure = _nothing


@dataclass(frozen=True)
class Times:
    """Milliseconds."""

    p50: float
    p95: float

    def rounded(self) -> dict[str, float]:
        return {"p50": round(self.p50, 2), "p95": round(self.p95, 2)}


def measure(
    series: Mapping[str, Series], requests: int, rounds: int, now: Clock
) -> dict[str, Times]:
    """Return how long the requests of each series take.

    A request's own time is the least of its rounds, since other programs have the same cores; then
    percentiles are taken over the requests. Each second round goes the other way through the
    series, because what was read by one is in caches for the next.
    """
    taken = {name: [float("inf")] * requests for name in series}
    ways = list(series.items()), list(series.items())[::-1]
    for turn in range(-2, rounds * requests):
        number = turn % requests
        for name, each in ways[max(turn, 0) // requests % 2]:
            call = each.calls[number % len(each.calls)]
            each.before()
            begin = now()
            call()
            spent = (now() - begin) * 1000
            each.after()
            if turn >= 0:  # what comes before fills caches
                taken[name][number] = min(taken[name][number], spent)
    return {
        name: Times(statistics.median(times), statistics.quantiles(times, n=20)[-1])
        for name, times in taken.items()
    }
