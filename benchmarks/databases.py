"""New databases for each measurement, durable as in production, made once and then copied.

What is copied is the template: migrated, and empty unless somebody filled it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.postgresql import PostgreSQL

_numbers = count(1)
# A commit of WAL reaches the disk only with FULL.
_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 60,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
        "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=16000;"
    ),
}


@dataclass(frozen=True)
class Database:
    """A migrated database.

    Attributes:
        django: its entry for DATABASES.
    """

    django: dict[str, Any]

    def environment(self, originals: Path | None = None) -> dict[str, str]:
        """Return what a process with benchmarks.settings needs; originals in files if named."""
        variables = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "BENCH_DATABASE": json.dumps(self.django),
        }
        if originals is not None:
            variables["BENCH_ORIGINALS"] = str(originals)
        return variables


class SQLite:
    """Files in a folder, in WAL mode with synchronous=FULL."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"
        self.template = self._database(self._template)
        if not self._template.exists():
            _migrate(self.template)

    @contextmanager
    def new(self) -> Iterator[Database]:
        path = self._folder / f"{next(_numbers)}.sqlite3"
        shutil.copy(self._template, path)
        try:
            yield self._database(path)
        finally:
            for file in self._folder.glob(f"{path.name}*"):
                file.unlink()

    def _database(self, path: Path) -> Database:
        return Database(
            {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": _SQLITE}
        )


class Postgres:
    """Databases of one server with its default settings of durability."""

    name = "PostgreSQL"

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self.template = self._database(server.database)
        _migrate(self.template)

    @contextmanager
    def new(self) -> Iterator[Database]:
        name = f"bench{next(_numbers)}"
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._administer(
            f"CREATE DATABASE {name} TEMPLATE {self._server.database} STRATEGY FILE_COPY"
        )
        try:
            yield self._database(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")
            self._administer("CHECKPOINT")  # or the next measurement pays for it

    def _administer(self, statement: str) -> None:
        with psycopg.connect(
            **{**self._server.dsn(), "dbname": "postgres"}, autocommit=True
        ) as connection:
            connection.execute(statement)

    def _database(self, name: str) -> Database:
        return Database({**self._server.django(), "NAME": name})


def _migrate(database: Database) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        env=database.environment(),
        check=True,
    )
