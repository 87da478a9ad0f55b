"""What has changed, told to the cluster by a later task.

Triggers note each change of a `MessageText` while there is a `SearchCluster`. Here the notes are
read, the texts are read as they are by now, and the cluster is told; only then are the notes
forgotten. Whoever is stopped between the two tells again what is known already.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from django.db import transaction

from ....conf import archive_settings
from ....exceptions import SearchUnavailable
from ....models import MessageText, SearchChange, SearchCluster
from .client import Cluster, connect
from .index import Told, document, tell

logger = logging.getLogger("wagtail_mailarchive.search")

_READ = 20  # texts held in memory


def is_waiting() -> bool:
    """Whether there is anything to tell."""
    return SearchChange.objects.exists()


def noted(most: int) -> list[SearchChange]:
    """Return up to `most` changes that are still to be told."""
    return list(SearchChange.objects.order_by("pk")[:most])


def tell_changes(changes: Sequence[SearchChange]) -> int:
    """Tell the cluster of `changes`; return how many messages it refuses for what they are.

    Args:
        changes: of `noted`, before anything else was read.

    Raises:
        SearchUnavailable: they are still to be told.
    """
    state = SearchCluster.objects.first()
    if state is None:
        return 0
    names = [state.building] if state.building else []
    cluster = connect(state.alias)
    if state.is_ready:
        names.append(cluster.live)
    versions = {each.text_id: each.pk for each in sorted(changes, key=lambda each: each.pk)}
    return tell(cluster, names, _told(versions))


def forget(changes: Sequence[SearchChange]) -> None:
    """Note in the present transaction that `changes` are told."""
    SearchChange.objects.filter(pk__in=[each.pk for each in changes]).delete()


def stop_unless_wanted() -> None:
    """Do `stop` where the settings name another backend by now."""
    state = SearchCluster.objects.first()
    if state is not None and state.alias != archive_settings().SEARCH_BACKEND:
        stop()


def stop() -> None:
    """Note no more changes, search the database, and delete what the cluster holds of our mail.

    If the cluster cannot be asked, the log says what has to be deleted by hand.
    """
    state = SearchCluster.objects.first()
    with transaction.atomic():
        SearchCluster.objects.all().delete()
        SearchChange.objects.all().delete()
    if state is None:
        return
    try:
        cluster = connect(state.alias)
        names = {*aliased(cluster), *filter(None, [state.building])}
        with cluster.asking():
            for name in sorted(names):
                if cluster.client.indices.exists(index=name):
                    cluster.client.indices.delete(index=name)
    except SearchUnavailable as error:
        logger.warning(
            "Delete every index named *wagtail_mailarchive_* in the search cluster %s by hand: %s",
            state.alias,
            error,
        )


def aliased(cluster: Cluster) -> list[str]:
    """Return the indexes that are searched: one, or none yet.

    Raises:
        SearchUnavailable.
    """
    with cluster.asking():
        if not cluster.client.indices.exists_alias(name=cluster.live):
            return []
        return sorted(cluster.client.indices.get_alias(name=cluster.live))


def _told(versions: dict[int, int]) -> Iterator[Told]:
    keys = sorted(versions)
    for start in range(0, len(keys), _READ):
        some = keys[start : start + _READ]
        texts = MessageText.objects.in_bulk(some)
        for key in some:
            text = texts.get(key)
            yield Told(key, versions[key], document(text) if text else None)
