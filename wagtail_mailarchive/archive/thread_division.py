"""What managers decided about threads, applied to the clusters concerned.

A split begins a thread with one message: all that answers it, directly or not, goes there with it,
and nothing joins the two any more but a later merge. So where a message belongs depends on what it
answers, and each cluster with a split in it is divided as a whole, by `parts`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..mime import VERSION
from ..models import EmailMessagePage, Thread, ThreadDecision, ThreadKey
from . import rows, thread_moves, thread_parents, threads
from .bulk_deletion import delete_rows
from .thread_links import Links
from .thread_parents import Named
from .thread_summaries import Summary, recount
from .threads import Groups, Values

_FIELDS = ("pk", "sorted_at", "thread_id", "thread__part_of_id", *threads.LINK_FIELDS)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Those that hold, by messages' keys.

    Attributes:
        splits: message -> number of the decision; later ones have higher numbers.
        merges: (number, message, other message).
    """

    splits: Mapping[int, int]
    merges: Sequence[tuple[int, int, int]]

    @classmethod
    def of_folder(cls, folder_id: int) -> Decisions:
        held = ThreadDecision.objects.filter(folder_id=folder_id, undone_at=None).order_by("pk")
        splits: dict[int, int] = {}
        merges: list[tuple[int, int, int]] = []
        for number, kind, message, other in held.values_list(
            "pk", "kind", "message_id", "other_id"
        ):
            if kind == ThreadDecision.Kind.SPLIT:
                splits[message] = number
            else:
                merges.append((number, message, other))
        return cls(splits, merges)


def rejoin(folder_id: int, message_ids: Collection[int]) -> None:
    """Join messages anew, with all of their clusters, in the present transaction.

    For messages whose links have changed, that have no thread yet, or about which somebody decided.
    All are of the folder, which is locked.
    """
    chosen = EmailMessagePage.objects.filter(pk__in=message_ids).order_by()
    former = {
        threads.cluster_of(*each)
        for each in chosen.values_list("thread_id", "thread__part_of_id")
        if each[0] is not None
    }
    messages = [*_of_clusters(former), *chosen.filter(thread=None).values(*_FIELDS)]
    if not messages:
        return
    decisions = Decisions.of_folder(folder_id)
    delete_rows(ThreadKey._base_manager.filter(thread__in=former))
    linked = [threads.links_of(folder_id, values) for values in messages]
    groups, holders = threads.connect(folder_id, linked, besides=former)
    position_of = {values["pk"]: position for position, values in enumerate(messages)}
    for _, one, other in decisions.merges:
        if one in position_of and other in position_of:
            groups.join(position_of[one], position_of[other])
    before = {values["pk"]: values["thread_id"] for values in messages}
    divided = _settle(folder_id, messages, groups, former, decisions)
    threads.hold(holders, messages)
    concerned = {values["thread_id"] for values in messages}
    concerned |= {key for key in before.values() if key is not None}
    Thread.objects.filter(pk__in=concerned).update(decided_by=VERSION, is_divided=False)
    divide(folder_id, divided, before)
    recount(concerned)


def _of_clusters(clusters: Collection[int]) -> Iterable[Values]:
    # Found by the index of threads alone: asked for the folder too, or for both kinds of threads at
    # once, a database may look through all of the folder.
    parts = Thread.objects.filter(part_of__in=clusters).values_list("pk", flat=True)
    found: Iterable[Values] = (
        EmailMessagePage.objects.filter(thread__in=[*clusters, *parts]).order_by().values(*_FIELDS)
    )
    return found


def _settle(
    folder_id: int,
    messages: Sequence[Values],
    groups: Groups,
    former: Collection[int],
    decisions: Decisions,
) -> set[int]:
    """Write of which cluster each message is now; return those that are to be divided.

    The row of a former cluster stays that of the largest group of its messages.
    """
    before = {values["pk"]: values["thread_id"] for values in messages}
    together = sorted(groups, key=lambda group: -len(group[0]))
    outside = Thread.objects.in_bulk([key for _, keys in together for key in keys])
    left = set(former)
    created: list[list[int]] = []
    merged: list[tuple[int, int]] = []
    divided: set[int] = set()
    homes: dict[int, int] = {}
    for positions, keys in together:
        clusters = (_cluster(messages[position]) for position in positions)
        sizes = Counter(cluster for cluster in clusters if cluster in left)
        sizes.update({key: outside[key].message_count for key in keys})
        if not sizes:
            created.append(positions)
            continue
        kept = max(sizes, key=lambda key: (sizes[key], -key))
        left.discard(kept)
        merged += [(key, kept) for key in keys if key != kept]
        homes |= dict.fromkeys(positions, kept)
        if any(outside[key].is_divided for key in keys):
            divided.add(kept)
    summaries = [_uncounted(messages[each[0]]["sorted_at"]) for each in created]
    for positions, key in zip(created, threads.create(folder_id, summaries), strict=True):
        homes |= dict.fromkeys(positions, key)
    threads.merge(merged)
    parts: dict[int, int] = {}
    for position, values in enumerate(messages):
        home = homes[position]
        if values["pk"] in decisions.splits:
            divided.add(home)
        if values["thread__part_of_id"] is not None:
            parts[values["thread_id"]] = home
        values["thread_id"] = home
    rows.update(Thread, ("id", "part_of_id"), sorted(parts.items()))
    _write(messages, before)
    return divided


def _cluster(values: Values) -> int | None:
    thread_id = values["thread_id"]
    return (
        None if thread_id is None else threads.cluster_of(thread_id, values["thread__part_of_id"])
    )


def _uncounted(moment: datetime) -> Summary:
    """Return what a new row says until it is counted, which it is in the same transaction."""
    return Summary(began_at=moment, ended_at=moment)


def _write(messages: Sequence[Values], before: Mapping[int, int | None]) -> None:
    """Write the threads of messages where they are not what they were."""
    moves = [
        (values["pk"], before[values["pk"]], values["thread_id"])
        for values in messages
        if values["thread_id"] != before[values["pk"]]
    ]
    rows.update(EmailMessagePage, ("page_ptr_id", "thread_id"), [(pk, now) for pk, _, now in moves])
    thread_moves.after_moving(moves)


# -- clusters with splits in them ------------------------------------------------------------


def divide(
    folder_id: int, clusters: Collection[int], former: Mapping[int, int | None] | None = None
) -> None:
    """Divide clusters into threads as managers decided, in the present transaction.

    Args:
        former: the threads in which messages were, if not where they are: message -> thread.
    """
    if clusters:
        decisions = Decisions.of_folder(folder_id)
        for cluster in sorted(clusters):
            _divide(folder_id, cluster, decisions, former or {})


def _divide(
    folder_id: int, cluster: int, decisions: Decisions, former: Mapping[int, int | None]
) -> None:
    messages = list(_of_clusters([cluster]))
    before = {values["pk"]: values["thread_id"] for values in messages}
    divided = parts(
        [threads.links_of(folder_id, values) for values in messages],
        [Named.of(values) for values in messages],
        decisions,
    )
    left = {cluster, *Thread.objects.filter(part_of=cluster).values_list("pk", flat=True)}
    concerned = set(left)
    homes = _homes(
        [[messages[position]["pk"] for position in each] for each in divided],
        cluster,
        {**before, **former},
        left,
    )
    made = iter(
        threads.create(
            folder_id,
            [
                _uncounted(messages[each[0]]["sorted_at"])
                for each, home in zip(divided, homes, strict=True)
                if home is None
            ],
            part_of=cluster,
        )
    )
    for positions, home in zip(divided, homes, strict=True):
        key = next(made) if home is None else home
        concerned.add(key)
        for position in positions:
            messages[position]["thread_id"] = key
    _write(messages, before)
    is_divided = any(values["pk"] in decisions.splits for values in messages)
    Thread.objects.filter(pk=cluster).update(is_divided=is_divided)
    recount(concerned)


def _homes(
    divided: Sequence[Sequence[int]],
    cluster: int,
    former: Mapping[int, int | None],
    left: set[int],
) -> list[int | None]:
    """Return which row each thread takes, so that as many messages as may be stay in theirs.

    The main row is always taken: the cluster is known by it. None is for a new row.
    """
    votes = [Counter(former[pk] for pk in each) for each in divided]
    main = max(range(len(divided)), key=lambda n: (votes[n][cluster], len(divided[n]), -n))
    homes: list[int | None] = [None] * len(divided)
    homes[main] = cluster
    left.discard(cluster)
    for number in sorted(range(len(divided)), key=lambda n: -len(divided[n])):
        if homes[number] is None:
            wanted = [key for key, _ in votes[number].most_common() if key in left]
            if wanted:
                homes[number] = wanted[0]
                left.discard(wanted[0])
    return homes


def parts(linked: Sequence[Links], named: Sequence[Named], decisions: Decisions) -> list[list[int]]:
    """Return how a cluster is divided: positions of messages that are one thread.

    What joins messages counts only below the same split. A merge counts against the splits that
    were decided before it.
    """
    parents = thread_parents.parents_of_all(named)
    beginnings = _beginnings(parents, decisions.splits)
    groups = Groups(len(linked))
    holders: dict[tuple[int, int | None], int] = {}
    sent: defaultdict[tuple[str, int | None], list[int]] = defaultdict(list)
    answers: defaultdict[tuple[str, int | None], list[int]] = defaultdict(list)
    for position, (links, message) in enumerate(zip(linked, named, strict=True)):
        below = beginnings[message.place[1]]
        for key in links.keys:
            groups.join(holders.setdefault((key, below), position), position)
        sent[links.message_id, below].append(position)
        answers[links.reply_to, below].append(position)
    for name in sent.keys() & answers.keys():
        # Nobody answers a message without Message-ID.
        if name[0]:
            joined = [*sent[name], *answers[name]]
            for position in joined:
                groups.join(joined[0], position)
    positions = {message.place[1]: position for position, message in enumerate(named)}
    for number, one, other in decisions.merges:
        if one in positions and other in positions:
            later = {pk for pk, split in decisions.splits.items() if split > number}
            if _beginning(one, parents, later) == _beginning(other, parents, later):
                groups.join(positions[one], positions[other])
    return [each for each, _ in groups]


def _beginnings(
    parents: Mapping[int, int | None], splits: Collection[int]
) -> dict[int, int | None]:
    """Return for each message the nearest split one at or above it; None if there is none."""
    found: dict[int, int | None] = {pk: pk for pk in parents if pk in splits}
    for begin in parents:
        way = []
        pk: int | None = begin
        while pk is not None and pk not in found:
            way.append(pk)
            pk = parents[pk]
        found |= dict.fromkeys(way, None if pk is None else found[pk])
    return found


def _beginning(
    pk: int | None, parents: Mapping[int, int | None], splits: Collection[int]
) -> int | None:
    while pk is not None and pk not in splits:
        pk = parents[pk]
    return pk
