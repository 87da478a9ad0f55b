"""A database's files held in memory, as a server in use has them.

Some machines take file cache back within seconds. What is measured then is how soon they bring it
again, by far the most for whatever is asked for first.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.db import connection

_LOCKED = 0x2000  # MAP_LOCKED of Linux, see mmap(2)
_LEAST = 1 << 16  # bytes; smaller files are many and hold little


@contextmanager
def held(kept: Path) -> Iterator[None]:
    """Hold the files of Django's database, and of a notmuch in `kept`, as long as this lasts.

    Where that is not allowed (`ulimit -l`), stderr says so and nothing is held.
    """
    with ExitStack() as stack:
        try:
            for path in [*_files(_database()), *_files(kept / "notmuch")]:
                with path.open("rb") as file:
                    flags = mmap.MAP_SHARED | _LOCKED
                    stack.enter_context(mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ))
        except OSError as error:
            stack.close()
            print(f"Not held in memory: {error}", file=sys.stderr, flush=True)
        yield


def _files(place: Path) -> list[Path]:
    every = [place] if place.is_file() else [p for p in _walk(place) if p.is_file()]
    return [path for path in every if path.stat().st_size >= _LEAST]


def _walk(folder: Path) -> Iterator[Path]:
    for name, _folders, files in os.walk(folder):
        yield from (Path(name) / each for each in files)


def _database() -> Path:
    """Return the file, or the folder with the files."""
    if connection.vendor == "sqlite":
        return Path(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database"
            " WHERE datname = current_database()"
        )
        folder, oid = cursor.fetchone()
    return Path(folder) / "base" / str(oid)
