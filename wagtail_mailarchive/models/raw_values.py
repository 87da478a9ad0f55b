"""What SQL of our own is given by databases, as Django would have made it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection


def from_database(value: Any) -> Any:
    """Return what Django makes of a column: SQLite keeps times without the zone."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=connection.timezone)
    return value
