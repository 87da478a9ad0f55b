"""Indexes of a part of a table, kept in the words in which Django asks for that part.

SQLite uses one only for questions that say its condition in the same words, and Django changes
them: 5.2 writes `NOT "is_inline"`, 6.1 `"is_inline" = 0`. After an upgrade a large folder would be
looked through for each page of it. So `migrate`, which follows an upgrade anyway, makes those anew
whose words have changed. PostgreSQL understands both.

https://www.sqlite.org/partialindex.html, section 3
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any

from django.apps import AppConfig
from django.db import connection, connections, transaction
from django.db.models import Model
from django.db.models.signals import post_migrate

logger = logging.getLogger(__name__)

_CONDITION = " WHERE "
_COLUMN = re.compile(r'"\w+"')


@cache
def condition_of(model: type[Model], name: str, alias: str) -> str:
    """Return the condition of the index `name` for SQL of ours, in the words of this Django.

    Args:
        alias: what that SQL calls the model's table.
    """
    [index] = [each for each in model._meta.indexes if each.name == name]
    written = str(index.create_sql(model, connection.schema_editor()))
    return _COLUMN.sub(rf"{alias}.\g<0>", written.partition(_CONDITION)[2])


def connect(app: AppConfig) -> None:
    """Have `renew` follow each `migrate`."""
    post_migrate.connect(
        _after_migrating, sender=app, dispatch_uid="wagtail_mailarchive.archive.partial_indexes"
    )


def _after_migrating(app_config: AppConfig, using: str, **kwargs: Any) -> None:
    if connections[using].vendor == "sqlite":
        renew(app_config, using)


def renew(app: AppConfig, using: str) -> list[str]:
    """Make anew the indexes of a SQLite database whose conditions Django says otherwise now.

    Returns their names. What is indexed in other columns than now is of another version of the
    schema, and left alone.
    """
    connection = connections[using]
    editor = connection.schema_editor()
    changed = []
    with transaction.atomic(using), connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
        held = dict(cursor.fetchall())
        for model in app.get_models():
            for index in model._meta.indexes:
                wanted = str(index.create_sql(model, editor))
                words, condition, _ = wanted.partition(_CONDITION)
                before = held.get(index.name) or wanted
                if condition and before != wanted and before.startswith(words + _CONDITION):
                    cursor.execute(f"DROP INDEX {connection.ops.quote_name(index.name)}")
                    cursor.execute(wanted)
                    changed.append(index.name)
    if changed:
        logger.info("Made anew, because Django asks in other words now: %s", ", ".join(changed))
    return changed
