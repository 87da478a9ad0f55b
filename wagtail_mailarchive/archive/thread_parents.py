"""Which message a message of a thread answers.

In-Reply-To counts first, then References from the last to the first; of messages that share a
Message-ID, the first. Where messages answer each other in a circle, the earliest of them begins:
following parents always comes to an end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ..models import EmailMessagePage
from ..models.reference import message_id_digest
from ..models.unindexed import unindexed
from .thread_links import counted_references, reply_to

# Of a message, by the names of its fields.
FIELDS = ("pk", "message_id", "in_reply_to", "references", "sorted_at")

# What messages are ordered by: the second is the key.
_Place = tuple[datetime, int]
# How far a message that answers a later one is followed: clocks are minutes apart, and few
# messages of a thread cross in that time.
_STEPS = 8
# Messages that share the Message-IDs asked for; an honest one has one or two.
_NAMESAKES = 5_000


class Message(Protocol):
    """A page, or whatever has these columns of it."""

    @property
    def pk(self) -> Any: ...
    @property
    def thread_id(self) -> Any: ...
    @property
    def message_id(self) -> Any: ...
    @property
    def in_reply_to(self) -> Any: ...
    @property
    def references(self) -> Any: ...
    @property
    def sorted_at(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Named:
    """A message by what it is called and what it answers.

    Attributes:
        named: the msg-ids that may be its parent, the likeliest first.
    """

    message_id: str
    named: Sequence[str]
    place: _Place

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Named:
        """Return the message of which `values` has the `FIELDS`."""
        ids = values["message_id"], values["in_reply_to"]
        answered = reply_to(*ids)
        references = reversed(counted_references(*ids, values["references"]))
        named = dict.fromkeys([answered, *references] if answered else references)
        return cls(values["message_id"], list(named), (values["sorted_at"], values["pk"]))

    @classmethod
    def of_message(cls, message: Message) -> Named:
        return cls.of({name: getattr(message, name) for name in FIELDS})

    def parent(self, by_name: Mapping[str, Sequence[_Place]]) -> _Place | None:
        """Return the place of what this message answers.

        Args:
            by_name: the places of messages by Message-ID, in order.
        """
        for name in self.named:
            for place in by_name.get(name, ()):
                if place != self.place:
                    return place
        return None


def parents_of_all(messages: Sequence[Named]) -> dict[int, int | None]:
    """Return which of `messages` each of them answers, by keys; None where one begins."""
    places = {each.place[1]: each.place for each in messages}
    by_name: defaultdict[str, list[_Place]] = defaultdict(list)
    for each in sorted(messages, key=lambda each: each.place):
        by_name[each.message_id].append(each.place)
    parents = {
        each.place[1]: found[1] if (found := each.parent(by_name)) else None for each in messages
    }
    seen: dict[int, int] = {}  # message -> from where it was come to
    for begin in parents:
        pk: int | None = begin
        while pk is not None and pk not in seen:
            seen[pk] = begin
            pk = parents[pk]
        if pk is not None and seen[pk] == begin:
            parents[min(_circle(pk, parents), key=places.__getitem__)] = None
    return parents


def _circle(begin: int, parents: Mapping[int, int | None]) -> list[int]:
    circle = [begin]
    pk = parents[begin]
    while pk is not None and pk != begin:
        circle.append(pk)
        pk = parents[pk]
    return circle


def parents(messages: Sequence[Message]) -> dict[int, int | None]:
    """Return which message of its thread each of `messages` answers, by keys; None if none.

    For one page of a thread. It costs one query or two, and at most 24 more where a message answers
    a later one: a circle that is longer than that has no beginning, but it is cut all the same.
    Whether a reader may read the parent is not asked.
    """
    pages: dict[int, Message]
    pages = {each.pk: each for each in messages if each.thread_id is not None}
    known = {pk: Named.of_message(page) for pk, page in pages.items()}
    chosen = _look_up(pages, known)
    # The earliest message of a circle answers a later one, and the others need no look.
    ahead = {pk: place for pk, place in chosen.items() if place and place > known[pk].place}
    for _ in range(_STEPS):
        if not ahead:
            break
        new = EmailMessagePage.objects.in_bulk({pk for _, pk in ahead.values()} - known.keys())
        pages |= new
        known |= {pk: Named.of_message(page) for pk, page in new.items()}
        chosen |= _look_up(pages, {pk: known[pk] for pk in new})
        steps = {begin: chosen.get(pk) for begin, (_, pk) in ahead.items()}
        chosen |= {begin: None for begin, place in steps.items() if place == known[begin].place}
        ahead = {
            begin: place for begin, place in steps.items() if place and place > known[begin].place
        }
    chosen |= dict.fromkeys(ahead)
    return {each.pk: place[1] if (place := chosen.get(each.pk)) else None for each in messages}


def _look_up(pages: Mapping[int, Message], known: Mapping[int, Named]) -> dict[int, _Place | None]:
    """Return the places of the parents of `known`.

    One query, and a second for those whose likeliest parent is not there: References of a long
    thread name twenty others each.
    """
    likeliest = {pk: replace(each, named=each.named[:1]) for pk, each in known.items()}
    found = _parents_among(pages, likeliest)
    rest = {pk: each for pk, each in known.items() if found[pk] is None and len(each.named) > 1}
    return found | _parents_among(pages, rest) if rest else found


def _parents_among(
    pages: Mapping[int, Message], known: Mapping[int, Named]
) -> dict[int, _Place | None]:
    """Return the parents of `known` by all of their names (one query)."""
    digests = {message_id_digest(name) for each in known.values() for name in each.named}
    # By the index of digests: that of threads leads to ten thousand messages of a long one.
    found = EmailMessagePage.objects.alias(own_thread=unindexed("thread")).filter(
        own_thread__in={pages[pk].thread_id for pk in known},
        message_id_digest__in=digests,
    )
    columns = found.order_by("sorted_at", "pk").values_list(
        "thread_id", "message_id", "sorted_at", "pk"
    )
    by_name: defaultdict[int | None, defaultdict[str, list[_Place]]]
    by_name = defaultdict(lambda: defaultdict(list))
    for thread_id, name, moment, pk in columns[:_NAMESAKES]:
        by_name[thread_id][name].append((moment, pk))
    return {pk: each.parent(by_name[pages[pk].thread_id]) for pk, each in known.items()}
