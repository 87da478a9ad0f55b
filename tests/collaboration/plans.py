"""What queries look at, by SQLite's own plan for them."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

_MESSAGES = "wagtail_mailarchive_emailmessagepage"


def walks_over_messages(captured: CaptureQueriesContext) -> list[str]:
    """Return the steps that look at all messages of a folder or of the site, with their queries.

    Nothing on other databases, which plan by how many rows there are: in a test hardly any.
    """
    if connection.vendor != "sqlite":
        return []
    found = []
    for query in captured.captured_queries:
        sql = query["sql"]
        if not sql.startswith("SELECT") or _MESSAGES not in sql:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}".replace("%", "%%"), [])
            steps = [row[-1] for row in cursor.fetchall()]
        found += [
            f"{step}: {sql}"
            for step in steps
            # Subqueries call them U0, V0 and so on.
            if step.startswith(f"SCAN {_MESSAGES}")
            or ("mailarchive_newest_first" in step and step.endswith("(folder_id=?)"))
            or ("emailmessagepage_folder_id" in step and step.endswith("(folder_id=?)"))
        ]
    return found
