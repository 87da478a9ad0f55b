"""Which message a message of a thread answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .thread_links import counted_references, reply_to

# Of a message, by the names of its fields.
FIELDS = ("pk", "message_id", "in_reply_to", "references", "sorted_at")


@dataclass(frozen=True, slots=True)
class Named:
    """A message by what it is called and what it answers.

    Attributes:
        named: the msg-ids that may be its parent, the likeliest first.
        place: what messages are ordered by.
    """

    pk: int
    message_id: str
    named: Sequence[str]
    place: tuple[datetime, int]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Named:
        """Return the message of which `values` has the `FIELDS`."""
        ids = values["message_id"], values["in_reply_to"]
        answered = reply_to(*ids)
        references = reversed(counted_references(*ids, values["references"]))
        named = dict.fromkeys([answered, *references] if answered else references)
        return cls(
            values["pk"], values["message_id"], list(named), (values["sorted_at"], values["pk"])
        )


def parents_of_all(messages: Iterable[Named]) -> dict[int, int | None]:
    """Return which of `messages` each of them answers, by keys; None where it begins.

    In-Reply-To counts first, then References from the last to the first. Where messages answer
    each other in a circle, the earliest of them begins.
    """
    every = {each.pk: each for each in messages}
    by_name = _by_name(every.values())
    parents = {pk: _parent(each, by_name) for pk, each in every.items()}
    seen: dict[int, int] = {}  # key -> the walk that came by
    for walk, begin in enumerate(every):
        pk: int | None = begin
        while pk is not None and pk not in seen:
            seen[pk] = walk
            pk = parents[pk]
        if pk is not None and seen[pk] == walk:
            parents[min(_circle(pk, parents), key=lambda key: every[key].place)] = None
    return parents


def _by_name(messages: Iterable[Named]) -> dict[str, list[Named]]:
    """Return messages by Message-ID, those of one in order."""
    found: defaultdict[str, list[Named]] = defaultdict(list)
    for each in sorted(messages, key=lambda each: each.place):
        found[each.message_id].append(each)
    return found


def _parent(message: Named, by_name: Mapping[str, Sequence[Named]]) -> int | None:
    for name in message.named:
        for found in by_name.get(name, ()):
            if found.pk != message.pk:
                return found.pk
    return None


def _circle(begin: int, parents: Mapping[int, int | None]) -> list[int]:
    circle = [begin]
    pk = parents[begin]
    while pk is not None and pk != begin:
        circle.append(pk)
        pk = parents[pk]
    return circle
