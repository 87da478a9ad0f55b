"""How long a search takes on the server, beside the bare engine, notmuch and Wagtail's own search.

    python -m benchmarks.search [--messages N] [--requests N] [--rounds N]
                                [--database sqlite|postgresql] [--json]

A page of hits, with its counts, is measured by Django's test client: middleware, routing, queries
and templates, no network. E is an almost empty Wagtail page. All of it in one run, in turns; see
docs/explanation/benchmarks.md. The ratios, for each database, are of 95th percentiles:

    {kind}_vs_engine       (page without counts - E - 40 ms) / the bare query; at most 2 is wanted
    counts_vs_page         page with counts / page without; at most 2 is wanted
    newest_vs_sorting      our query for the newest / fetching every hit and sorting
    private_vs_open        pages with private folder and messages / with these open
    common_vs_notmuch      our query for the newest / notmuch's, without its process' start
    common_vs_wagtail      Wagtail's search for the newest 25 messages with a common word / ours
                           for the same; at least 20 is wanted
    common_by_rank_vs_wagtail    the same for the best 25
    common_page_vs_wagtail       Wagtail's search for the best 25 and their number / our whole page
    indexing_share         share of a fetch that the index takes; at most 0.25 is wanted
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from . import corpus, report
from .filling import say
from .indexing import indexing_share
from .runs import arguments, on_each
from .search_peers import LONGEST, Engine, Notmuch, WagtailSearch
from .site import Restrictions, empty_page, get, site
from .timing import Measure, Series, Times, clock, measure

ALLOWED = 40.0  # milliseconds for a page of hits, beside E and twice its query
_AT_MOST = {"counts_vs_page": 2.0, "indexing_share": 0.25}
_AT_LEAST = {"common_vs_wagtail": 20.0}
# Each word twice; they take seconds each, so that there may be time for less.
_PEER_REQUESTS, _PEER_SECONDS, _FEWEST = 16, 120, 4
_FETCHED, _FEW = 1_000, 50  # messages, for the share of the index

# Kinds of searches: words, and whether the best or the newest hits are asked for.
KINDS: dict[str, tuple[Sequence[Sequence[str]], bool]] = {
    "common_by_date": ([[word] for word in corpus.COMMON], False),
    "common_by_rank": ([[word] for word in corpus.COMMON], True),
    "phrase": (corpus.PHRASES, False),
}


def on(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measure on one database, in this process: Django is set up once."""
    with site(name, given.messages, given.cache) as (facts, kept), empty_page() as empty:
        restrictions, now = Restrictions(facts), clock(given.clock)
        random = Random(20261121)
        rare = [[word] for word in corpus.rare_words(given.messages)]
        kinds = {"rare": (random.sample(rare, min(len(rare), given.requests)), False), **KINDS}
        found = _series(facts.large, kinds, empty, restrictions)
        times = measure(found, given.requests, given.rounds, now)
        notmuch = Notmuch(kept, given.messages) if Notmuch.is_there() else None
        say(f"{name}: indexing for Wagtail")
        wagtail = WagtailSearch(facts.large)
        say(f"{name}: measuring beside others")
        others, seconds = _beside(facts.large, notmuch, wagtail)
        affordable = int(_PEER_SECONDS / max(seconds, 1.0))
        few = max(min(given.requests, _PEER_REQUESTS, affordable), _FEWEST)
        beside = measure(others, few, given.rounds, now)
    told = _told(times, beside, kinds)
    fetched = min(_FETCHED, max(given.messages // 10, _FEW))
    told["ratios"]["indexing_share"] = round(indexing_share(name, fetched, given.cache), 2)
    return told


def _series(
    folder_id: int,
    kinds: dict[str, tuple[Sequence[Sequence[str]], bool]],
    empty: str,
    restrictions: Restrictions,
) -> dict[str, Series]:
    from django.test import Client

    from wagtail_mailarchive.archive.search import backend
    from wagtail_mailarchive.archive.search.question import Facts
    from wagtail_mailarchive.models import EmailFolderPage

    client = Client(SERVER_NAME="localhost")
    address = EmailFolderPage.objects.get(pk=folder_id).get_url()
    engines: Any = type(backend())
    facts = engines.facts

    def uncounted() -> None:
        engines.facts = lambda *_args, **_kwargs: Facts()

    def counted() -> None:
        engines.facts = facts

    engine = Engine(folder_id)
    found = {"empty": Series([get(client, empty)])}
    for kind, (asked, by_rank) in kinds.items():
        order = {"order": "relevance"} if by_rank else {}
        pages = [get(client, address, q=_typed(words), **order) for words in asked]
        found[kind] = Series(pages)
        found[f"{kind}, open"] = Series(pages, restrictions.lift, restrictions.restore)
        found[f"{kind}, without counts"] = Series(pages, uncounted, counted)
        if by_rank:
            found[f"{kind}, engine"] = Series([engine.best(words) for words in asked])
        else:
            found[f"{kind}, engine"] = Series([engine.newest(words) for words in asked])
            found[f"{kind}, engine sorting"] = Series(
                [engine.newest_of_all(words) for words in asked]
            )
        found[f"{kind}, query"] = Series(
            [_query(folder_id, words, by_rank=by_rank) for words in asked]
        )
    return found


def _typed(words: Sequence[str]) -> str:
    return " ".join(words) if len(words) == 1 else f'"{" ".join(words)}"'


def _messages(folder_id: int, word: str, *, by_rank: bool) -> Measure:
    """Return our own query, and reading what a page shows of the messages that it finds."""
    from wagtail_mailarchive.models import EmailMessagePage
    from wagtail_mailarchive.reading.listing import COLUMNS

    ask = _query(folder_id, [word], by_rank=by_rank)

    def read() -> None:
        keys = [each.id if by_rank else each for each in ask()]
        found = EmailMessagePage.objects.only(*COLUMNS)
        assert list(found.filter(text_entry__in=keys)), "nothing was found"

    return read


def _query(folder_id: int, words: Sequence[str], *, by_rank: bool) -> Callable[[], list[Any]]:
    """Return our own query, without its page."""
    from wagtail_mailarchive.archive.search import Question, backend, parse

    question = Question.of(parse(_typed(words)), [folder_id])
    engine = backend()
    if by_rank:
        return lambda: engine.by_relevance(question, after=None, limit=26)
    return lambda: engine.by_date(question, before=None, limit=26)


def _beside(
    folder_id: int, notmuch: Notmuch | None, wagtail: WagtailSearch
) -> tuple[dict[str, Series], float]:
    """Return what others, and ours beside them, do with the common words.

    And how long Wagtail takes for each of its own once, in seconds. What it does not answer in
    `LONGEST` is left out.
    """
    from django.test import Client

    from wagtail_mailarchive.models import EmailFolderPage

    client = Client(SERVER_NAME="localhost")
    address = EmailFolderPage.objects.get(pk=folder_id).get_url()
    found = {
        "our page, best": Series(
            [get(client, address, q=word, order="relevance") for word in corpus.COMMON]
        ),
        "our page, newest": Series([get(client, address, q=word) for word in corpus.COMMON]),
        "our query, newest": _each(lambda word: _query(folder_id, [word], by_rank=False)),
        "our messages, newest": _each(lambda word: _messages(folder_id, word, by_rank=False)),
        "our messages, best": _each(lambda word: _messages(folder_id, word, by_rank=True)),
    }
    seconds = 0.0
    for name, ask in (
        ("Wagtail, best", wagtail.best),
        ("Wagtail, best and number", wagtail.best_and_count),
        ("Wagtail, newest", wagtail.newest),
    ):
        taken = wagtail.seconds_for(partial(ask, corpus.COMMON[0]))
        if taken is None:
            say(f"{name}: no answer in {LONGEST} s")
        else:
            found[name] = Series([partial(ask, word) for word in corpus.COMMON])
            seconds += taken
    if notmuch is not None:
        peer = notmuch
        found["notmuch, newest"] = _each(lambda word: lambda: peer.search(word))
        found["notmuch, its start"] = Series([peer.start])
    return found, seconds


def _each(ask: Any) -> Series:
    return Series([ask(word) for word in corpus.COMMON])


def _told(
    times: dict[str, Times],
    beside: dict[str, Times],
    kinds: dict[str, tuple[Sequence[Sequence[str]], bool]],
) -> dict[str, Any]:
    empty = times["empty"].p95
    ratios: dict[str, float] = {}
    told: dict[str, Any] = {"empty_page_ms": times["empty"].rounded(), "kinds": {}}
    for kind in kinds:
        # Counts may cost as much again, which is a ratio of its own.
        page = times[f"{kind}, without counts"].p95
        engine = times[f"{kind}, engine"].p95
        if f"{kind}, engine sorting" in times:
            engine = min(engine, times[f"{kind}, engine sorting"].p95)
        told["kinds"][kind] = {
            "page": times[kind].rounded(),
            "query": times[f"{kind}, query"].rounded(),
            "engine_p95": round(engine, 2),
            "without_counts_above_empty_ms": round(page - empty, 2),
            "allowed_ms": round(ALLOWED + 2 * engine, 2),
            "without_counts": times[f"{kind}, without counts"].rounded(),
            "open": times[f"{kind}, open"].rounded(),
        }
        ratios[f"{kind}_vs_engine"] = round(max(page - empty - ALLOWED, 0.0) / engine, 2)
    every = told["kinds"].values()
    ratios["counts_vs_page"] = round(
        max(each["page"]["p95"] / each["without_counts"]["p95"] for each in every), 2
    )
    ratios["private_vs_open"] = round(
        max(each["page"]["p95"] / each["open"]["p95"] for each in every), 2
    )
    ratios["newest_vs_sorting"] = round(
        times["common_by_date, query"].p95 / times["common_by_date, engine sorting"].p95, 3
    )
    told["beside_ms"] = {name: each.rounded() for name, each in beside.items()}
    if "notmuch, newest" in beside:
        theirs = max(beside["notmuch, newest"].p95 - beside["notmuch, its start"].p50, 0.1)
        ratios["common_vs_notmuch"] = round(beside["our query, newest"].p95 / theirs, 2)
    for ratio, theirs_is, ours_is in (
        ("common_vs_wagtail", "Wagtail, newest", "our messages, newest"),
        ("common_by_rank_vs_wagtail", "Wagtail, best", "our messages, best"),
        ("common_page_vs_wagtail", "Wagtail, best and number", "our page, best"),
    ):
        longest = LONGEST * 1000.0  # at least
        p95 = beside[theirs_is].p95 if theirs_is in beside else longest
        ratios[ratio] = round(p95 / beside[ours_is].p95, 2)
    told["ratios"] = ratios
    return told


def missed(told: dict[str, Any]) -> list[str]:
    """Return what is not as wanted."""
    found = []
    for ratio, values in told["ratios"].items():
        most = 2.0 if ratio.endswith("_vs_engine") else _AT_MOST.get(ratio)
        least = _AT_LEAST.get(ratio)
        for name, value in values.items():
            if most is not None and value > most:
                found.append(f"{name}, {ratio}: {value}, at most {most} is wanted")
            if least is not None and value < least:
                found.append(f"{name}, {ratio}: {value}, at least {least} is wanted")
    return found


def table(told: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [report.heading(told), ""]
    for name, values in told["databases"].items():
        lines += [
            f"{name}, E = {values['empty_page_ms']['p95']} ms; p95 in ms:",
            "",
            "| search | page | without counts | that above E | allowed | our query | bare engine |",
            "|---|--:|--:|--:|--:|--:|--:|",
        ]
        for kind, each in values["kinds"].items():
            cells = [
                kind.replace("_", " "),
                each["page"]["p95"],
                each["without_counts"]["p95"],
                each["without_counts_above_empty_ms"],
                each["allowed_ms"],
                each["query"]["p95"],
                each["engine_p95"],
            ]
            lines.append(f"| {' | '.join(map(str, cells))} |")
        lines += ["", "| a common word | p50 | p95 |", "|---|--:|--:|"]
        for what, each in values["beside_ms"].items():
            lines.append(f"| {what} | {each['p50']} | {each['p95']} |")
        lines.append("")
    return "\n".join(lines + report.ratio_lines(told))


def main() -> None:
    given = arguments(__doc__)
    if given.here:
        json.dump(on(given.database, given), sys.stdout)
        return
    told = on_each("benchmarks.search", given)
    told["missed"] = missed(told)
    if given.json:
        json.dump(told, sys.stdout, indent=2)
        print()
    else:
        print(table(told))


if __name__ == "__main__":
    main()
