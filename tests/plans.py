"""What queries look at, by the database's own plan for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.test.utils import CaptureQueriesContext

_MESSAGES = "wagtail_mailarchive_emailmessagepage"
_OF_A_FOLDER = re.compile(
    rf"INDEX (mailarchive_newest_first|sqlite_autoindex_{_MESSAGES}_\d+) \(folder_id=\?\)$"
)


def plan_of(sql: str) -> str:
    """Return the steps of the plan for `sql`, which holds its values, a line each."""
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}".replace("%", "%%"), [])
        return "\n".join(row[-1] for row in cursor.fetchall())


def walks_over_messages(captured: CaptureQueriesContext) -> list[str]:
    """Return the steps that look at all messages of a folder or of the site, with their queries.

    Nothing on other databases, which plan by how many rows there are: in a test hardly any.
    """
    if connection.vendor != "sqlite":
        return []
    found = []
    for query in captured.captured_queries:
        sql = query["sql"].strip()
        if not sql.startswith("SELECT") or _MESSAGES not in sql:
            continue
        found += [
            f"{step}: {sql}"
            for step in plan_of(sql).splitlines()
            # Subqueries call them U0, V0 and so on.
            if step.startswith(f"SCAN {_MESSAGES}") or _OF_A_FOLDER.search(step)
        ]
    return found


@dataclass
class Steps:
    """How much SQLite did, in hundreds of its instructions."""

    taken: int = 0


@contextmanager
def counted_steps() -> Iterator[Steps]:
    """Count what SQLite does meanwhile."""
    steps = Steps()

    def step() -> int:
        steps.taken += 1
        return 0

    connection.connection.set_progress_handler(step, 100)
    try:
        yield steps
    finally:
        connection.connection.set_progress_handler(None, 0)
