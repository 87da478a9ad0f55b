"""Finding messages of folders by words, newest first.

The full-text index is made by migration 0002: FTS5 on SQLite, a tsvector on PostgreSQL. The
folder is a word of the index, and `MessageText.id` sorts by date, so neither needs to look at all
hits to give the newest.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from django.db import connection

from ..models import MessageText
from ..models.message_text import scope_of

_MAX_WORDS = 20
_MAX_WORD = 100  # characters
_SCOPES = 200  # folders in one question

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
# Of the lexemes of a question each gets the weights of subject and people.
_POSTGRESQL_HEADS = """
    SELECT id FROM {table}, (
        SELECT string_agg(quote_literal(lexeme) || ':AB', ' & ')::tsquery AS heads
        FROM unnest(to_tsvector('simple', wagtail_mailarchive_words(%s)))
    ) AS asked
    WHERE search_vector @@ (%s::tsquery && heads)
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
    terms = _terms(words)
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


def find_heads(folder_ids: Collection[int], words: str, *, limit: int) -> list[int]:
    """Return `MessageText` ids of messages of several folders, newest first.

    All of `words` stand in the subject or among the people; what the body says does not count.
    """
    terms = _terms(words)
    scopes = [scope_of(folder_id) for folder_id in sorted(folder_ids)]
    found: set[int] = set()
    for start in range(0, len(scopes) if terms else 0, _SCOPES):
        found.update(_find_heads(scopes[start : start + _SCOPES], terms, limit))
    return sorted(found, reverse=True)[:limit]


def _find_heads(scopes: Collection[str], terms: Collection[str], limit: int) -> list[int]:
    if connection.vendor == "sqlite":
        within = " OR ".join(f'"{scope}"' for scope in scopes)
        quoted = " AND ".join(f'"{term}"' for term in terms)
        sql = _SQLITE.replace("{before}", "")
        params: list[str | int] = [f"scope : ({within}) AND {{subject people}} : ({quoted})"]
    else:
        within = " | ".join(f"'in {scope}'" for scope in scopes)
        sql = _POSTGRESQL_HEADS.replace("{table}", MessageText._meta.db_table)
        params = [" ".join(terms), within]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, limit])
        return [row[0] for row in cursor.fetchall()]


def _terms(words: str) -> list[str]:
    return [term[:_MAX_WORD] for term in _split(words)[:_MAX_WORDS]]


def _split(text: str) -> list[str]:
    """Return runs of letters, numbers and their marks (Hindi's vowels are marks)."""
    return "".join(each if unicodedata.category(each)[0] in "LNM" else " " for each in text).split()
