"""How long the server takes to show a large folder and what is in it, beside a small one.

    python -m benchmarks.read [--messages N] [--requests N] [--rounds N]
                              [--database sqlite|postgresql] [--json]

Times are those of Django's test client: middleware, routing, queries and templates, no network.
E is an almost empty Wagtail page. All of it in one run, in turns; see
docs/explanation/benchmarks.md. The ratios, for each database, are of 95th percentiles:

    folder_100k_vs_1k      the large folder's lists / the small one's; the greatest of them
    message_100k_vs_1k     a message of the large folder / one of the small one
    private_vs_open        pages with private folder and messages / with these open; the greatest
    long_thread_vs_50      a page of the thread that a tenth of the mail is in / a thread of 50
    threading_last_vs_first    joining a message to its thread, last tenth / first tenth
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

from . import report
from .addresses import Addresses
from .filling import SMALL, Filled
from .runs import arguments, on_each
from .site import Restrictions, empty_page, get, site
from .timing import Series, Times, clock, measure

# Milliseconds beside E.
ALLOWED = {"folder": 40.0, "message": 25.0, "thread": 60.0}
MOST_RATIO = 1.3
MOST_WEIGHT = 150.0  # kB
_OURS = re.compile(r'(?:href|src)="(/static/(wagtail_mailarchive/[^"]+\.(?:css|js)))"')
_SIGNED_IN = "signed in"


class Pages:
    """What is asked for.

    Attributes:
        large, small: addresses by name, in the large and in the small folder.
    """

    def __init__(self, facts: Filled, number: int) -> None:
        large, small = (Addresses(key, number) for key in (facts.large, facts.small))
        self.large = {f"folder: {name}": some for name, some in large.folder_views().items()}
        self.small = {f"folder: {name}": some for name, some in small.folder_views().items()}
        self.large["message"], self.small["message"] = large.messages(), small.messages()
        self.large["thread of 50"] = large.threads_of(50)
        self.large["long thread"] = large.long_thread()


def series(pages: Pages, empty: str, restrictions: Restrictions) -> dict[str, Series]:
    from django.core.cache import cache
    from django.test import Client

    from tests import factories

    client, reader = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
    reader.force_login(factories.user())
    look = get(client, empty)

    def forget() -> None:
        cache.clear()
        look()  # what Wagtail keeps for all pages

    found = {"empty": Series([look]), f"empty, {_SIGNED_IN}": Series([get(reader, empty)])}
    for name, addresses in pages.large.items():
        calls = [get(client, address) for address in addresses]
        found[name] = Series(calls)
        found[f"{name}, open"] = Series(calls, restrictions.lift, restrictions.restore)
        if name in pages.small:
            found[f"{name}, small"] = Series([get(client, each) for each in pages.small[name]])
    messages = [get(client, address) for address in pages.large["message"]]
    found["message, nothing cached"] = Series(messages, before=forget)
    for name in ("folder: threads", "message", "thread of 50"):
        calls = [get(reader, address) for address in pages.large[name]]
        found[f"{name}, {_SIGNED_IN}"] = Series(calls)
    return found


def queries(pages: Pages) -> dict[str, int]:
    """Return how many queries the first page of each kind asks."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME="localhost")
    found = {}
    for name, addresses in pages.large.items():
        with CaptureQueriesContext(connection) as captured:
            get(client, addresses[0])()
        found[name] = len(captured)
    return found


def weight(address: str) -> float:
    """Return what a page and our files that it names weigh, each compressed, in kB."""
    from django.contrib.staticfiles import finders
    from django.test import Client

    html = Client(SERVER_NAME="localhost").get(address).content
    files = [finders.find(name) for _, name in _OURS.findall(html.decode())]
    assert files, "the page names no files of ours"
    parts = [html]
    for file in files:
        assert isinstance(file, str), "a file that the page names is not there"
        parts.append(Path(file).read_bytes())
    return sum(len(gzip.compress(part)) for part in parts) / 1000


def on(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measure on one database, in this process: Django is set up once."""
    with site(name, given.messages, given.cache) as (facts, _kept), empty_page() as empty:
        restrictions = Restrictions(facts)
        pages = Pages(facts, given.requests)
        found = series(pages, empty, restrictions)
        times = measure(found, given.requests, given.rounds, clock(given.clock))
        told: dict[str, Any] = {
            "filled_per_second": facts.rate,
            "empty_page_ms": times["empty"].rounded(),
            "pages": _pages(times, queries(pages)),
            "thread_page_kB": round(weight(pages.large["thread of 50"][0]), 1),
        }
        ratios = _ratios(told["pages"])
        ratios["threading_last_vs_first"] = facts.threading_last_vs_first
    return told | {"ratios": ratios}


def _pages(times: dict[str, Times], asked: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Return what is told of each page of the large folder."""
    found = {}
    for name, each in times.items():
        if name.endswith((", open", ", small")) or name.startswith("empty"):
            continue
        empty = times[f"empty, {_SIGNED_IN}" if name.endswith(_SIGNED_IN) else "empty"]
        most = next((value for kind, value in ALLOWED.items() if kind in name), None)
        told: dict[str, Any] = {
            "ms": each.rounded(),
            "above_empty_ms": round(each.p95 - empty.p95, 2),
            "allowed_ms": most,
        }
        for other in ("small", "open"):
            if beside := times.get(f"{name}, {other}"):
                told[f"{other}_ms"] = beside.rounded()
                told[f"vs_{other}"] = round(each.p95 / beside.p95, 2)
        if name in asked:
            told["queries"] = asked[name]
        found[name] = told
    return found


def _ratios(pages: dict[str, dict[str, Any]]) -> dict[str, float]:
    lists = {name: page for name, page in pages.items() if "vs_small" in page and name != "message"}
    return {
        "folder_100k_vs_1k": max(page["vs_small"] for page in lists.values()),
        "message_100k_vs_1k": pages["message"]["vs_small"],
        "private_vs_open": max(page["vs_open"] for page in pages.values() if "vs_open" in page),
        "long_thread_vs_50": round(
            pages["long thread"]["ms"]["p95"] / pages["thread of 50"]["ms"]["p95"], 2
        ),
    }


def missed(databases: dict[str, Any]) -> list[str]:
    """Return what is not as wanted."""
    found = []
    for name, told in databases.items():
        for page, values in told["pages"].items():
            if values["allowed_ms"] and values["above_empty_ms"] > values["allowed_ms"]:
                found.append(
                    f"{name}, {page}: E + {values['above_empty_ms']} ms,"
                    f" allowed are {values['allowed_ms']:.0f}"
                )
            if page.startswith("folder") and values.get("vs_small", 0) > MOST_RATIO:
                found.append(f"{name}, {page}: {values['vs_small']} x the time at {SMALL}")
        if told["thread_page_kB"] > MOST_WEIGHT:
            found.append(f"{name}: a thread's page of {told['thread_page_kB']} kB")
    return found


def table(told: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [report.heading(told), ""]
    for name, values in told["databases"].items():
        empty = values["empty_page_ms"]["p95"]
        lines += [
            f"{name}, E = {empty} ms; a thread's page of 50 weighs {values['thread_page_kB']} kB:",
            "",
            "| page | p50 | p95 | above E | allowed | at 1,000 | ratio | private/open | queries |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for page, each in values["pages"].items():
            cells = [
                page,
                each["ms"]["p50"],
                each["ms"]["p95"],
                each["above_empty_ms"],
                each["allowed_ms"],
                each.get("small_ms", {}).get("p95", ""),
                each.get("vs_small", ""),
                each.get("vs_open", ""),
                each.get("queries", ""),
            ]
            lines.append(f"| {' | '.join(map(str, cells))} |")
        lines.append("")
    return "\n".join(lines + report.ratio_lines(told))


def main() -> None:
    given = arguments(__doc__)
    if given.here:
        json.dump(on(given.database, given), sys.stdout)
        return
    told = on_each("benchmarks.read", given)
    told["missed"] = missed(told["databases"])
    if given.json:
        json.dump(told, sys.stdout, indent=2)
        print()
    else:
        print(table(told))


if __name__ == "__main__":
    main()
