"""Which message a message of a thread answers.

In-Reply-To counts first, then References from the last to the first; of messages that share a
Message-ID, the first. Where messages answer each other in a circle, the earliest of them begins:
following parents always comes to an end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from django.db import connection

from ..models import EmailMessagePage
from ..models.raw_values import from_database
from ..models.reference import message_id_digest
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
# In SQL, because Django takes several times as long to write it as a database to answer it. By the
# index of digests: that of threads, which finds no sum, leads to ten thousand messages of a long
# one.
_NAMED: Final = f"""
SELECT thread_id, message_id, sorted_at, page_ptr_id FROM {EmailMessagePage._meta.db_table}
WHERE thread_id + 0 IN ({{threads}}) AND message_id_digest IN ({{digests}})
ORDER BY sorted_at, page_ptr_id LIMIT %s
"""  # noqa: S608 (the table's name is ours)


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
        pk, message_id, in_reply_to, references, sorted_at = (values[name] for name in FIELDS)
        return cls._of(message_id, in_reply_to, references, (sorted_at, pk))

    @classmethod
    def of_message(cls, message: Message) -> Named:
        place = message.sorted_at, message.pk
        return cls._of(message.message_id, message.in_reply_to, message.references, place)

    @classmethod
    def _of(
        cls, message_id: str, in_reply_to: Sequence[str], references: Sequence[str], place: _Place
    ) -> Named:
        answered = reply_to(message_id, in_reply_to)
        counted = counted_references(message_id, in_reply_to, references)[::-1]
        named = dict.fromkeys([answered, *counted] if answered else counted)
        return cls(message_id, list(named), place)

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
    threads = {pages[pk].thread_id for pk in known}
    digests = {message_id_digest(name) for each in known.values() for name in each.named}
    by_name: defaultdict[int | None, defaultdict[str, list[_Place]]]
    by_name = defaultdict(lambda: defaultdict(list))
    if digests:
        places = {"threads": _places(threads), "digests": _places(digests)}
        with connection.cursor() as cursor:
            cursor.execute(_NAMED.format(**places), [*threads, *digests, _NAMESAKES])
            for thread_id, name, moment, pk in cursor.fetchall():
                by_name[thread_id][name].append((from_database(moment), pk))
    return {pk: each.parent(by_name[pages[pk].thread_id]) for pk, each in known.items()}


def _places(values: Collection[Any]) -> str:
    return ", ".join(["%s"] * len(values))
