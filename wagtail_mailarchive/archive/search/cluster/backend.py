"""Search by the cluster: which messages, in which order. What is told of them says the database."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from django.db import connection

from ....exceptions import SearchClusterAway
from ....models import MessageText
from ..question import Facts, Place, Question
from .asking import asked
from .client import Cluster

# Hits of one answer; clusters give 10,000 at most, and no page beyond them by number.
_PAGE = 5_000
_BY_DATE = [{"id": "desc"}]
_BY_RELEVANCE = [{"_score": "desc"}, {"id": "desc"}]

_FACTS = f"""
    SELECT id, folder_id, sender, list_id, has_attachment FROM {MessageText._meta.db_table}
    WHERE id {{among}}
"""  # noqa: S608 (the table's name is ours)


class ClusterBackend:
    """See `question.Backend`. Everything it does may raise `SearchUnavailable`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def by_date(self, question: Question, *, before: int | None, limit: int) -> list[int]:
        if before is not None:
            question = replace(question, highest=min(question.highest, before - 1))
        return [key for [key] in self._walk(question, _BY_DATE, None, limit)]

    def by_relevance(self, question: Question, *, after: Place | None, limit: int) -> list[Place]:
        # Taken from 0.0, because -0.0 is another number to some.
        begin = None if after is None else [0.0 - after.score, after.id]
        found = self._walk(question, _BY_RELEVANCE, begin, limit)
        return [Place(0.0 - score, key) for score, key in found]

    def facts(self, question: Question, *, limit: int) -> Facts:
        """Return what the database says of the hits.

        What was erased since the cluster was told of it is not there to be counted.
        """
        ids = self.by_date(question, before=None, limit=limit)
        inside = set(question.folder_ids)
        return Facts.of_rows([row for row in _rows(ids) if row[1] in inside])

    def _walk(
        self,
        question: Question,
        order: Sequence[Mapping[str, str]],
        after: Sequence[Any] | None,
        limit: int,
    ) -> list[list[Any]]:
        """Return by what the first `limit` hits behind `after` are sorted, and as they are."""
        body: dict[str, Any] = {
            "query": asked(question),
            "sort": order,
            "_source": False,
            "track_total_hits": False,
        }
        # The copies of an index weigh words a little differently, so one question asks one copy.
        preference = f"mailarchive{crc32(repr(question.tree).encode('utf-8', 'replace'))}"
        found: list[list[Any]] = []
        while len(found) < limit:
            body["size"] = min(limit - len(found), _PAGE)
            if after is not None:
                body["search_after"] = after
            with self._cluster.asking():
                answer = self._cluster.client.search(
                    index=self._cluster.live,
                    body=body,
                    allow_partial_search_results=False,
                    preference=preference,
                )
            page = self._read(answer, len(order))[: body["size"]]
            found += page
            if len(page) < body["size"]:
                break
            after = page[-1]
        return found

    def _read(self, answer: Any, width: int) -> list[list[Any]]:
        """Return by what the hits of an answer are sorted.

        Raises:
            SearchClusterAway: it is not whole, or no answer to what was asked.
        """
        try:
            is_whole = not answer["timed_out"] and not answer["_shards"]["failed"]
            found = [hit["sort"] for hit in answer["hits"]["hits"]]
        except (LookupError, TypeError) as error:
            raise SearchClusterAway(backend=self._cluster.alias) from error
        if not is_whole or not all(_is_place(each, width) for each in found):
            raise SearchClusterAway(backend=self._cluster.alias)
        return found


def _is_place(values: Any, width: int) -> bool:
    if not isinstance(values, list) or len(values) != width or type(values[-1]) is not int:
        return False
    return all(type(each) in (int, float) and math.isfinite(each) for each in values)


def _rows(ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return rows for `Facts.of_rows`."""
    given: list[int] | str
    if connection.vendor == "postgresql":
        among, given = "= ANY(%s::bigint[])", list(ids)
    else:
        among, given = "IN (SELECT value FROM json_each(%s))", json.dumps(list(ids))
    with connection.cursor() as cursor:
        cursor.execute(_FACTS.format(among=among), [given])
        return list(cursor.fetchall())
