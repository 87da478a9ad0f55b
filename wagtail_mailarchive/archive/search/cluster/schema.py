"""What notes changes for the cluster, in SQL, which models have no word for.

Migration 0002 makes it. Nothing is noted where there is no row of `SearchCluster`.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from ..schema import execute

_TEXT = "wagtail_mailarchive_messagetext"
_CHANGE = "wagtail_mailarchive_searchchange"
_FOLLOWED = "EXISTS (SELECT 1 FROM wagtail_mailarchive_searchcluster)"
# What the cluster is told of; a rebuild of the database's own index changes none of it.
_TOLD = "message_id, folder_id, size, subject, people, files, body, attached, marks, cjk"
_MOMENTS = (("insert", "INSERT", "new"), ("delete", "DELETE", "old"))
_UPDATE = ("update", f"UPDATE OF {_TOLD}", "new")

_SQLITE = """
    CREATE TRIGGER wagtail_mailarchive_note_{name} AFTER {moment} ON {text} WHEN {followed}
    BEGIN INSERT INTO {change}(text_id) VALUES ({row}.id); END
"""
_FUNCTION = """
    CREATE FUNCTION wagtail_mailarchive_note_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF {followed} THEN INSERT INTO {change}(text_id) VALUES ({row}.id); END IF;
        RETURN NULL;
    END $$
"""
_TRIGGER = """
    CREATE TRIGGER wagtail_mailarchive_note_{name} AFTER {moment} ON {text}
    FOR EACH ROW EXECUTE FUNCTION wagtail_mailarchive_note_{name}()
"""


def create(connection: BaseDatabaseWrapper) -> None:
    """Have changes noted."""
    templates = {"sqlite": [_SQLITE], "postgresql": [_FUNCTION, _TRIGGER]}
    for name, moment, row in (*_MOMENTS, _UPDATE):
        values = {
            "name": name,
            "moment": moment,
            "row": row,
            "text": _TEXT,
            "change": _CHANGE,
            "followed": _FOLLOWED,
        }
        for template in templates.get(connection.vendor, ()):
            execute(connection, template.format(**values))


def drop(connection: BaseDatabaseWrapper) -> None:
    """Have no changes noted any more."""
    for name, _moment, _row in (*_MOMENTS, _UPDATE):
        trigger = f"wagtail_mailarchive_note_{name}"
        if connection.vendor == "sqlite":
            execute(connection, f"DROP TRIGGER {trigger}")
        elif connection.vendor == "postgresql":
            execute(connection, f"DROP TRIGGER {trigger} ON {_TEXT}", f"DROP FUNCTION {trigger}")
