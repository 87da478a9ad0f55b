"""Run pytest against a private PostgreSQL: `python -m tests.postgresql_lane tests/archive ...`.

The database's own behaviour (locks, deadlocks, what it refuses) is not SQLite's, so the rooms that
write run on both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.migrated import migrate, restore
from tests.servers.postgresql import PostgreSQL, PostgreSQLUnavailable


def main(arguments: list[str]) -> int:
    # Or the server would stay when somebody ends this process.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        with PostgreSQL() as server:
            if folder := os.environ.get("MIGRATED"):
                restore(server, server.database, Path(folder))
            else:
                migrate(server.database, server.url)
            environment = {
                **os.environ,
                "TEST_DATABASE_URL": server.url,
                "TEST_DATABASE_TEMPLATE": server.database,
            }
            return subprocess.run(
                [sys.executable, "-m", "pytest", *arguments], env=environment, check=False
            ).returncode
    except PostgreSQLUnavailable as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
