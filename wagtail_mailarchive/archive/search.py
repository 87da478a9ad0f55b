"""Finding messages of one folder by words, newest first.

The full-text index is made by migration 0002: FTS5 on SQLite, a tsvector on PostgreSQL. The
folder is a word of the index, and `MessageText.id` sorts by date, so neither needs to look at all
hits to give the newest.
"""

from __future__ import annotations

import unicodedata

from django.db import connection

from ..models import MessageText
from ..models.message_text import scope_of

_MAX_WORDS = 20
_MAX_WORD = 100  # characters

_SQLITE = """
    SELECT rowid FROM wagtail_mailarchive_search
    WHERE wagtail_mailarchive_search MATCH %s {before}
    ORDER BY rowid DESC LIMIT %s
"""
_POSTGRESQL = """
    SELECT id FROM {table}
    WHERE search_vector @@ (%s::tsquery && {words}) AND numnode({words}) > 0 {before}
    ORDER BY id DESC LIMIT %s
"""
_POSTGRESQL_WORDS = "plainto_tsquery('simple', wagtail_mailarchive_words(%s))"


def find(folder_id: int, words: str, *, before: int | None = None, limit: int) -> list[int]:
    """Return `MessageText` ids of messages that hold all of `words`, newest first.

    Args:
        words: as typed; punctuation separates, and no character has a meaning of its own.
        before: only ids smaller than this one, for the next page.

    Nothing is found for nothing: a text without a single word gives an empty list.
    """
    terms = [term[:_MAX_WORD] for term in _split(words)[:_MAX_WORDS]]
    if not terms:
        return []
    if connection.vendor == "sqlite":
        quoted = " AND ".join(f'"{term}"' for term in terms)
        question = f'scope : "{scope_of(folder_id)}" AND {{subject people body}} : ({quoted})'
        sql, params = _SQLITE, [question]
        condition = "AND rowid < %s"
    else:
        sql = _POSTGRESQL.replace("{table}", MessageText._meta.db_table)
        sql = sql.replace("{words}", _POSTGRESQL_WORDS)
        # The second time to ask whether any word is left: without one, all of the folder matches.
        params = [f"'in {scope_of(folder_id)}'", " ".join(terms), " ".join(terms)]
        condition = "AND id < %s"
    arguments: list[str | int] = [*params]
    if before is not None:
        arguments.append(before)
    arguments.append(limit)
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{before}", condition if before is not None else ""), arguments)
        return [row[0] for row in cursor.fetchall()]


def _split(text: str) -> list[str]:
    """Return runs of letters, numbers and their marks (Hindi's vowels are marks)."""
    return "".join(each if unicodedata.category(each)[0] in "LNM" else " " for each in text).split()
