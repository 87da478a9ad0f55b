"""Search by PostgreSQL's full-text search: one tsvector for each message, made by a trigger.

Column, trigger and functions are made by migration 0002. What is a word of ours stands in the
vector behind "in ", with a space that no word of a text has.

A GIN index knows no order, and one of dates no words. For the newest hits of a common word the
dates are walked along until there are enough; for a rare word that would take all of them, so its
hits are fetched and sorted. Which of both it is, the newest messages tell.

It knows no phrases either: each message that holds all words of one is fetched and looked at. Dates
are walked along for so long as that is likely to be less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from django.db.models import Sum

from ...models import MonthCount, SearchIndex
from ...models.message_text import scope_of
from ...models.month_count import WHOLE_MONTH
from . import marks
from .leaves import Leaf, Mark, Pairs, Words, leaves
from .query import And, Field, HasAttachment, Node, Not, Or, Term
from .question import MOST_SCOPES, Facts, Place, Question

_SAMPLE = 64  # newest messages that are looked at first
_LONGEST_WALK = 1_500
_WEIGHTS = {Field.ANYWHERE: "", Field.SUBJECT: ":A", Field.FILE: ":C"}

_WALK = """
    SELECT id, search_vector @@ ({question}) {and} FROM wagtail_mailarchive_messagetext
    WHERE id BETWEEN %s AND %s {folder} ORDER BY id DESC LIMIT %s
"""
_NEWEST = """
    SELECT id
    FROM wagtail_mailarchive_hits(({question}), %s, %s, %s::bigint[], %s, %s::bigint[])
    ORDER BY id DESC LIMIT %s
"""
_FACTS = """
    SELECT ids, folder_ids, senders, list_ids, attached
    FROM wagtail_mailarchive_facts(({question}), %s, %s, %s::bigint[], %s, %s::bigint[], %s)
"""
_BEST = """
    SELECT score, id
    FROM wagtail_mailarchive_best(
        ({question}), ({words}), %s, %s, %s::bigint[], %s, %s::bigint[]
    )
    {further} ORDER BY score, id DESC LIMIT %s
"""
_FURTHER = "WHERE score > %s::real OR (score = %s::real AND id < %s)"


@dataclass(frozen=True, slots=True)
class _Sql:
    """An expression that gives a tsquery."""

    text: str
    params: tuple[Any, ...] = ()


class PostgreSQLBackend:
    """See `question.Backend`."""

    def by_date(self, question: Question, *, before: int | None, limit: int) -> list[int]:
        if before is not None:
            question = replace(question, highest=min(question.highest, before - 1))
        languages = [] if question.tree is None else _languages()
        asked, loosely = (_asked(question, languages, is_loose=each) for each in (False, True))
        found, last = _walk(question, asked, _SAMPLE)
        if last is None or len(found) >= limit:
            return found[:limit]
        walked, longest = _SAMPLE, _LONGEST_WALK if found else 0
        if loosely != asked:
            holding, _last = _walk(question, loosely, _SAMPLE)
            # Of what fetching is likely to look at, half.
            likely = len(holding) * _messages(question.folder_ids) // _SAMPLE
            longest = max(longest, likely // 2)
        while (farther := (limit - len(found)) * walked // max(len(found), 1)) <= longest:
            longest -= farther
            more, last = _walk(replace(question, highest=last - 1), asked, farther + _SAMPLE)
            found += more
            walked += farther + _SAMPLE
            if last is None or len(found) >= limit:
                return found[:limit]
        rows = _fetch(_NEWEST, [asked], [*_bounds(question), limit])
        return [row[0] for row in rows]

    def by_relevance(self, question: Question, *, after: Place | None, limit: int) -> list[Place]:
        further = [] if after is None else [after.score, after.score, after.id]
        sql = _BEST.replace("{further}", "" if after is None else _FURTHER)
        languages = _languages()
        asked = _asked(question, languages)
        words = asked if question.tree is None else _tree(question.tree, languages)
        rows = _fetch(sql, [asked, words], [*_bounds(question), *further, limit])
        return [Place(*row) for row in rows]

    def facts(self, question: Question, *, limit: int) -> Facts:
        [told] = _fetch(_FACTS, [_asked(question)], [*_bounds(question), limit])
        return Facts.of_json(*told)


def _walk(question: Question, asked: _Sql, most: int) -> tuple[list[int], int | None]:
    """Return the hits among the newest `most` messages, and the last one looked at.

    None stands for the last where there are no further ones.
    """
    folder, own = "", []
    if len(question.folder_ids) == 1:
        folder, own = "AND folder_id = %s", [question.folder_ids[0]]
    conditions: list[str] = []
    extra: list[Any] = []
    if question.larger is not None:
        conditions.append("AND size > %s")
        extra.append(question.larger)
    if question.hidden:
        conditions.append("AND NOT (message_id = ANY(%s::bigint[]))")
        extra.append(list(question.hidden))
    if not question.is_everywhere:
        conditions.append("AND folder_id = ANY(%s::bigint[])")
        extra.append(list(question.folder_ids))
    sql = _WALK.replace("{and}", " ".join(conditions)).replace("{folder}", folder)
    rows = _fetch(sql, [asked], [*extra, question.lowest, question.highest, *own, most])
    return [row[0] for row in rows if row[1]], rows[-1][0] if len(rows) == most else None


def _messages(folder_ids: Sequence[int]) -> int:
    """Return how many messages folders hold (one query)."""
    counts = MonthCount.objects.filter(folder__in=folder_ids, quarter=WHOLE_MONTH)
    total: int = counts.aggregate(total=Sum("messages", default=0))["total"]
    return total


def _bounds(question: Question) -> list[Any]:
    """Return what the functions take beside the question itself."""
    folders = None if question.is_everywhere else list(question.folder_ids)
    larger = -1 if question.larger is None else question.larger
    return [question.lowest, question.highest, folders, larger, list(question.hidden)]


def _fetch(sql: str, asked: Sequence[_Sql], last: Sequence[Any]) -> list[Any]:
    for name, each in zip(("{question}", "{words}"), asked, strict=False):
        sql = sql.replace(name, each.text)
    params = [value for each in asked for value in each.params]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, *last])
        return list(cursor.fetchall())


def _languages() -> list[str]:
    """Return what the index is of: two languages while another one is being built."""
    row = SearchIndex.objects.values_list("language", "building").first()
    return list(dict.fromkeys(each for each in row if each)) if row else ["simple"]


# -- tree -> tsquery ---------------------------------------------------------------------------


def _asked(
    question: Question, languages: Sequence[str] | None = None, *, is_loose: bool = False
) -> _Sql:
    """Return what a vector has to match.

    Args:
        is_loose: the words of phrases may stand anywhere, as the index finds them.
    """
    parts = []
    if not question.is_everywhere and len(question.folder_ids) <= MOST_SCOPES:
        parts.append(_any_mark(scope_of(each) for each in question.folder_ids))
    if question.larger is not None:
        parts.append(_any_mark(marks.sizes_above(question.larger)))
    if question.tree is not None:
        tree = _tree(question.tree, _languages() if languages is None else languages, is_loose)
        # Words that are none, or too common for this language to be kept, would ask for nothing,
        # and leave a question for the whole folder.
        checked = f"CASE WHEN numnode({tree.text}) > 0 THEN {tree.text} END"
        parts.append(_Sql(checked, tree.params * 2))
    return _joined("&&", parts or [_any_mark([marks.EVERY])])


def _tree(node: Node, languages: Sequence[str], is_loose: bool = False) -> _Sql:
    match node:
        case Term():
            return _joined("&&", [_leaf(leaf, languages, is_loose) for leaf in leaves(node)])
        case HasAttachment():
            return _any_mark([marks.ATTACHMENT])
        case Not(inner):
            asked = _tree(inner, languages)  # or more would be left out, not less
            return _Sql(f"(!! {asked.text})", asked.params)
        case And(nodes):
            return _joined("&&", [_tree(each, languages, is_loose) for each in nodes])
        case Or(nodes):
            return _joined("||", [_tree(each, languages, is_loose) for each in nodes])


def _leaf(leaf: Leaf, languages: Sequence[str], is_loose: bool) -> _Sql:
    match leaf:
        case Mark(word, is_prefix):
            return _Sql("%s::tsquery", (f"'in {word}'{':*' if is_prefix else ''}",))
        case Pairs(words, is_prefix):
            return _words(["simple"], words, ":*" if is_prefix else "", is_loose)
        case Words(words, field):
            return _words(languages, words, _WEIGHTS[field], is_loose)


def _words(languages: Sequence[str], words: Sequence[str], label: str, is_loose: bool) -> _Sql:
    # Words hold letters, numbers and their marks, and so nothing that ends a quotation.
    between = f"'{label} & '" if is_loose else " "
    text = f"'{between.join(words)}'{label}"
    asked = [_Sql("to_tsquery(%s::regconfig, %s)", (each, text)) for each in languages]
    return _joined("||", asked)


def _any_mark(words: Any) -> _Sql:
    return _Sql("%s::tsquery", (" | ".join(f"'in {each}'" for each in words),))


def _joined(operator: str, parts: Sequence[_Sql]) -> _Sql:
    if len(parts) == 1:
        return parts[0]
    text = f" {operator} ".join(each.text for each in parts)
    return _Sql(f"({text})", tuple(value for each in parts for value in each.params))
