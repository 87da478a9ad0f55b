"""How long a search takes on the server, beside the bare engine, notmuch and Wagtail's own search.

    python -m benchmarks.search [--messages N] [--requests N] [--database sqlite|postgresql]
                                [--json]

A page of hits, with its counts, is measured by Django's test client: middleware, routing, queries
and templates, no network. E is an almost empty Wagtail page. All of it in one run, in turns.

    {kind}_vs_engine       (page - E - 40 ms) / the bare query of the same run; at most 2 is wanted
    counts_vs_page         page with counts / page without
    common_vs_notmuch      our engine query, newest first / notmuch's, without its process' start
    common_vs_wagtail      Wagtail's own database search / our page; at least 20 is wanted
    indexing_share         share of the time to archive that the index takes
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
_ALLOWED = 40.0  # ms for a page of hits, beside its query
COMMON, PHRASE = "commonplace", ("quiet", "harbour")
_RARE_EVERY = 5_000
_CHUNK = 1_000
Measure = Callable[[], object]


def messages(number: int) -> Iterator[bytes]:
    """Yield messages of 4 kB: half of them hold `COMMON`, each 50th the phrase, all a rare word."""
    for position, raw in enumerate(mailbox.small_messages(number)):
        words = [f"rare{position // _RARE_EVERY}r{position % _RARE_EVERY % 97}"]
        if position % 2:
            words.append(COMMON)
        if position % 50 == 0:
            words += PHRASE
        elif position % 3 == 0:
            words += [PHRASE[1], "and", PHRASE[0]]
        yield raw + f"{' '.join(words)}\r\n".encode()


def fill(number: int, mail: Path, *, privacy: str = "public") -> Any:
    """Archive `number` messages in a new folder, keep them for notmuch, too; return the folder."""
    from tests import factories
    from wagtail_mailarchive.archive import originals
    from wagtail_mailarchive.archive.writer import Incoming, Writer
    from wagtail_mailarchive.mime.parser import parse
    from wagtail_mailarchive.models import Mailbox

    def ignore(outcomes: Counter[Any], size: int) -> None:
        """Nobody counts here."""

    folder = factories.folder(privacy=privacy)
    owner = Mailbox.objects.create(account=None, folder=folder, name="benchmark")
    writer = Writer(owner, 1, fence=lambda: None, also=ignore)
    for name in ("cur", "new", "tmp"):
        (mail / name).mkdir(parents=True, exist_ok=True)
    source = enumerate(messages(number), 1)
    while some := list(islice(source, _BATCH)):
        batch = []
        for uid, raw in some:
            (mail / "cur" / f"{folder.pk}.{uid}:2,S").write_bytes(raw)
            parsed = factories.storable(parse(raw))
            batch.append(Incoming(uid, None, originals.prepare([raw]), parsed))
        writer.write(batch)
    return folder


def p95(measure: Sequence[Measure], turns: int) -> list[float]:
    """Return the 95th percentile of each in milliseconds, measured in turns."""
    taken: list[list[float]] = [[] for _ in measure]
    for turn in range(turns + 2):
        for times, each in zip(taken, measure, strict=True):
            begin = time.perf_counter()
            each()
            if turn >= 2:  # the first two fill caches
                times.append((time.perf_counter() - begin) * 1000)
    return [statistics.quantiles(times, n=20)[-1] for times in taken]


# -- what is measured ----------------------------------------------------------------------------


def engine_query(folder_id: int, words: Sequence[str], *, by_rank: bool) -> Measure:
    """Return the shortest query of the engine itself for words side by side."""
    from django.db import connection

    if connection.vendor == "sqlite":
        order = "rank" if by_rank else "rowid DESC"
        sql = (
            "SELECT rowid FROM wagtail_mailarchive_search "
            f"WHERE wagtail_mailarchive_search MATCH %s ORDER BY {order} LIMIT 25"
        )
        params = [f'scope : "folder{folder_id}" AND "{" ".join(words)}"']
    else:
        asked = "(phraseto_tsquery('simple', %s) && %s::tsquery)"
        order = f"ts_rank(search_vector, {asked}) DESC" if by_rank else "id DESC"
        sql = (
            "SELECT id FROM wagtail_mailarchive_messagetext "
            f"WHERE search_vector @@ {asked} ORDER BY {order} LIMIT 25"
        )
        params = [" ".join(words), f"'in folder{folder_id}'"] * (2 if by_rank else 1)

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            cursor.fetchall()

    return ask


class Notmuch:
    """Debian's notmuch over the same mail."""

    def __init__(self, folder: Path, mail: Path) -> None:
        self._environment = {**os.environ, "NOTMUCH_CONFIG": str(folder / "notmuch.ini")}
        (folder / "notmuch.ini").write_text(
            f"[database]\npath={mail}\n[user]\nname=b\nprimary_email=b@example.org\n"
        )
        self._run("new", "--quiet")

    def search(self, *words: str) -> None:
        self._run("search", "--limit=25", "--output=messages", f'"{" ".join(words)}"')

    def start(self) -> None:
        """Run it for a search that reads nothing, for what a process costs."""
        self._run("search", "--limit=25", "--output=messages", "id:nothing")

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["notmuch", *arguments],
            env=self._environment,
            check=True,
            capture_output=True,
        )


def wagtail_search(folder_id: int) -> Measure:
    """Index the same texts in Wagtail's own database search; return a search there."""
    from django.db.models import F
    from modelsearch.abstract_models import TextIDGenericRelation
    from wagtail.search import index
    from wagtail.search.backends import get_search_backend
    from wagtail.search.models import IndexEntry

    from wagtail_mailarchive.models import EmailMessagePage

    class Text(index.SearchField):
        def get_value(self, page: EmailMessagePage) -> str:
            return str(page.__dict__.get("body", ""))

    EmailMessagePage.search_fields = [index.SearchField("subject"), Text("snippet")]
    # Wagtail adds this where an app starts, to models that it indexes.
    TextIDGenericRelation(IndexEntry).contribute_to_class(EmailMessagePage, "index_entries")
    backend = get_search_backend("default")
    target = backend.get_index_for_model(EmailMessagePage)
    pages = EmailMessagePage.objects.filter(folder=folder_id).order_by("pk")
    last = 0
    while some := list(pages.filter(pk__gt=last).annotate(body=F("text_entry__body"))[:_CHUNK]):
        target.add_items(EmailMessagePage, some)
        last = some[-1].pk
    # Nothing else is in that index, so that it need not be asked for the folder.
    return lambda: list(backend.search(COMMON, EmailMessagePage)[:25])


def indexing_share(number: int, folder: Path) -> float:
    """Return the share of archiving that goes into the index."""
    from django.db import transaction

    from wagtail_mailarchive.archive import messages as archived

    begin = time.perf_counter()
    spent = 0.0
    insert = archived.insert_texts

    def timed(texts: Any) -> None:
        nonlocal spent
        start = time.perf_counter()
        insert(texts)
        spent += time.perf_counter() - start

    archived.insert_texts = timed
    try:
        fill(number, folder)
    finally:
        archived.insert_texts = insert
        transaction.get_connection().ensure_connection()
    return spent / (time.perf_counter() - begin)


def empty_page(folder: Path) -> str:
    """Return the address of a Wagtail page that shows its title and nothing else."""
    from django.template import engines

    from tests import factories

    page = factories.workspace()
    template = folder / page.template
    template.parent.mkdir(parents=True)
    template.write_text("<!DOCTYPE html><title>{{ page.title }}</title><h1>{{ page.title }}</h1>")
    engines["django"].engine.dirs.append(folder)  # type: ignore[attr-defined]
    address: str = page.get_url()
    return address


# -- the run ---------------------------------------------------------------------------------------


def measure(number: int, turns: int, folder: Path) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client

    from wagtail_mailarchive.archive.search import Question, backend, parse
    from wagtail_mailarchive.reading import search_page

    mail = folder / "mail"
    public = fill(number, mail)
    fill(max(number // 10, 1), folder / "private", privacy="groups")
    share = indexing_share(max(number // 20, 200), folder / "share")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    client = Client(SERVER_NAME="localhost")
    address = public.get_url()
    empty = empty_page(folder / "templates")

    def page(address: str, **query: str) -> Measure:
        def get() -> None:
            response = client.get(address, query)
            assert response.status_code == 200, (address, query, response.status_code)

        return get

    def varied(words: Sequence[str], **query: str) -> Measure:
        pages = [page(address, q=text, **query) for text in words]
        turn = iter(range(10**9))
        return lambda: pages[next(turn) % len(pages)]()

    rare = [f"rare{n}r{n}" for n in range(max(number // _RARE_EVERY, 1))]
    phrase = [f'"{" ".join(PHRASE)}"']
    kinds: dict[str, tuple[Measure, Measure]] = {
        "rare": (varied(rare), engine_query(public.pk, rare[:1], by_rank=False)),
        "common_by_date": (varied([COMMON]), engine_query(public.pk, [COMMON], by_rank=False)),
        "common_by_rank": (
            varied([COMMON], order="relevance"),
            engine_query(public.pk, [COMMON], by_rank=True),
        ),
        "phrase": (varied(phrase), engine_query(public.pk, PHRASE, by_rank=False)),
    }
    measures = [page(empty), *(each for pair in kinds.values() for each in pair)]
    base, *times = p95(measures, turns)
    told: dict[str, Any] = {"empty_page_ms": round(base, 2), "ms": {}, "ratios": {}}
    for position, kind in enumerate(kinds):
        shown, bare = times[2 * position : 2 * position + 2]
        told["ms"][kind] = {"page": round(shown, 2), "engine": round(bare, 2)}
        ratio = max(shown - base - _ALLOWED, 0.0) / max(bare, 0.01)
        told["ratios"][f"{kind}_vs_engine"] = round(ratio, 2)
    question = Question.of(parse(COMMON), [public.pk])
    ours = p95([lambda: backend().by_date(question, before=None, limit=25)], turns)[0]
    counted = p95([lambda: backend().facts(question, limit=10_001)], turns)[0]
    told["ms"]["common_by_date"] |= {"query": round(ours, 2), "counts": round(counted, 2)}
    with_counts, without = _with_and_without_counts(search_page, page(address, q=COMMON), turns)
    told["ratios"]["counts_vs_page"] = round(with_counts / without, 2)
    if shutil.which("notmuch"):
        notmuch = Notmuch(folder, mail)
        started, searched = p95([notmuch.start, lambda: notmuch.search(COMMON)], min(turns, 40))
        theirs = max(searched - started, 0.1)
        told["ms"]["common_by_date"]["notmuch"] = round(theirs, 2)
        told["ratios"]["common_vs_notmuch"] = round(ours / theirs, 2)
    wagtail = p95([wagtail_search(public.pk)], min(turns, 20))[0]
    told["ms"]["common_by_date"]["wagtail"] = round(wagtail, 2)
    told["ratios"]["common_vs_wagtail"] = round(wagtail / told["ms"]["common_by_rank"]["page"], 2)
    told["ratios"]["indexing_share"] = round(share, 2)
    return told


def _with_and_without_counts(module: Any, get: Measure, turns: int) -> tuple[float, float]:
    counted = p95([get], turns)[0]
    counts = module.MOST_COUNTED
    module.MOST_COUNTED = 0
    try:
        return counted, p95([get], turns)[0]
    finally:
        module.MOST_COUNTED = counts


def on(name: str, number: int, turns: int) -> dict[str, Any]:
    """Measure on one database, in this process: Django is set up once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        databases: SQLite | Postgres = (
            SQLite(folder)
            if name == "sqlite"
            else Postgres(stack.enter_context(PostgreSQL(fsync=True)))
        )
        os.environ.update(stack.enter_context(databases.new()).environment())
        django.setup()
        from django.db import connection

        stack.callback(connection.close)
        return measure(number, turns, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"))
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.database:
        told = on(given.database, given.messages, given.requests)
        told = {given.database: told, "ratios": {given.database: told.pop("ratios")}}
    else:
        told = {"ratios": {}}
        for name in ("sqlite", "postgresql"):
            # Each in a process of its own, because Django is set up for one database.
            command = [sys.executable, "-m", "benchmarks.search", "--json", "--database", name]
            command += ["--messages", str(given.messages), "--requests", str(given.requests)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            one = json.loads(answer.stdout)
            told[name] = one[name]
            told["ratios"][name] = one["ratios"][name]
    if given.json:
        json.dump(told, sys.stdout, indent=2)
        print()
        return
    print("| database | kind | page | engine |\n|---|---|--:|--:|")
    for name, ratios in told["ratios"].items():
        for kind, times in told[name]["ms"].items():
            print(f"| {name} | {kind} | {times['page']} ms | {times['engine']} ms |")
        print(f"\n{name}, empty page {told[name]['empty_page_ms']} ms: {ratios}\n")


if __name__ == "__main__":
    main()
