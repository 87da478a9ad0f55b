"""What happens to a process at a crossing: it dies, or what it stands on gives way.

Each is called in the process, in whichever thread comes to the crossing.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from collections.abc import Callable

import psycopg
from django.db import OperationalError, connection

from wagtail_mailarchive.crossings import Crossing
from wagtail_mailarchive.exceptions import ConnectionDropped, ParserUnavailable, StorageError
from wagtail_mailarchive.models import Lease

# Whoever waits for a server sees that it is gone; the others see the database or the disk fail.
_FAILURES: dict[Crossing, Callable[[], Exception]] = {
    **dict.fromkeys(
        (
            *(Crossing.CONNECTED, Crossing.MAILBOXES_LISTED, Crossing.MAILBOX_OPENED),
            *(Crossing.LISTED, Crossing.COMPARED, Crossing.DESCRIBED, Crossing.HEADERS_READ),
            *(Crossing.FETCHED, Crossing.OPENED_FOR_CHANGES, Crossing.ASKED_AGAIN),
            *(Crossing.UNMARKED, Crossing.TARGET_MADE, Crossing.PROVEN, Crossing.COPIED),
            *(Crossing.MARKED_ON_SERVER, Crossing.CHANGED_ON_SERVER),
        ),
        lambda: ConnectionDropped(host="localhost"),
    ),
    Crossing.PREPARED: lambda: StorageError(store="originals"),
    Crossing.PARSED: lambda: ParserUnavailable(status=1),
}

# What is held until the process ends.
_held: list[object] = []


def kill(here: Crossing) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(here: Crossing) -> None:
    if here in _FAILURES:
        raise _FAILURES[here]()
    raise OperationalError("the disk is full")


def fill_the_disk(here: Crossing) -> None:
    """Let SQLite's file grow by a few pages only."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 20}")


def cut_writes_short(here: Crossing) -> None:
    """Let files grow to 150 kB: what is longer is written up to there."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))


def lock_the_database(here: Crossing) -> None:
    """Have somebody else write into SQLite's file without end."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 300")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    _held.append(other)


def lose_the_connection_before_commit(here: Crossing) -> None:
    """Have PostgreSQL end our session, and with it the transaction."""
    _terminate()


def lose_the_connection_after_commit(here: Crossing) -> None:
    """Have PostgreSQL commit, and end our session before it can say so."""
    session = connection.connection
    commit = session.commit

    def then_lose_it() -> None:
        commit()
        _terminate()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    session.commit = then_lose_it


def lose_the_lease(here: Crossing) -> None:
    """Have another worker take the account over, as if this one had slept for minutes."""
    Lease.objects.update(token=99)


def _terminate() -> None:
    settings = connection.settings_dict
    pid = connection.connection.info.backend_pid
    with psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        dbname=settings["NAME"],
        autocommit=True,
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


ACCIDENTS: dict[str, Callable[[Crossing], None]] = {
    each.__name__: each
    for each in (
        *(kill, fail, fill_the_disk, cut_writes_short, lock_the_database, lose_the_lease),
        *(lose_the_connection_before_commit, lose_the_connection_after_commit),
    )
}
