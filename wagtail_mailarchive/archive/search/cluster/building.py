"""The cluster's index made anew, batch by batch, while readers search on in the one there is.

A new index is filled beside the old one and takes its place in one step; what changes meanwhile is
told to both. What a batch brings has the lowest number of all, so whatever a change has said of a
message before stays. How far it came is kept, and whoever is stopped goes on there.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.utils.crypto import get_random_string

from ....models import MessageText, SearchCluster
from ...transactions import commit
from . import feed
from .client import Cluster, connect
from .index import Told, definition, document, stemmer_of, tell

_BATCH = 100
_OLDEST = 0
# Whoever changes what `index` makes of a message counts this up: a stopped rebuild begins anew.
_VERSION = 1

Progress = Callable[[int, int], None]


def rebuild_cluster(
    alias: str,
    language: str,
    *,
    restart: bool = False,
    progress: Progress = lambda done, total: None,
) -> int:
    """Make the index of the cluster `alias` anew; return how many messages it holds.

    Args:
        language: see `ArchiveSettings.SEARCH_LANGUAGE`.
        restart: whether to begin at the beginning although a rebuild was stopped half-way.
        progress: called behind each batch with the messages done and their number.

    Raises:
        SearchUnavailable, DatabaseError: what was done stays, and is gone on from.
    """
    feed.stop_unless_wanted()
    cluster = connect(alias)
    state = _begin(cluster, stemmer_of(language), restart)
    ours = SearchCluster.objects.filter(pk=state.pk, building=state.building)
    while texts := _next(state):
        told = (Told(text.pk, _OLDEST, document(text)) for text in texts)
        refused = tell(cluster, [state.building], told)
        state.position = texts[-1].pk
        state.done += len(texts) - refused
        commit(lambda: ours.update(position=state.position, done=state.done))
        progress(state.done, max(state.total, state.done))
    _take_place(cluster, state.building)
    commit(lambda: ours.update(building="", position=None, is_ready=True))
    return state.done


def _next(state: SearchCluster) -> list[MessageText]:
    left = MessageText.objects.order_by("pk")
    if state.position is not None:
        left = left.filter(pk__gt=state.position)
    return list(left[:_BATCH])


def _begin(cluster: Cluster, stemmer: str, restart: bool) -> SearchCluster:
    """Return where to go on, in an index that is there."""
    begun = f"{cluster.live}_{_VERSION}_{stemmer}_"
    state = SearchCluster.objects.filter(alias=cluster.alias).first()
    with cluster.asking():
        if state and state.building:
            is_there = cluster.client.indices.exists(index=state.building)
            if is_there and state.building.startswith(begun) and not restart:
                return state
        name = begun + get_random_string(8).lower()
        body = definition(stemmer, cluster.settings)
        cluster.client.indices.create(index=name, body=body)
    commit(lambda: _follow(cluster.alias, name))
    if state and state.building:
        with cluster.asking():
            if cluster.client.indices.exists(index=state.building):
                cluster.client.indices.delete(index=state.building)
    return SearchCluster.objects.get(alias=cluster.alias)


def _follow(alias: str, name: str) -> None:
    """Have changes noted from now on, and told to the index `name` too."""
    if connection.vendor == "postgresql":
        # Who began to write before would not have noted it; SQLite has one writer at a time.
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {MessageText._meta.db_table} IN SHARE MODE")
    total = MessageText.objects.count()
    begun = {"building": name, "position": None, "done": 0, "total": total}
    SearchCluster.objects.update_or_create(alias=alias, defaults=begun)


def _take_place(cluster: Cluster, name: str) -> None:
    """Have `name` searched from now on, and delete what was, in one step."""
    old = [each for each in feed.aliased(cluster) if each != name]
    actions = [
        {"add": {"index": name, "alias": cluster.live}},
        *({"remove_index": {"index": each}} for each in old),
    ]
    with cluster.asking():
        cluster.client.indices.refresh(index=name)
        cluster.client.indices.update_aliases(body={"actions": actions})
