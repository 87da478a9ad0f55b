"""Databases with a large folder in them, filled once and kept for what is measured.

`python -m benchmarks.filling` fills the empty database of its environment and prints a `Filled`.
What is kept is filled anew after any change to what archives mail.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from tests.servers.postgresql import PostgreSQL

from . import corpus
from .databases import Database, Postgres, SQLite

DATABASES = ("sqlite", "postgresql")
SMALL = 1_000
CACHE = Path(gettempdir()) / "wagtail-mailarchive-bench"
_ROOT = Path(__file__).parent.parent
_BATCH = 500


@dataclass(frozen=True)
class Filled:
    """What a database holds.

    Attributes:
        messages: in the large folder; the small one holds `SMALL`, the private one a tenth.
        large, small, private: keys of folders. The last may be read by nobody who is not signed
            in.
        rate: messages archived in a second, parsing included.
        threading_last_vs_first: what joining a message to its thread took in the last tenth,
            beside the first.
    """

    messages: int
    large: int
    small: int
    private: int
    rate: float
    threading_last_vs_first: float


@contextmanager
def filled(name: str, messages: int, cache: Path) -> Iterator[tuple[Database, Filled, Path]]:
    """Give a copy of a filled database, what is in it, and a folder to keep more in.

    One measurement at a time: another one waits.
    """
    kept = cache / f"filled-{_digest()}-{messages}" / name
    with ExitStack() as stack:
        cache.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((cache / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        facts = kept / "filled.json"
        if not facts.exists():
            shutil.rmtree(kept, ignore_errors=True)
        for other in cache.glob("filled-*"):
            if not other.name.startswith(f"filled-{_digest()}-"):
                shutil.rmtree(other)
        kept.mkdir(parents=True, exist_ok=True)
        databases: SQLite | Postgres = (
            SQLite(kept)
            if name == "sqlite"
            else Postgres(stack.enter_context(PostgreSQL(fsync=True, keep=kept / "server")))
        )
        if not facts.exists():
            say(f"{name}: archiving {messages} messages")
            command = [sys.executable, "-m", "benchmarks.filling", "--messages", str(messages)]
            made = subprocess.run(
                command,
                env=databases.template.environment(),
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            facts.write_text(made.stdout)
        database = stack.enter_context(databases.new())
        yield database, Filled(**json.loads(facts.read_text())), kept


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _digest() -> str:
    """Return what changes with the code that archives."""
    found = sha256(f"{corpus.VERSION}".encode())
    package = _ROOT / "wagtail_mailarchive"
    for folder in ("archive", "mime", "models", "migrations"):
        for path in sorted((package / folder).rglob("*.py")):
            found.update(path.read_bytes())
    for path in (Path(corpus.__file__), Path(__file__)):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


# -- in the process that fills ---------------------------------------------------------------------


class _Threading:
    """How long joining messages to threads took, by tenths of a folder."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._joined = 0
        self._seconds = [0.0] * 10

    def timed(self, call: Any) -> Any:
        def join(folder_id: int, arriving: Any) -> Any:
            begin = time.perf_counter()
            joined = call(folder_id, arriving)
            self._seconds[self._joined * 10 // self._messages] += time.perf_counter() - begin
            self._joined += len(arriving)
            return joined

        return join

    @property
    def last_vs_first(self) -> float:
        return self._seconds[9] / self._seconds[0]


def archive(folder: Any, number: int, name: str, batch: int = _BATCH) -> None:
    """Archive `number` messages of the corpus called `name`."""
    from tests import factories
    from wagtail_mailarchive.archive import originals
    from wagtail_mailarchive.archive.writer import Incoming, Writer
    from wagtail_mailarchive.mime.parser import parse
    from wagtail_mailarchive.models import Mailbox

    def ignore(outcomes: Counter[Any], size: int) -> None:
        """Nobody counts here."""

    owner = Mailbox.objects.create(account=None, folder=folder, name=name)
    writer = Writer(owner, 1, fence=lambda: None, also=ignore)
    source = enumerate(corpus.messages(number, name), 1)
    while some := list(islice(source, batch)):
        writer.write(
            [
                Incoming(uid, None, originals.prepare([raw]), factories.storable(parse(raw)))
                for uid, raw in some
            ]
        )


def fill(messages: int) -> Filled:
    from django.db import connection

    from tests import factories
    from wagtail_mailarchive.archive import threads

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous = OFF")
        else:
            cursor.execute("SET synchronous_commit = off")
    folders = {
        "small": factories.folder(),
        "private": factories.folder(privacy="groups"),
        "large": factories.folder(),
    }
    archive(folders["small"], SMALL, "small")
    archive(folders["private"], max(messages // 10, 1), "private")
    threading, join = _Threading(messages), threads.join
    threads.join = threading.timed(join)
    begin = time.perf_counter()
    archive(folders["large"], messages, "large", max(min(_BATCH, messages // 20), 1))
    seconds = time.perf_counter() - begin
    threads.join = join
    if connection.vendor == "postgresql":  # does so by itself in time; SQLite has nobody who would
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
    return Filled(
        messages,
        **{name: folder.pk for name, folder in folders.items()},
        rate=round(messages / seconds, 1),
        threading_last_vs_first=round(threading.last_vs_first, 2),
    )


def main() -> None:
    import django

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, required=True)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    django.setup()
    json.dump(asdict(fill(given.messages)), sys.stdout)


if __name__ == "__main__":
    main()
