"""A question -> what the cluster is asked, in its own language (Query DSL).

Folders and hidden messages are part of every question: nothing else is found or counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import marks
from ..leaves import Leaf, Mark, Pairs, Words, leaves
from ..query import And, Field, HasAttachment, Node, Not, Or, Term
from ..question import Question

# Elasticsearch takes so many values in one list (index.max_terms_count).
_MOST_TERMS = 65_536
_COLUMNS = {
    Field.ANYWHERE: ["subject^8", "people^4", "files^4", "body", "attached^0.5", "cjk"],
    Field.SUBJECT: ["subject^8"],
    Field.FILE: ["files^4"],
}

_Asked: TypeAlias = dict[str, Any]


def asked(question: Question) -> _Asked:
    """Return the query that `question` is."""
    whole: _Asked = {
        "filter": [
            _one_of("folder", question.folder_ids),
            {"range": {"id": {"gte": question.lowest, "lte": question.highest}}},
        ]
    }
    if question.larger is not None:
        whole["filter"].append({"range": {"size": {"gt": question.larger}}})
    if question.hidden:
        whole["must_not"] = [_one_of("message", question.hidden)]
    if question.tree is not None:
        whole["must"] = [_tree(question.tree)]
    return {"bool": whole}


def _one_of(name: str, values: Sequence[int]) -> _Asked:
    parts: list[_Asked] = [
        {"terms": {name: list(values[start : start + _MOST_TERMS])}}
        for start in range(0, len(values), _MOST_TERMS)
    ]
    if len(parts) == 1:
        return parts[0]
    # Without any value no part is left, and nothing is found.
    return _any(parts) if parts else {"match_none": {}}


def _tree(node: Node) -> _Asked:
    match node:
        case Term():
            found = [_leaf(leaf) for leaf in leaves(node)]
            return found[0] if len(found) == 1 else {"bool": {"must": found}}
        case HasAttachment():
            return _mark(Mark(marks.ATTACHMENT))
        case Not(inner):
            return {"bool": {"must_not": [_tree(inner)]}}
        case Or(nodes):
            return _any([_tree(each) for each in nodes])
        case And(nodes):
            return {
                "bool": {
                    "must": [_tree(each) for each in nodes if not isinstance(each, Not)],
                    "must_not": [_tree(each.node) for each in nodes if isinstance(each, Not)],
                }
            }


def _any(parts: Sequence[_Asked]) -> _Asked:
    return {"bool": {"should": list(parts), "minimum_should_match": 1}}


def _leaf(leaf: Leaf) -> _Asked:
    match leaf:
        case Mark():
            return _mark(leaf)
        case Pairs(words, is_prefix):
            if is_prefix:
                return {"prefix": {"cjk": {"value": words[0]}}}
            return {"match_phrase": {"cjk": {"query": " ".join(words)}}}
        case Words(words, field):
            phrase = {"query": " ".join(words), "type": "phrase", "fields": _COLUMNS[field]}
            return {"multi_match": phrase}


def _mark(mark: Mark) -> _Asked:
    # A word of ours says nothing of how well a message fits.
    kind = "prefix" if mark.is_prefix else "term"
    return {"constant_score": {"filter": {kind: {"marks": {"value": mark.word}}}, "boost": 0}}
