"""Joining messages into threads while they are archived.

Messages that are joined, however far around, form a cluster, and clusters only ever grow together:
what a batch joins depends neither on the order of messages nor on how they were batched. A cluster
is one thread, unless a manager split it; `thread_division` sees to that.

All of it happens while the folder's page is locked (`pages.lock_folder`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection

from ..mime import VERSION
from ..models import EmailMessagePage, Thread, ThreadKey
from ..models.reference import message_id_digest
from . import rows, thread_links, thread_moves
from .bulk_deletion import delete_rows
from .thread_links import Links
from .thread_summaries import COLUMNS, Summary

Values = dict[str, Any]

# Of a message, by the names of its fields.
LINK_FIELDS = ("message_id", "in_reply_to", "references", "subject", "source_thread")


class Groups:
    """Which messages, by their position in a list, and which clusters belong together."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._above = list(range(messages))
        self._clusters: dict[int, int] = {}

    def cluster(self, key: int) -> int:
        """Return the place of a cluster among those to be joined."""
        place = self._clusters.setdefault(key, len(self._above))
        if place == len(self._above):
            self._above.append(place)
        return place

    def join(self, one: int, other: int) -> None:
        self._above[self._top(one)] = self._top(other)

    def __iter__(self) -> Iterator[tuple[list[int], list[int]]]:
        """Yield (positions of messages, clusters) that belong together, in order."""
        together: defaultdict[int, tuple[list[int], list[int]]]
        together = defaultdict(lambda: ([], []))
        for position in range(self._messages):
            together[self._top(position)][0].append(position)
        for key, place in self._clusters.items():
            together[self._top(place)][1].append(key)
        yield from together.values()

    def _top(self, place: int) -> int:
        above = self._above
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place


def join(folder_id: int, arriving: Sequence[Values]) -> set[int]:
    """Give each of `arriving` its "thread_id"; they are to be inserted with it, and listed.

    The number of queries does not depend on how many there are.

    Args:
        arriving: fields of messages that are not in the database yet, by name.

    Returns:
        Clusters that managers split, to be divided anew once the messages are inserted.

    Raises:
        DatabaseError.
    """
    if not arriving:
        return set()
    linked = [links_of(folder_id, values) for values in arriving]
    groups, holders = connect(folder_id, linked)
    together = list(groups)
    clusters = Thread.objects.in_bulk([key for _, keys in together for key in keys])
    created: list[tuple[list[int], Summary]] = []
    grown: list[tuple[int, Summary]] = []
    merged: list[tuple[int, int]] = []
    divided: set[int] = set()
    for positions, keys in together:
        summary = Summary()
        for key in keys:
            summary.add(Summary.of_thread(clusters[key]))
        for position in positions:
            summary.add_message(arriving[position])
        if not keys:
            created.append((positions, summary))
            continue
        # The smaller goes into the larger, so that each message moves only a few times.
        kept = max(keys, key=lambda key: (clusters[key].message_count, -key))
        merged += [(key, kept) for key in keys if key != kept]
        grown.append((kept, summary))
        if any(clusters[key].is_divided for key in keys):
            divided.add(kept)
        for position in positions:
            arriving[position]["thread_id"] = kept
    made = create(folder_id, [summary for _, summary in created])
    for (positions, _), key in zip(created, made, strict=True):
        for position in positions:
            arriving[position]["thread_id"] = key
    rows.update(
        Thread, ("id", *COLUMNS), [(key, *summary.columns()) for key, summary in sorted(grown)]
    )
    merge(merged)
    Thread.objects.filter(pk__in=divided).update(is_divided=True)
    hold(holders, arriving)
    return divided


def links_of(folder_id: int, values: Mapping[str, Any]) -> Links:
    """Return what joins a message, of which `values` has the `LINK_FIELDS`."""
    return thread_links.links(folder_id, **{name: values[name] for name in LINK_FIELDS})


def connect(
    folder_id: int, linked: Sequence[Links], besides: Collection[int] = ()
) -> tuple[Groups, dict[int, int]]:
    """Find what joins messages with each other and with the folder's clusters (three queries).

    Args:
        besides: clusters that do not count, because all their messages are in `linked` and their
            keys are gone.

    Returns:
        The groups, and keys that no cluster has yet: key -> position of a message that has it.
    """
    groups = Groups(len(linked))
    holders: dict[int, int] = {}
    sent: defaultdict[str, list[int]] = defaultdict(list)  # by Message-ID
    answers: defaultdict[str, list[int]] = defaultdict(list)  # by what they answer
    for position, each in enumerate(linked):
        for key in each.keys:
            groups.join(holders.setdefault(key, position), position)
        if each.message_id:
            sent[each.message_id].append(position)
        if each.reply_to:
            answers[each.reply_to].append(position)
    direct = {
        name: thread_links.direct_key(folder_id, name) for name in sent.keys() | answers.keys()
    }
    known = _clusters_of_keys(holders.keys() | set(direct.values()))
    for name, key in direct.items():
        if key in known:
            # All that came under this name and all that answer it are in that cluster already.
            for position in (*sent.pop(name, ()), *answers.pop(name, ())):
                groups.join(holders.setdefault(key, position), position)
    for key, cluster in known.items():
        groups.join(holders.pop(key), groups.cluster(cluster))
    found_sent = _sent(folder_id, set(answers))
    found_answers = _answering(folder_id, set(sent))
    for found, places in ((found_sent, sent), (found_answers, answers)):
        for name, cluster in found:
            if cluster not in besides:
                places[name].append(groups.cluster(cluster))
    for name in sent.keys() & answers.keys():
        joined = [*sent[name], *answers[name]]
        for place in joined:
            groups.join(joined[0], place)
        holders[direct[name]] = next(place for place in joined if place < len(linked))
    return groups, holders


def create(
    folder_id: int, summaries: Sequence[Summary], *, part_of: int | None = None
) -> list[int]:
    """Insert threads, main ones or parts of one; return their keys in order."""
    made = rows.insert(
        Thread,
        ("folder_id", "part_of_id", "is_divided", "decided_by", *COLUMNS),
        [(folder_id, part_of, False, VERSION, *summary.columns()) for summary in summaries],
        returning=("id",),
    )
    # Keys rise in the order of rows, but nobody promises that they are told in it.
    return sorted(key for (key,) in made)


def merge(pairs: Sequence[tuple[int, int]]) -> None:
    """Let clusters go into others, as which they are known from now on: (which, into which)."""
    if not pairs:
        return
    gone = [key for key, _ in pairs]
    thread_moves.before_merging(gone, {kept for _, kept in pairs})
    rows.replace(EmailMessagePage, "thread_id", pairs)
    rows.replace(ThreadKey, "thread_id", pairs)
    rows.replace(Thread, "part_of_id", pairs)
    delete_rows(Thread._base_manager.filter(pk__in=gone))


def hold(holders: Mapping[int, int], messages: Sequence[Mapping[str, Any]]) -> None:
    """Insert keys for the clusters of those of `messages` that have them, by position."""
    rows.insert(
        ThreadKey,
        ("digest", "thread_id"),
        [(key, messages[position]["thread_id"]) for key, position in sorted(holders.items())],
    )


def cluster_of(thread_id: int, part_of_id: int | None) -> int:
    """Return the main thread of a thread's cluster."""
    return thread_id if part_of_id is None else part_of_id


# -- what is in the database -----------------------------------------------------------------

# One parameter for all: there may be ten thousand, which SQLite does not take one by one.
_ASKED = {
    "postgresql": "unnest(%s::bigint[]) AS asked(value)",
    "sqlite": "json_each(%s) AS asked",
}
_KEYS = f"""
    SELECT digest, thread_id FROM {ThreadKey._meta.db_table}
    WHERE digest IN (SELECT value FROM {{asked}})
"""  # noqa: S608 (all names here are ours)
# By the index of the digest, whatever the planner knows: of a table that grows quickly it knows
# nothing yet, and would then look through all of the folder for each batch.
_MESSAGES = {
    "postgresql": f"""
        SELECT message.message_id, message.in_reply_to, thread.folder_id, thread.id,
            thread.part_of_id
        FROM {{asked}},
        LATERAL (
            SELECT message_id, in_reply_to, thread_id FROM {EmailMessagePage._meta.db_table}
            WHERE {{column}} = asked.value OFFSET 0
        ) AS message,
        LATERAL (
            SELECT id, folder_id, part_of_id FROM {Thread._meta.db_table}
            WHERE id = message.thread_id OFFSET 0
        ) AS thread
    """,  # noqa: S608
    "sqlite": f"""
        SELECT message.message_id, message.in_reply_to, thread.folder_id, thread.id,
            thread.part_of_id
        FROM {{asked}}
        CROSS JOIN {EmailMessagePage._meta.db_table} AS message ON message.{{column}} = asked.value
        CROSS JOIN {Thread._meta.db_table} AS thread ON thread.id = message.thread_id
    """,  # noqa: S608
}


def _clusters_of_keys(keys: Collection[int]) -> dict[int, int]:
    """Return the clusters of those of `keys` that have one."""
    return dict(_select(_KEYS, keys))


def _sent(folder_id: int, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield (Message-ID, cluster) of messages that came under one of `names`."""
    for name, _, folder, *thread in _messages("message_id_digest", names):
        if folder == folder_id and name in names:
            yield name, cluster_of(*thread)


def _answering(folder_id: int, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield (Message-ID, cluster) of messages that answer one of `names`."""
    for own, answered, folder, *thread in _messages("reply_to_digest", names):
        name = thread_links.reply_to(own, json.loads(answered)) if folder == folder_id else ""
        if name in names:
            yield name, cluster_of(*thread)


def _messages(column: str, names: Iterable[str]) -> list[Any]:
    sql = _MESSAGES[connection.vendor].replace("{column}", column)
    return _select(sql, {message_id_digest(name) for name in names})


def _select(sql: str, values: Collection[int]) -> list[Any]:
    if not values:
        return []
    asked = _ASKED[connection.vendor]
    given = list(values)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.replace("{asked}", asked),
            [given if connection.vendor == "postgresql" else json.dumps(given)],
        )
        return list(cursor.fetchall())
