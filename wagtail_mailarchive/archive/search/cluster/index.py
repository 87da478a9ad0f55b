"""A message -> what the cluster holds of it, and how the cluster is told.

Texts are split into words here, and not by the cluster: what it gets are the words that questions
are made of, with spaces between them. So it finds what the other backends find, in any version and
without plug-ins, Chinese, Japanese and Korean included. It keeps no copy of what it was sent.

Whoever is told late must not undo what came after: each change bears a number that rises, and the
cluster refuses what is older than what it has (`version_type: external`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelsearch.utils import deep_update

from ....exceptions import SearchClusterAway, SearchIndexMissing
from ....models import MessageText
from ..words import MAX_WORD, split
from .client import Cluster

logger = logging.getLogger("wagtail_mailarchive.search")

TEXTS = ("subject", "people", "files", "body", "attached")
# Whose stems both Elasticsearch and OpenSearch know.
_STEMMERS = frozenset(
    (
        *("arabic", "armenian", "basque", "bengali", "bulgarian", "catalan", "czech", "danish"),
        *("dutch", "english", "estonian", "finnish", "french", "galician", "german", "greek"),
        *("hindi", "hungarian", "indonesian", "irish", "italian", "latvian", "lithuanian"),
        *("norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "turkish"),
    )
)
_WORDS = "mailarchive_words"
# Of one request; a character takes up to four bytes, and clusters refuse more than 100 MB.
_TOGETHER = 2_000_000
_CONFLICT, _BUSY = 409, 429


@dataclass(frozen=True, slots=True)
class Told:
    """What the cluster is told of one message.

    Attributes:
        id: its `MessageText`.
        version: only what is newer than what the cluster has counts.
        document: None has it deleted.
    """

    id: int
    version: int
    document: Mapping[str, Any] | None = field(repr=False)

    @property
    def length(self) -> int:
        """Characters, roughly."""
        return sum(len(self.document[name]) for name in (*TEXTS, "cjk")) if self.document else 0


def stemmer_of(language: str) -> str:
    """Return what the cluster calls `language`; "simple" where it knows no stems of it."""
    return language if language in _STEMMERS else "simple"


def definition(stemmer: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an index is made of.

    Args:
        settings: what the site wants of its indexes, shards and replicas for instance.
    """
    words: dict[str, Any] = {"type": "custom", "tokenizer": "whitespace", "filter": []}
    analysis: dict[str, Any] = {"analyzer": {_WORDS: words}}
    if stemmer != "simple":
        words["filter"] = [f"mailarchive_{stemmer}"]
        analysis["filter"] = {words["filter"][0]: {"type": "stemmer", "language": stemmer}}
    text = {"type": "text", "analyzer": _WORDS}
    ours = {
        "settings": {
            "analysis": analysis,
            "index": {
                # The newest hits stand first, and the rest need not be sorted.
                "sort.field": "id",
                "sort.order": "desc",
                # That a message went is to be remembered longer than a batch of a rebuild takes.
                "gc_deletes": "1h",
            },
        },
        "mappings": {
            "dynamic": "strict",
            "_source": {"enabled": False},
            "properties": {
                "id": {"type": "long"},
                "message": {"type": "long"},
                "folder": {"type": "long"},
                "size": {"type": "long"},
                "marks": {"type": "keyword"},
                "cjk": {"type": "text", "analyzer": "whitespace"},
                **dict.fromkeys(TEXTS, text),
            },
        },
    }
    whole: dict[str, Any] = deep_update(ours, dict(settings))
    return whole


def document(text: MessageText) -> dict[str, Any]:
    """Return what is indexed of a message."""
    return {
        "id": text.pk,
        "message": text.message_id,
        "folder": text.folder_id,
        "size": text.size,
        "marks": text.marks.split(),
        "cjk": text.cjk,
        **{name: _words(getattr(text, name)) for name in TEXTS},
    }


def _words(text: str) -> str:
    return " ".join(word[:MAX_WORD] for word in split(text))


def tell(cluster: Cluster, names: Sequence[str], told: Iterable[Told]) -> int:
    """Tell the indexes `names`, in as many requests as it takes; return how many were refused.

    Refused is what the cluster does not take for what it is; it stands in the log, and its
    neighbours are told.

    Raises:
        SearchUnavailable: some may have been told. Telling them again does no harm.
    """
    for name in names:
        # Many clusters make an index that is missing, without a word of how.
        with cluster.asking():
            is_there = cluster.client.indices.exists(index=name)
        if not is_there:
            raise SearchIndexMissing(backend=cluster.alias)
    refused = 0
    some: list[Told] = []
    length = 0
    for each in told:
        some.append(each)
        length += each.length
        if length > _TOGETHER:
            refused += _send(cluster, names, some)
            some, length = [], 0
    return refused + _send(cluster, names, some)


def _send(cluster: Cluster, names: Sequence[str], told: Sequence[Told]) -> int:
    lines = [line for name in names for each in told for line in _lines(name, each)]
    if not lines:
        return 0
    with cluster.asking():
        answer = cluster.client.bulk(body=lines)
    try:
        results = [(each, *_result(item)) for each, item in _paired(names, told, answer["items"])]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SearchClusterAway(backend=cluster.alias) from error
    refused = set()
    for each, status, is_missing in results:
        if status < 300 or status == _CONFLICT or (status == 404 and each.document is None):
            continue
        if is_missing:
            raise SearchIndexMissing(backend=cluster.alias)
        if status == _BUSY or status >= 500:
            raise SearchClusterAway(backend=cluster.alias)
        logger.warning("The search cluster refuses message text %s: status %s", each.id, status)
        refused.add(each.id)
    return len(refused)


def _lines(name: str, told: Told) -> list[Mapping[str, Any]]:
    where = {
        "_index": name,
        "_id": str(told.id),
        "version": told.version,
        "version_type": "external",
    }
    if told.document is None:
        return [{"delete": where}]
    return [{"index": where}, told.document]


def _paired(
    names: Sequence[str], told: Sequence[Told], items: Sequence[Any]
) -> Iterable[tuple[Told, Any]]:
    return zip([each for _ in names for each in told], items, strict=True)


def _result(item: Mapping[str, Any]) -> tuple[int, bool]:
    """Return the status of one result, and whether its index is missing."""
    [result] = item.values()
    error = result.get("error") or {}
    return int(result["status"]), error.get("type") == "index_not_found_exception"
