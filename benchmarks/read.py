"""How long the server takes to show a large folder and a message in it, beside a small one.

    python -m benchmarks.read [--messages N] [--database sqlite|postgresql] [--json]

Times are those of Django's test client: middleware, routing, queries and templates, no network.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

from tests.servers.postgresql import PostgreSQL

from . import mailbox
from .databases import Postgres, SQLite

_BATCH = 200
_REQUESTS = 40
_SMALL = 1_000
Get = Callable[[str], None]


def fill(number: int) -> tuple[str, list[str]]:
    """Archive `number` messages in a new folder.

    Returns:
        The addresses of the folder, and of its oldest, middle and newest message.
    """
    from tests import factories
    from wagtail_mailarchive.archive import originals
    from wagtail_mailarchive.archive.writer import Incoming, Writer
    from wagtail_mailarchive.mime.parser import parse
    from wagtail_mailarchive.models import EmailMessagePage, Mailbox

    def ignore(outcomes: Counter[Any], size: int) -> None:
        """Nobody counts here."""

    folder = factories.folder()
    owner = Mailbox.objects.create(account=None, folder=folder, name="benchmark")
    writer = Writer(owner, 1, fence=lambda: None, also=ignore)
    messages = enumerate(mailbox.small_messages(number), 1)
    while some := list(islice(messages, _BATCH)):
        writer.write(
            [
                Incoming(
                    uid,
                    None,
                    originals.prepare([raw]),
                    factories.storable(parse(raw)),
                )
                for uid, raw in some
            ]
        )
    dated = EmailMessagePage.objects.filter(folder=folder).order_by("sorted_at")
    chosen = [dated[0], dated[number // 2], dated[number - 1]]
    address = folder.get_url()
    assert address
    return address, [each.get_url() for each in chosen]


def median_ms(get: Get, addresses: list[str]) -> float:
    times = []
    for address in addresses:
        begin = time.perf_counter()
        get(address)
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def measure(large: int) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME="localhost")

    def get(address: str) -> None:
        response = client.get(address)
        assert response.status_code == 200, (address, response.status_code)

    told: dict[str, Any] = {}
    filled = {number: fill(number) for number in (_SMALL, large)}
    pages = {
        "folder page": {number: [folder] for number, (folder, _) in filled.items()},
        "message page": {number: messages for number, (_, messages) in filled.items()},
    }
    for name, addresses in pages.items():
        found: dict[int, list[float]] = {number: [] for number in addresses}
        for turn in range(_REQUESTS + 2):
            for number, some in addresses.items():
                taken = median_ms(get, some)
                if turn >= 2:  # the first two fill caches
                    found[number].append(taken)
        medians = {number: statistics.median(times) for number, times in found.items()}
        queries = {}
        for number, some in addresses.items():
            with CaptureQueriesContext(connection) as captured:
                get(some[0])
            queries[number] = len(captured)
        told[name] = {
            "ms": {str(number): round(taken, 2) for number, taken in medians.items()},
            "queries": {str(number): each for number, each in queries.items()},
            "ratio": round(medians[large] / medians[_SMALL], 2),
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        databases: SQLite | Postgres = (
            SQLite(folder)
            if given.database == "sqlite"
            else Postgres(stack.enter_context(PostgreSQL(fsync=True)))
        )
        database = stack.enter_context(databases.new())
        os.environ.update(database.environment())
        django.setup()
        from django.db import connection

        stack.callback(connection.close)
        told = measure(given.messages)
    if given.json:
        json.dump(told, sys.stdout, indent=2)
        print()
        return
    print(f"| {databases.name} | {_SMALL} messages | {given.messages} messages | ratio | queries |")
    print("|---|--:|--:|--:|--:|")
    for name, values in told.items():
        small, large = values["ms"].values()
        queries = " / ".join(map(str, values["queries"].values()))
        print(f"| {name} | {small} ms | {large} ms | {values['ratio']} | {queries} |")


if __name__ == "__main__":
    main()
