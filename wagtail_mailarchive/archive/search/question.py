"""What a search backend is asked, and what it answers: the interface that all of them share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...models.message_text import SEQUENCE_BITS
from .query import Node, Query

# Counted exactly up to here; beyond it is "10,000+".
MOST_COUNTED = 10_000
# With more folders than this each hit is asked for its own, rather than the index for them all.
MOST_SCOPES = 200
_LOWEST, _HIGHEST = -(2**62), 2**62


@dataclass(frozen=True, slots=True)
class Question:
    """What messages are looked for, and among which.

    Attributes:
        folder_ids: the folders that may be found in; nothing outside is found or counted.
        is_everywhere: these are all folders there are, so that the index need not be asked for
            them one by one.
        tree: what messages hold; None if that does not matter.
        lowest, highest: bounds of `MessageText.id`, both within.
        larger: bytes; only messages larger than that.
        hidden: keys of messages in these folders that must not be found or counted.
    """

    folder_ids: Sequence[int]
    tree: Node | None
    is_everywhere: bool = False
    lowest: int = _LOWEST
    highest: int = _HIGHEST
    larger: int | None = None
    hidden: Sequence[int] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        query: Query,
        folder_ids: Sequence[int],
        *,
        is_everywhere: bool = False,
        hidden: Sequence[int] = (),
    ) -> Question:
        """Return what `query` asks of these folders; its `in:` is the caller's."""
        lowest, highest = _LOWEST, _HIGHEST
        if query.since is not None:
            lowest = int(query.since.timestamp()) << SEQUENCE_BITS
        if query.until is not None:
            highest = (int(query.until.timestamp()) << SEQUENCE_BITS) - 1
        return cls(folder_ids, query.tree, is_everywhere, lowest, highest, query.larger, hidden)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of hits by relevance ended.

    Attributes:
        score: of the last hit; the better, the smaller.
        id: its `MessageText`.
    """

    score: float
    id: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is counted of hits.

    Neither objects nor rows: making ten thousand takes longer than finding them.

    Attributes:
        ids, folder_ids, senders, list_ids: columns of `MessageText`, each with one value for each
            hit; `folder_ids` may be empty where there is but one folder.
        attached: how many have an attachment.
    """

    ids: Sequence[int] = ()
    folder_ids: Sequence[int] = ()
    senders: Sequence[str] = ()
    list_ids: Sequence[str] = ()
    attached: int = 0

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[Any]]) -> Facts:
        """Return what is counted of rows of these columns, `has_attachment` the last."""
        if not rows:
            return cls()
        ids, folder_ids, senders, list_ids, attached = zip(*rows, strict=True)
        return cls(ids, folder_ids, senders, list_ids, sum(attached))

    @classmethod
    def of_json(
        cls,
        ids: str | None,
        folder_ids: str | None,
        senders: str | None,
        list_ids: str | None,
        attached: int | None,
    ) -> Facts:
        """Return what a database has put into lists of JSON; None is an empty one."""
        given = (ids, folder_ids, senders, list_ids)
        keys, folders, addresses, lists = (json.loads(each or "[]") for each in given)
        return cls(keys, folders, addresses, lists, attached or 0)

    def __len__(self) -> int:
        return len(self.ids)


class Backend(Protocol):
    """Answers questions; what it answers is ids of `MessageText`."""

    def by_date(self, question: Question, *, before: int | None, limit: int) -> list[int]:
        """Return the newest hits, those before the id `before` for a further page."""

    def by_relevance(self, question: Question, *, after: Place | None, limit: int) -> list[Place]:
        """Return the best hits, those behind `after` for a further page."""

    def facts(self, question: Question, *, limit: int) -> Facts:
        """Return what is counted by, of at most `limit` hits in no order."""
