"""The threads that some messages of a folder are of, by the latest of these, page by page.

Rows of messages are walked along an index in portions, so that a page costs one look at each,
however long threads are. Of a thread that was met, only whether it goes on beyond what is walked is
asked: then it stands on another page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef

from ..models import Thread
from ..models.message_text import SEQUENCE_BITS, sort_key
from ..models.unindexed import unindexed
from .keyset import Place, around
from .narrowing import Chosen

_MOST_TOGETHER = 5_000  # rows
_LONG = 500  # messages of a thread


def latest_of_threads(chosen: Chosen, place: Place[int], size: int) -> list[int]:
    """Return the keys of a page of threads, each by its newest row; in order as by `around`."""
    thread = f"{chosen.message}__thread"
    # From the newest on, each thread is met at its newest row first.
    facts = () if place.is_first else (f"{thread}__message_count", f"{thread}__last_at")
    rows = chosen.listed.filter(**{f"{thread}__isnull": False})
    upwards, beyond = place.after is not None, place.before
    portion = 4 * size
    met: set[int] = set()
    found: list[int] = []
    while len(found) <= size:
        walked = list(
            around(rows, chosen.key, place, portion).values_list(chosen.key, thread, *facts)
        )
        is_last = len(walked) <= portion
        newest: dict[int, tuple[int, Sequence[Any]]] = {}
        for key, each, *known in walked:
            if upwards:
                newest.pop(each, None)  # it stands where its newest row is
                newest[each] = key, known
            elif each not in met:
                newest.setdefault(each, (key, known))
        met |= newest.keys()
        if upwards:
            beyond = None if is_last else walked[-1][0] + 1
        going_on = set() if beyond is None else _going_on(chosen, newest, beyond)
        found += [key for each, (key, _known) in newest.items() if each not in going_on]
        if is_last:
            break
        last = walked[-1][0]
        place = Place(after=last) if upwards else Place(before=last)
        portion = min(2 * portion, _MOST_TOGETHER)
    return found[: size + 1]


def _going_on(
    chosen: Chosen, threads: Mapping[int, tuple[int, Sequence[Any]]], key: int
) -> set[int]:
    """Return the threads that have a row from `key` on.

    Args:
        threads: by thread, a row's key, and the thread's length and the moment of its last message.
    """
    if chosen.until is not None and key >= chosen.until:
        return set()
    lengths = {
        each: length
        for each, (_row, (length, last_at)) in threads.items()
        if sort_key(last_at, -1) >= key
    }
    long = {each for each, length in lengths.items() if length > _LONG}
    found = {each for each in long if _goes_on_long(chosen, each, key)}
    if short := lengths.keys() - long:
        found |= _short_going_on(chosen, short, key)
    return found


def _goes_on_long(chosen: Chosen, thread_id: int, key: int) -> bool:
    """Whether a long thread has a row from `key` on, where it is met soon (one query)."""
    # Not by the index of threads, which leads to all of its messages.
    own = chosen.listed.alias(own_thread=unindexed(f"{chosen.message}__thread"))
    later = own.filter(own_thread=thread_id, **{f"{chosen.key}__gte": key})
    return bool(later.order_by(chosen.key).values_list(chosen.key)[:1])


def _short_going_on(chosen: Chosen, thread_ids: Collection[int], key: int) -> set[int]:
    """Return those of these threads that have a row from `key` on (one query)."""
    moment = datetime.fromtimestamp(key >> SEQUENCE_BITS, UTC)
    later = chosen.texts().filter(
        message__thread=OuterRef("pk"), message__sorted_at__gte=moment, own_key__gte=key
    )
    threads = Thread.objects.filter(Exists(later), pk__in=thread_ids)
    return set(threads.order_by().values_list("pk", flat=True))
