"""What readers type -> a small tree of what to look for.

    budget "annual report" from:ada -draft (paris OR rome) after:2024-03

Every text means something: what cannot be understood is left out, and a note says so. Reading it
takes time in proportion to its length, and length, terms and depth are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import TypeAlias

from django.utils.translation import gettext as _

from .words import split

MAX_TEXT = 500  # characters
MAX_TERMS = 40
MAX_DEPTH = 8

_TOKEN = re.compile(r'\s+|(-?)([^\W\d]+:)?("[^"]*"?)|(-?)(\()|(\))|([^\s"()]+)')
_OPERATOR = re.compile(r"([^\W\d]+):(.*)", re.DOTALL)
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?\s*([kmg]?)i?b?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
# Databases take no number beyond 64 bits, and no message is as large.
_LARGEST = 2**62


class Field(StrEnum):
    """Where the words of a term stand."""

    ANYWHERE = ""
    SUBJECT = "subject"
    FROM = "from"
    TO = "to"
    FILE = "filename"
    LIST = "list"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Term:
    """Words side by side, folded.

    Attributes:
        text: as typed; a whole address is looked for as one.
    """

    words: tuple[str, ...]
    field: Field = Field.ANYWHERE
    text: str = ""


@dataclass(frozen=True, slots=True)
class HasAttachment:
    """The message has an attachment."""


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


Node: TypeAlias = Term | HasAttachment | Not | And | Or


@dataclass(slots=True)
class Query:
    """What a text means.

    Attributes:
        text: as typed, cut.
        tree: what messages hold; None if that does not matter.
        since, until: moments, from the first to just before the second.
        larger: bytes; only messages larger than that.
        folders: names that the folder bears ("in:").
        notes: what was not understood, in sentences.
    """

    text: str
    tree: Node | None = None
    since: datetime | None = None
    until: datetime | None = None
    larger: int | None = None
    folders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing; then nothing is found."""
        filters = (self.tree, self.since, self.until, self.larger)
        return all(each is None for each in filters) and not self.folders

    def shown_terms(self) -> Iterator[Term]:
        """Yield the terms that hits hold in their texts, for showing where."""
        for term in _positive(self.tree) if self.tree is not None else ():
            if term.field not in (Field.FROM, Field.TO, Field.LIST, Field.TAG):
                yield term


def parse(text: str, zone: tzinfo = UTC) -> Query:
    """Return what `text` means; dates are days in `zone`."""
    return _Parser(text, zone).parse()


def _positive(node: Node) -> Iterator[Term]:
    if isinstance(node, Term):
        yield node
    elif isinstance(node, And | Or):
        for each in node.nodes:
            yield from _positive(each)


@dataclass(slots=True)
class _Level:
    """One pair of parentheses: alternatives of conjunctions."""

    is_negative: bool = False
    alternatives: list[list[Node]] = field(default_factory=lambda: [[]])

    def node(self) -> Node | None:
        found = [_one(And, nodes) for nodes in self.alternatives if nodes]
        return _one(Or, found) if found else None


def _one(kind: type[And] | type[Or], nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else kind(tuple(nodes))


class _Parser:
    def __init__(self, text: str, zone: tzinfo) -> None:
        self._query = Query(text[:MAX_TEXT].strip())
        self._zone = zone
        self._levels = [_Level()]
        self._skipped = 0  # parentheses that are too deep
        self._terms = 0
        self._filters: dict[str, Callable[[str], None]] = {
            "before": self._before,
            "after": self._after,
            "larger": self._larger,
            "in": self._in,
        }

    def parse(self) -> Query:
        query = self._query
        for found in _TOKEN.finditer(query.text):
            minus, name, phrase, group_minus, opening, closing, bare = found.groups()
            if opening:
                self._open(bool(group_minus))
            elif closing:
                self._close()
            elif phrase:
                self._term(bool(minus), (name or "")[:-1], phrase.strip('"'))
            elif bare == "OR":
                self._levels[-1].alternatives.append([])
            elif bare and bare != "AND":
                self._bare(bare)
        while len(self._levels) > 1:
            self._close()
        query.tree = self._levels[0].node()
        if self._terms > MAX_TERMS:
            self._note(_("Only the first %(number)s words are looked for.") % {"number": MAX_TERMS})
        if query.text and query.is_empty and not query.notes:
            self._note(_("There is no word in this to look for."))
        return query

    # -- structure -----------------------------------------------------------------------------

    def _open(self, is_negative: bool) -> None:
        if len(self._levels) > MAX_DEPTH:
            self._skipped += 1
        else:
            self._levels.append(_Level(is_negative))

    def _close(self) -> None:
        if self._skipped:
            self._skipped -= 1
        elif len(self._levels) > 1:
            level = self._levels.pop()
            node = level.node()
            if node is not None:
                self._add(Not(node) if level.is_negative else node)

    def _add(self, node: Node) -> None:
        self._levels[-1].alternatives[-1].append(node)

    # -- terms ---------------------------------------------------------------------------------

    def _bare(self, text: str) -> None:
        is_negative = text.startswith("-") and len(text) > 1
        found = _OPERATOR.fullmatch(text[is_negative:])
        if found and self._is_operator(found[1].lower()):
            self._term(is_negative, found[1], found[2])
        else:
            self._term(is_negative, "", text[is_negative:])

    def _is_operator(self, name: str) -> bool:
        return name == "has" or name in self._filters or (name in set(Field) and name != "")

    def _term(self, is_negative: bool, name: str, value: str) -> None:
        name = name.lower()
        if name and not self._is_operator(name):
            value, name = f"{name} {value}", ""
        if name in self._filters:
            self._filter(is_negative, name, value)
            return
        node = self._has(value) if name == "has" else self._words(Field(name), value)
        if node is None:
            return
        self._terms += 1
        if self._terms <= MAX_TERMS:
            self._add(Not(node) if is_negative else node)

    def _words(self, where: Field, value: str) -> Term | None:
        words = tuple(split(value))
        if not words:
            if where:
                self._note(
                    _("%(operator)s: wants a word right behind the colon; ignored here.")
                    % {"operator": where.value}
                )
            return None
        return Term(words, where, value.strip())

    def _has(self, value: str) -> HasAttachment | None:
        if value.lower() in ("attachment", "attachments", "file", "files"):
            return HasAttachment()
        self._note(_("has: knows only has:attachment; ignored here."))
        return None

    # -- filters: they hold for the whole search -------------------------------------------------

    def _filter(self, is_negative: bool, name: str, value: str) -> None:
        if is_negative:
            self._note(_("-%(operator)s: cannot be turned around; ignored.") % {"operator": name})
            return
        if len(self._levels) > 1 or len(self._levels[0].alternatives) > 1:
            self._note(_("%(operator)s: holds for the whole search.") % {"operator": name})
        self._filters[name](value)

    def _before(self, value: str) -> None:
        moment = self._moment("before", value)
        if moment is not None:
            until = self._query.until
            self._query.until = moment if until is None else min(until, moment)

    def _after(self, value: str) -> None:
        moment = self._moment("after", value)
        if moment is not None:
            since = self._query.since
            self._query.since = moment if since is None else max(since, moment)

    def _moment(self, name: str, value: str) -> datetime | None:
        found = _DATE.fullmatch(value)
        if found:
            try:
                # Further out a zone's offset would leave the calendar.
                year = min(max(int(found[1]), 2), 9998)
                return datetime(year, int(found[2] or 1), int(found[3] or 1), tzinfo=self._zone)
            except ValueError:
                pass  # a day that no calendar has; said below as any other mistake
        self._note(
            _("%(operator)s: wants a date such as 2024-03-01; ignored here.") % {"operator": name}
        )
        return None

    def _larger(self, value: str) -> None:
        found = _SIZE.fullmatch(value)
        if not found:
            self._note(_("larger: wants a size such as 500k or 2M; ignored here."))
            return
        unit = _UNITS[found[3].lower()]
        size = int(found[1]) * unit
        if found[2]:
            size += int(found[2]) * unit // 10 ** len(found[2])
        self._query.larger = max(min(size, _LARGEST), self._query.larger or 0)

    def _in(self, value: str) -> None:
        if split(value):
            self._query.folders.append(value.strip())
        else:
            self._note(
                _("%(operator)s: wants a word right behind the colon; ignored here.")
                % {"operator": "in"}
            )

    def _note(self, sentence: str) -> None:
        if sentence not in self._query.notes:
            self._query.notes.append(sentence)
