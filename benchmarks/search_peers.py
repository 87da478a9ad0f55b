"""Who else searches the same mail: the bare engine, notmuch, and Wagtail's own database search."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import corpus
from .timing import Measure

SHOWN = 25
LONGEST = 60  # seconds for an answer
_ASKED = "(phraseto_tsquery('simple', %s) && %s::tsquery)"
_CHUNK = 5_000


# -- the engine ------------------------------------------------------------------------------------


class Engine:
    """The shortest ways to ask the engine itself for words side by side, in one folder."""

    def __init__(self, folder_id: int) -> None:
        from django.db import connection

        self._folder = folder_id
        self._is_sqlite = connection.vendor == "sqlite"

    def best(self, words: Sequence[str]) -> Measure:
        """Ask for the best hits."""
        table, params = self._hits(words)
        if self._is_sqlite:
            return _ask(f"SELECT rowid {table} ORDER BY rank LIMIT {SHOWN}", params)
        order = f"ORDER BY ts_rank(search_vector, {_ASKED}) DESC"
        return _ask(f"SELECT id {table} {order} LIMIT {SHOWN}", params * 2)

    def newest(self, words: Sequence[str]) -> Measure:
        """Ask for the newest hits, in the way that the planner prefers."""
        table, params = self._hits(words)
        key = "rowid" if self._is_sqlite else "id"
        return _ask(f"SELECT {key} {table} ORDER BY {key} DESC LIMIT {SHOWN}", params)

    def newest_of_all(self, words: Sequence[str]) -> Measure:
        """Fetch every hit and sort them: right for few hits, where planners may be wrong."""
        table, params = self._hits(words)
        key = "rowid" if self._is_sqlite else "id"
        hits = f"WITH hits AS MATERIALIZED (SELECT {key} AS hit {table})"
        return _ask(f"{hits} SELECT hit FROM hits ORDER BY hit DESC LIMIT {SHOWN}", params)

    def _hits(self, words: Sequence[str]) -> tuple[str, list[str]]:
        text = " ".join(words)
        if self._is_sqlite:
            table = "wagtail_mailarchive_search"
            return f"FROM {table} WHERE {table} MATCH %s", [
                f'scope : "folder{self._folder}" AND "{text}"'
            ]
        table = "wagtail_mailarchive_messagetext"
        return f"FROM {table} WHERE search_vector @@ {_ASKED}", [text, f"'in folder{self._folder}'"]


def _ask(sql: str, params: Sequence[Any]) -> Measure:
    from django.db import connection

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            cursor.fetchall()

    return ask


# -- notmuch ---------------------------------------------------------------------------------------


class Notmuch:
    """Debian's notmuch over the same mail, which it keeps in `folder`."""

    def __init__(self, folder: Path, messages: int) -> None:
        made = folder / "notmuch"
        self._environment = {**os.environ, "NOTMUCH_CONFIG": str(made / "config")}
        if not (made / "indexed").exists():
            shutil.rmtree(made, ignore_errors=True)
            for name in ("cur", "new", "tmp"):
                (made / "mail" / name).mkdir(parents=True)
            for number, raw in enumerate(corpus.messages(messages, "large")):
                (made / "mail" / "cur" / f"{number}:2,S").write_bytes(raw)
            (made / "config").write_text(
                f"[database]\npath={made / 'mail'}\n[user]\nname=b\nprimary_email=b@example.org\n"
            )
            self._run("new", "--quiet")
            (made / "indexed").touch()

    @staticmethod
    def is_there() -> bool:
        return shutil.which("notmuch") is not None

    def search(self, *words: str) -> None:
        """Find the newest messages."""
        asked = f'"{" ".join(words)}"'
        self._run("search", f"--limit={SHOWN}", "--output=messages", asked)

    def start(self) -> None:
        """Run it for a search that reads nothing, for what a process costs."""
        self._run("search", f"--limit={SHOWN}", "--output=messages", "id:nothing")

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["notmuch", *arguments], env=self._environment, check=True, capture_output=True
        )


# -- Wagtail ---------------------------------------------------------------------------------------


class WagtailSearch:
    """The same texts in Wagtail's own database search.

    Only that folder is in its index, so that it need not be asked for it.
    """

    def __init__(self, folder_id: int) -> None:
        from modelsearch.abstract_models import TextIDGenericRelation
        from wagtail.search import index
        from wagtail.search.backends import get_search_backend
        from wagtail.search.models import IndexEntry

        from wagtail_mailarchive.models import EmailMessagePage
        from wagtail_mailarchive.reading.listing import COLUMNS

        class Text(index.SearchField):
            def get_value(self, page: EmailMessagePage) -> str:
                return str(page.__dict__.get("body", ""))

        EmailMessagePage.search_fields = [
            index.SearchField("subject"),
            Text("snippet"),
            index.FilterField("sorted_at"),
        ]
        # Wagtail adds this where an app starts, to models that it indexes.
        TextIDGenericRelation(IndexEntry).contribute_to_class(EmailMessagePage, "index_entries")
        self._backend = get_search_backend("default")
        self._pages = EmailMessagePage.objects.only(*COLUMNS)
        begin = time.perf_counter()
        self._fill(folder_id)
        self.seconds_to_index = time.perf_counter() - begin

    def best(self, words: str) -> list[Any]:
        """Return the best hits, as a page shows them."""
        return list(self._backend.search(words, self._pages)[:SHOWN])

    def best_and_count(self, words: str) -> None:
        """Do what a page of Wagtail's search results does: count, and show the best."""
        found = self._backend.search(words, self._pages)
        found.count()
        list(found[:SHOWN])

    def newest(self, words: str) -> list[Any]:
        """Return the newest hits."""
        pages = self._pages.order_by("-sorted_at")
        return list(self._backend.search(words, pages, order_by_relevance=False)[:SHOWN])

    def seconds_for(self, ask: Measure) -> float | None:
        """Return how long one answer takes; None if there is none within `LONGEST`."""
        from django.db import connection
        from django.db.utils import OperationalError

        begin = time.perf_counter()
        connection.ensure_connection()
        if connection.vendor == "sqlite":
            connection.connection.set_progress_handler(
                lambda: time.perf_counter() - begin > LONGEST, 100_000
            )
        else:
            with connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = '{LONGEST}s'")
        try:
            ask()
        except OperationalError:
            if time.perf_counter() - begin < LONGEST:
                raise
            return None
        finally:
            if connection.vendor == "sqlite":
                connection.connection.set_progress_handler(None, 0)
            else:
                with connection.cursor() as cursor:
                    cursor.execute("RESET statement_timeout")
        return time.perf_counter() - begin

    def _fill(self, folder_id: int) -> None:
        from django.db import connection
        from django.db.models import F

        from wagtail_mailarchive.models import EmailMessagePage

        target = self._backend.get_index_for_model(EmailMessagePage)
        pages = EmailMessagePage.objects.filter(folder=folder_id).order_by("pk")
        last = 0
        body = F("text_entry__body")
        while some := list(pages.filter(pk__gt=last).annotate(body=body)[:_CHUNK]):
            target.add_items(EmailMessagePage, some)
            last = some[-1].pk
        # Or SQLite chooses a way through the new rows that it does not come back from.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
