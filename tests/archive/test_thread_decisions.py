"""Managers merge and split threads, and neither later mail nor reading again undoes that."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st
from wagtail.models import PageLogEntry

from tests import factories
from wagtail_mailarchive.archive import thread_decisions, thread_division
from wagtail_mailarchive.archive.reprocessing import reprocess
from wagtail_mailarchive.exceptions import NothingToSplit, ThreadsApart
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    Thread,
    ThreadDecision,
)

from .test_again import Parser
from .test_threads import (
    Partition,
    Said,
    arrive,
    claimed,
    components,
    conversations,
    joined,
    partition,
    shuffled,
    together,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def user() -> User:
    return factories.superuser()


def page(key: int) -> EmailMessagePage:
    found: EmailMessagePage = EmailMessagePage.objects.get(pk=key)
    return found


def thread(key: int) -> Thread:
    return Thread.objects.get(messages=key)


def parts(*groups: Sequence[int]) -> Partition:
    return {frozenset(each) for each in groups}


# A message, its answer, the answer to that, and another answer to the first.
CONVERSATION = (
    Said("a"),
    Said("b", ["a"], ["a"], minute=1),
    Said("c", ["b"], ["a", "b"], minute=2),
    Said("d", ["a"], ["a"], minute=3),
)


def test_two_threads_become_one_and_two_again(folder: EmailFolderPage, user: User) -> None:
    keys = arrive(folder, *CONVERSATION, Said("x", topic="other", minute=9))
    larger, smaller = thread(keys[0]), thread(keys[4])

    decision = thread_decisions.merge(smaller, larger, user)

    assert partition(keys) == together(5)
    assert decision.message.thread == larger
    assert thread(keys[0]).message_count == 5
    assert not Thread.objects.filter(pk=smaller.pk).exists()
    # What answers either comes to both.
    keys += arrive(folder, Said("y", ["x"], topic="else"), Said("e", ["d"]))
    assert partition(keys) == together(7)

    thread_decisions.undo(decision, user)

    assert partition(keys) == parts([0, 1, 2, 3, 6], [4, 5])
    assert thread(keys[0]).pk == larger.pk
    assert [thread(keys[0]).message_count, thread(keys[4]).message_count] == [5, 2]


def test_a_message_and_its_answers_leave_their_thread_and_come_back(
    folder: EmailFolderPage, user: User
) -> None:
    keys = arrive(folder, *CONVERSATION)
    before = thread(keys[0])

    decision = thread_decisions.split(page(keys[1]), user)

    assert partition(keys) == parts([0, 3], [1, 2])
    assert thread(keys[0]).pk == before.pk
    assert decision.message.thread == thread(keys[2])
    assert thread(keys[2]).message_count == 2

    thread_decisions.undo(decision, user)

    assert partition(keys) == together(4)
    assert Thread.objects.get(folder=folder).pk == before.pk
    assert not Thread.objects.get(folder=folder).is_divided


def test_later_mail_goes_to_the_thread_of_what_it_answers(
    folder: EmailFolderPage, user: User
) -> None:
    keys = arrive(folder, *CONVERSATION)
    thread_decisions.split(page(keys[1]), user)
    keys += arrive(folder, Said("e", ["c"], ["a", "b", "c"]), Said("f", ["d"], ["a", "d"]))
    assert partition(keys) == parts([0, 3, 5], [1, 2, 4])
    # The answer comes before what it answers, and names nothing that was split off.
    keys += arrive(folder, Said("h", ["g"], ["a", "g"]))
    assert partition(keys) == parts([0, 3, 5, 6], [1, 2, 4])
    keys += arrive(folder, Said("g", ["e"], ["e"]))
    assert partition(keys) == parts([0, 3, 5], [1, 2, 4, 6, 7])


def test_a_split_concerns_no_thread_that_names_its_message_under_another_subject(
    folder: EmailFolderPage, user: User
) -> None:
    keys = arrive(
        folder,
        Said("e", topic="two"),
        Said("f", ["e"], topic="two", minute=1),
        Said("x", [], ["a"], topic="one", minute=2),
        Said("y", [], ["a", "f"], topic="one", minute=3),
    )
    assert partition(keys) == parts([0, 1], [2, 3])
    thread_decisions.split(page(keys[1]), user)
    assert partition(keys) == parts([0], [1], [2, 3])


def test_a_thread_that_another_joins_stays_split(folder: EmailFolderPage, user: User) -> None:
    keys = arrive(folder, *CONVERSATION, Said("x", ["w"], topic="x"), Said("y", ["x"], topic="x"))
    split = thread_decisions.split(page(keys[1]), user)
    keys += arrive(folder, Said("w", ["d"], topic="w"))
    assert partition(keys) == parts([0, 3, 4, 5, 6], [1, 2])
    thread_decisions.undo(split, user)
    assert partition(keys) == together(7)


def test_what_was_split_off_can_be_merged_with_another_thread(
    folder: EmailFolderPage, user: User
) -> None:
    keys = arrive(folder, *CONVERSATION, Said("x", topic="other"), Said("y", ["x"]))
    split = thread_decisions.split(page(keys[1]), user)
    merge = thread_decisions.merge(thread(keys[1]), thread(keys[4]), user)
    assert partition(keys) == parts([0, 3], [1, 2, 4, 5])
    keys += arrive(folder, Said("z", ["y"], topic="z"), Said("e", ["d"], topic="e"))
    assert partition(keys) == parts([0, 3, 7], [1, 2, 4, 5, 6])
    thread_decisions.undo(split, user)
    assert partition(keys) == together(8)
    thread_decisions.undo(merge, user)
    assert partition(keys) == parts([0, 1, 2, 3, 7], [4, 5, 6])


def test_the_later_decision_counts(folder: EmailFolderPage, user: User) -> None:
    keys = arrive(folder, *CONVERSATION)
    thread_decisions.split(page(keys[1]), user)
    thread_decisions.merge(thread(keys[0]), thread(keys[1]), user)
    assert partition(keys) == together(4)
    thread_decisions.split(page(keys[1]), user)
    assert partition(keys) == parts([0, 3], [1, 2])


def test_decisions_survive_reading_again(folder: EmailFolderPage, user: User) -> None:
    keys = arrive(folder, *CONVERSATION, Said("x", topic="other"))
    thread_decisions.split(page(keys[1]), user)
    thread_decisions.merge(thread(keys[3]), thread(keys[4]), user)
    wanted = parts([0, 3, 4], [1, 2])
    assert partition(keys) == wanted
    before = {thread(key).pk for key in keys}
    Thread.objects.update(decided_by=0)
    said = dict(zip(keys, (*CONVERSATION, Said("x", topic="other")), strict=True))
    for key in keys:
        told = said[key].parsed()
        reprocess([key], parser=Parser(lambda parsed, told=told: told))  # type: ignore[misc]
    assert partition(keys) == wanted
    assert {thread(key).pk for key in keys} == before


def test_where_nothing_would_be_decided_nothing_is_kept(
    folder: EmailFolderPage, user: User
) -> None:
    keys = arrive(folder, *CONVERSATION)
    elsewhere = arrive(factories.folder(), Said("a"))
    with pytest.raises(NothingToSplit):
        thread_decisions.split(page(keys[0]), user)
    for other in (thread(keys[1]), thread(elsewhere[0])):
        with pytest.raises(ThreadsApart):
            thread_decisions.merge(thread(keys[0]), other, user)
    assert not ThreadDecision.objects.exists()
    assert partition([*keys, *elsewhere]) == parts([0, 1, 2, 3], [4])


def test_the_folders_history_says_who_decided(folder: EmailFolderPage, user: User) -> None:
    keys = arrive(folder, *CONVERSATION)
    decision = thread_decisions.split(page(keys[1]), user)
    assert list(thread_decisions.decisions(folder.pk)) == [decision]
    thread_decisions.undo(decision, user)
    thread_decisions.undo(decision, user)
    assert not thread_decisions.decisions(folder.pk).exists()
    entries = PageLogEntry.objects.filter(page=folder.pk, user=user).order_by("pk")
    assert list(entries.values_list("action", flat=True)) == [
        "mailarchive.split_thread",
        "mailarchive.undo_thread_decision",
    ]
    assert str(entries[0].formatter.format_message(entries[0])) == "Thread split"


# -- any decisions, in any order -------------------------------------------------------------


def parents_of(
    messages: Sequence[Said], place: Sequence[tuple[int, int]], clusters: Partition
) -> list[int | None]:
    """Return what each message answers in its cluster, circles cut at their earliest message."""
    order = sorted(range(len(messages)), key=place.__getitem__)
    cluster_of = {number: cluster for cluster in clusters for number in cluster}
    parents: list[int | None] = []
    for number, message in enumerate(messages):
        answered, counted = claimed(message)
        named = [answered, *(name for name in reversed(message.references) if name in counted)]
        found = (
            other
            for name in named
            for other in order
            if name
            and messages[other].name == name
            and other != number
            and name != message.name
            and other in cluster_of[number]
        )
        parents.append(next(found, None))
    for number in order:
        way = [number]
        while (above := parents[way[-1]]) is not None and above not in way:
            way.append(above)
        if above == number and min(way, key=place.__getitem__) == number:
            parents[number] = None
    return parents


def expected(
    messages: Sequence[Said],
    place: Sequence[tuple[int, int]],
    splits: dict[int, int],
    merges: list[tuple[int, int, int]],
) -> Partition:
    pairs = [
        (one, other)
        for one, other in combinations(range(len(messages)), 2)
        if joined(messages[one], messages[other])
    ]
    whole = components(len(messages), [*pairs, *((one, other) for _, one, other in merges)])
    parents = parents_of(messages, place, whole)

    def beginning(number: int | None, after: int) -> int | None:
        while number is not None and splits.get(number, -1) <= after:
            number = parents[number]
        return number

    edges = [pair for pair in pairs if beginning(pair[0], -1) == beginning(pair[1], -1)]
    edges += [
        (one, other)
        for number, one, other in merges
        if beginning(one, number) == beginning(other, number)
    ]
    return components(len(messages), edges)


@shuffled
@given(messages=conversations, data=st.data())
def test_decisions_hold_in_whatever_order_messages_come(
    messages: list[Said], data: st.DataObject
) -> None:
    folder = factories.folder()
    size = len(messages)
    order = data.draw(st.permutations(range(size)))
    number = st.integers(0, max(size - 1, 0))
    wanted = data.draw(st.lists(st.tuples(number, number), max_size=3 if size else 0))
    keys: dict[int, int] = {}
    splits: dict[int, int] = {}
    merges: list[tuple[int, int, int]] = []
    step = 0
    while order:
        batch, order = order[:3], order[3:]
        keys |= zip(batch, arrive(folder, *(messages[each] for each in batch)), strict=True)
        # A pair of the same twice stands for a split.
        for one, other in [pair for pair in wanted if keys.keys() >= set(pair)]:
            wanted.remove((one, other))
            step += 1
            is_split = one == other
            ThreadDecision.objects.create(
                folder=folder,
                kind="split" if is_split else "merge",
                message_id=keys[one],
                other_id=None if is_split else keys[other],
            )
            if is_split:
                splits[one] = step
            else:
                merges.append((step, one, other))
            thread_division.rejoin(folder.pk, {keys[one], keys[other]})
    every = [keys[each] for each in range(size)]
    found = EmailMessagePage.objects.in_bulk(every)
    # Of circles and namesakes the earliest counts.
    places = [(found[key].sorted_at, key) for key in every]
    ranks = [(sorted(places).index(place), 0) for place in places]
    wanted_parts = expected(messages, ranks, splits, merges)
    assert partition(every) == wanted_parts
    thread_division.rejoin(folder.pk, every)
    assert partition(every) == wanted_parts
    counted = Thread.objects.filter(folder=folder).values_list("message_count", flat=True)
    assert sorted(counted) == sorted(len(each) for each in wanted_parts)
