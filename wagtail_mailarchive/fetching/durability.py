"""May mail be removed elsewhere because it is here? Only where a confirmed commit survives.

A database can be set to confirm what is not on the disk yet. That is good for much, but mail that
was deleted from its server meanwhile would be lost in a power cut.
"""

from __future__ import annotations

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from ..archive import originals
from ..exceptions import ConfigurationError, DatabaseNotDurable, MailArchiveError
from ..models import LedgerEntry

_FULL = 2  # and 3 is EXTRA; 1 is NORMAL, 0 is OFF (sqlite.org/pragma.html#pragma_synchronous)
# With these a crash in the middle of a commit can leave the whole file damaged.
_NO_JOURNAL = {"off", "memory"}


def why_not_durable() -> MailArchiveError | None:
    """Return why a commit, or an original, may be lost after it was confirmed; None if it is not.

    Looks at this connection as it is now (two queries at most), since any setting may have come
    from the server, the role or the connection itself.
    """
    try:
        originals.check_store()
    except ConfigurationError as error:
        return error
    connection = connections[router.db_for_write(LedgerEntry)]
    if connection.vendor == "sqlite":
        setting = _missing_in_sqlite(connection)
    elif connection.vendor == "postgresql":
        setting = _missing_in_postgresql(connection)
    else:
        setting = "SQLite or PostgreSQL as its database"
    return DatabaseNotDurable(setting=setting) if setting else None


def _missing_in_sqlite(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        [synchronous] = cursor.execute("PRAGMA synchronous").fetchone()
        [journal] = cursor.execute("PRAGMA journal_mode").fetchone()
    if synchronous < _FULL:
        return "PRAGMA synchronous = FULL in the init_command of SQLite"
    # A database in memory has no other journal, and nobody expects it to survive.
    if journal in _NO_JOURNAL and not connection.is_in_memory_db():  # type: ignore[attr-defined]
        return "PRAGMA journal_mode = WAL in the init_command of SQLite"
    return ""


def _missing_in_postgresql(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
        synchronous_commit, fsync = cursor.fetchone()
    # "local" and above wait for this server's own disk.
    if synchronous_commit == "off":
        return "synchronous_commit = on in PostgreSQL"
    if fsync != "on":
        return "fsync = on in PostgreSQL"
    return ""
