"""Databases for the processes that may be killed, and a folder where a test has its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fetching.conftest import account, durable, folder
from tests.servers.postgresql import PostgreSQL

from .databases import Databases, PostgreSQLs, SQLite
from .nursery import Nursery

__all__ = ["account", "durable", "folder"]


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Databases]:
    with Nursery() as nursery:
        yield SQLite(nursery, tmp_path_factory.mktemp("faults"), migrated_sqlite)


@pytest.fixture(scope="session")
def postgresqls(postgresql: PostgreSQL, migrated_postgresql: str) -> Iterator[Databases]:
    with Nursery(postgresql.url) as nursery:
        yield PostgreSQLs(nursery, postgresql, migrated_postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each kind of database, one after the other."""
    fixture = "sqlite" if request.param == "sqlite" else "postgresqls"
    found: Databases = request.getfixturevalue(fixture)
    return found
