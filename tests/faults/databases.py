"""A fresh database for each case: a copy of one in which the tables and a folder are."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from tests.servers.postgresql import PostgreSQL

from .nursery import Nursery


class Databases(Protocol):
    """One kind of database."""

    nursery: Nursery

    def fresh(self) -> AbstractContextManager[str]:
        """Give the name of a new database, which is gone at the block's end."""
        ...


class SQLite:
    """Files in `folder`.

    Args:
        migrated: a file in which the tables are.
    """

    def __init__(self, nursery: Nursery, folder: Path, migrated: Path) -> None:
        self.nursery = nursery
        self._folder = folder
        self._numbers = itertools.count(1)
        self._template = folder / "template.sqlite3"
        shutil.copyfile(migrated, self._template)
        _prepare(nursery, str(self._template))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        path = self._folder / f"case{next(self._numbers)}.sqlite3"
        shutil.copyfile(self._template, path)
        try:
            yield str(path)
        finally:
            for each in self._folder.glob(f"{path.name}*"):
                each.unlink()


class PostgreSQLs:
    """Databases of one server.

    Args:
        migrated: the name of one in which the tables are.
    """

    def __init__(self, nursery: Nursery, server: PostgreSQL, migrated: str) -> None:
        self.nursery = nursery
        self._server = server
        self._numbers = itertools.count(1)
        self._execute(f"CREATE DATABASE template TEMPLATE {migrated}")
        _prepare(nursery, "template")

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = f"case{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template")
        try:
            yield name
        finally:
            # The session of a process that was killed may still be about to end.
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(**self._server.dsn(), autocommit=True) as connection:
            connection.execute(statement)


def _prepare(nursery: Nursery, database: str) -> None:
    ended = nursery.run("prepare", database)
    assert ended.result is not None, ended.told
