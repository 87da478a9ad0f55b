"""Search by SQLite's FTS5: `MessageText` indexed column by column, its key sorted by date.

The table is made by migration 0002. Words never look at the columns `scope` and `marks`, and those
are never asked for by a word, so mail that names a folder is not found there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from ...models.message_text import scope_of
from . import marks
from .leaves import Leaf, Mark, Pairs, Words, leaves
from .query import And, Field, HasAttachment, Node, Not, Or, Term
from .question import MOST_SCOPES, Facts, Place, Question

_TABLE = "wagtail_mailarchive_search"
_TEXT = "wagtail_mailarchive_messagetext"
# Weights of scope, subject, people, files, body, attached, marks and cjk.
_SCORE = f"bm25({_TABLE}, 0, 8, 4, 4, 1, 0.5, 0, 1)"
_WORDS = "{subject people files body attached cjk}"
_COLUMNS = {Field.ANYWHERE: _WORDS, Field.SUBJECT: "subject", Field.FILE: "files"}

_BY_DATE = """
    SELECT {table}.rowid FROM {table} {join}
    WHERE {table} MATCH %s AND {table}.rowid BETWEEN %s AND %s {and}
    ORDER BY {table}.rowid DESC LIMIT %s
"""
_BY_RELEVANCE = """
    SELECT {score} AS score, {table}.rowid FROM {table} {join}
    WHERE {table} MATCH %s AND {table}.rowid BETWEEN %s AND %s {and}
    ORDER BY score, {table}.rowid DESC LIMIT %s
"""
# The score is computed once for each hit, and the page is cut from that.
_FURTHER = """
    WITH scored AS MATERIALIZED (
        SELECT {score} AS score, {table}.rowid AS id FROM {table} {join}
        WHERE {table} MATCH %s AND {table}.rowid BETWEEN %s AND %s {and}
    )
    SELECT score, id FROM scored WHERE score > %s OR (score = %s AND id < %s)
    ORDER BY score, id DESC LIMIT %s
"""
# See `Facts.of_json`; keys of folders only where there are several.
_FACTS = """
    SELECT json_group_array(id), {folders},
        json_group_array(sender), json_group_array(list_id), sum(has_attachment)
    FROM (
        SELECT text.id, text.folder_id, text.sender, text.list_id, text.has_attachment
        FROM {table} CROSS JOIN {text} AS text ON text.id = {table}.rowid
        WHERE {table} MATCH %s AND {table}.rowid BETWEEN %s AND %s {and}
        LIMIT %s
    )
"""
_HIDDEN = f"SELECT id FROM {_TEXT} WHERE message_id IN (SELECT value FROM json_each(%s))"  # noqa: S608


class SQLiteBackend:
    """See `question.Backend`."""

    def by_date(self, question: Question, *, before: int | None, limit: int) -> list[int]:
        highest = question.highest if before is None else min(question.highest, before - 1)
        rows = _ask(_BY_DATE, question, [limit], highest=highest)
        return [row[0] for row in rows]

    def by_relevance(self, question: Question, *, after: Place | None, limit: int) -> list[Place]:
        if after is None:
            rows = _ask(_BY_RELEVANCE, question, [limit])
        else:
            rows = _ask(_FURTHER, question, [after.score, after.score, after.id, limit])
        return [Place(*row) for row in rows]

    def facts(self, question: Question, *, limit: int) -> Facts:
        several = len(question.folder_ids) > 1
        sql = _FACTS.replace("{folders}", "json_group_array(folder_id)" if several else "NULL")
        [told] = _ask(sql, question, [limit], joined=True)
        return Facts.of_json(*told)


def _ask(
    sql: str,
    question: Question,
    last: Sequence[Any],
    *,
    highest: int | None = None,
    joined: bool = False,
) -> list[Any]:
    conditions = []
    extra: list[Any] = []
    if question.larger is not None:
        conditions.append("text.size > %s")
        extra.append(question.larger)
    if joined or _too_many(question):
        conditions.append("text.folder_id IN (SELECT value FROM json_each(%s))")
        extra.append(_json(question.folder_ids))
    join = f"CROSS JOIN {_TEXT} AS text ON text.id = {_TABLE}.rowid" if conditions else ""
    if question.hidden:
        # By their keys, or the row of each hit would be read to tell.
        conditions.append(f"{_TABLE}.rowid NOT IN ({_HIDDEN})")
        extra.append(_json(question.hidden))
    for name, value in (
        ("{score}", _SCORE),
        ("{join}", join),
        ("{table}", _TABLE),
        ("{text}", _TEXT),
        ("{and}", "".join(f" AND {each}" for each in conditions)),
    ):
        sql = sql.replace(name, value)
    top = question.highest if highest is None else highest
    with connection.cursor() as cursor:
        cursor.execute(sql, [match(question), question.lowest, top, *extra, *last])
        return list(cursor.fetchall())


def _json(keys: Sequence[int]) -> str:
    return f"[{','.join(map(str, keys))}]"


def _too_many(question: Question) -> bool:
    """Whether the folders are too many for one question of the index."""
    return not question.is_everywhere and len(question.folder_ids) > MOST_SCOPES


def match(question: Question) -> str:
    """Return the question as FTS5 reads it."""
    parts = []
    if not (question.is_everywhere or _too_many(question)):
        scopes = " OR ".join(f'"{scope_of(each)}"' for each in question.folder_ids)
        parts.append(f"scope : ({scopes})")
    if question.larger is not None:
        sizes = " OR ".join(f'"{each}"' for each in marks.sizes_above(question.larger))
        parts.append(f"marks : ({sizes})")
    if question.tree is not None:
        parts.append(_match(question.tree))
    return " AND ".join(parts) or _mark(marks.EVERY)


def _match(node: Node) -> str:
    match node:
        case Term():
            return f"({' AND '.join(map(_leaf, leaves(node)))})"
        case HasAttachment():
            return _mark(marks.ATTACHMENT)
        case Not(inner):
            return f"({_mark(marks.EVERY)} NOT {_match(inner)})"
        case Or(nodes):
            return f"({' OR '.join(map(_match, nodes))})"
        case And(nodes):
            kept = [_match(each) for each in nodes if not isinstance(each, Not)]
            left_out = [_match(each.node) for each in nodes if isinstance(each, Not)]
            whole = f"({' AND '.join(kept)})" if kept else _mark(marks.EVERY)
            return f"({whole} NOT ({' OR '.join(left_out)}))" if left_out else whole


def _leaf(leaf: Leaf) -> str:
    match leaf:
        case Mark(word, is_prefix):
            return _mark(word, is_prefix)
        case Pairs(words, is_prefix):
            return f'cjk : "{" ".join(words)}"{" *" if is_prefix else ""}'
        case Words(words, field):
            return f'{_COLUMNS[field]} : "{" ".join(words)}"'


def _mark(mark: str, is_prefix: bool = False) -> str:
    return f'marks : "{mark}"{" *" if is_prefix else ""}'
