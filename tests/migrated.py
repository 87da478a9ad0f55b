"""Databases in which all migrations have run: once for all processes of a test run.

Wagtail's and ours take some twenty seconds of processor time. Runs to which MIGRATED names the same
folder share them, too; whoever makes that folder removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import blocking_manager_key

from tests.servers.postgresql import PostgreSQL

_ROOT = Path(__file__).resolve().parents[1]


def migrate(database: str, url: str = "") -> None:
    """Run all migrations in a process of its own.

    Args:
        database: the name of the database; a path for SQLite.
        url: as TEST_DATABASE_URL; "" for SQLite.
    """
    subprocess.run(
        [sys.executable, "-m", "tests.migrated", database],
        check=True,
        cwd=_ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_DATABASE_URL": url,
        },
    )


def _once(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return the file of that name, which the first process to come here makes."""
    made = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = folder / f"unfinished-{name}"
            make(unfinished)
            unfinished.rename(made)
    return made


@pytest.fixture(scope="session")
def folder_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share, or several runs."""
    if "MIGRATED" in os.environ:
        return Path(os.environ["MIGRATED"])
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def migrated_sqlite(folder_of_the_run: Path) -> Path:
    """A file to copy."""
    return _once(folder_of_the_run, "migrated.sqlite3", lambda path: migrate(str(path)))


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgreSQL, folder_of_the_run: Path) -> str:
    """The name of a database of `postgresql` to use as a template."""
    name = "migrated"
    postgresql.create(name)
    restore(postgresql, name, folder_of_the_run)
    return name


def restore(server: PostgreSQL, database: str, folder: Path) -> None:
    """Fill an empty database of the server with the tables, by way of a dump in `folder`."""

    def make(path: Path) -> None:
        first = "to_dump"
        server.create(first)
        migrate(first, server.url)
        server.dump(first, path)

    server.restore(_once(folder, "migrated.dump", make), database)


# -- the database of the tests themselves ----------------------------------------------------


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """On SQLite, have Django take the file it finds; PostgreSQL knows templates itself."""
    return "sqlite" in settings.DATABASES["default"]["ENGINE"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_keepdb: bool,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    if not django_db_keepdb:
        yield
        return
    path = settings.DATABASES["default"]["TEST"]["NAME"]
    shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
    yield
    for each in Path(path).parent.glob(f"{Path(path).name}*"):
        each.unlink()


# -- what a test that commits leaves empty -----------------------------------------------------

_is_empty = pytest.StashKey[bool]()


def commits(item: pytest.Item) -> bool:
    """Whether the test empties the database when it ends, because it commits."""
    marker = item.get_closest_marker("django_db")
    return marker is not None and bool(marker.kwargs.get("transaction"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fill the database again for a test that does not ask for that itself.

    pytest-django has tests that commit run last, but a process that is through with its own takes
    over some of another's, which then run after them.
    """
    if commits(item):
        item.config.stash[_is_empty] = True
    elif item.config.stash.get(_is_empty, False):
        with item.config.stash[blocking_manager_key].unblock():
            fill_again()
        item.config.stash[_is_empty] = False


def fill_again() -> None:
    """Load what the migrations had filled in, as Django's `serialized_rollback` does."""
    connection.creation.deserialize_db_from_string(
        connection._test_serialized_contents  # type: ignore[attr-defined]
    )


if __name__ == "__main__":
    import django

    django.setup()
    from django.core.management import call_command

    connection.settings_dict["NAME"] = sys.argv[1]
    call_command("migrate", verbosity=0)
