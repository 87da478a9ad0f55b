"""Batches are bounded by number and bytes; a huge message comes alone."""

from __future__ import annotations

from wagtail_mailarchive.fetching.batches import HUGE, MAX_BYTES, MAX_MESSAGES, plan
from wagtail_mailarchive.sources.base import RemoteMessage


def sizes(*given: int) -> list[list[int]]:
    messages = [RemoteMessage(uid, size, None) for uid, size in enumerate(given, 1)]
    batches = list(plan(messages))
    assert [message for batch in batches for message in batch] == messages
    return [[message.size for message in batch] for batch in batches]


def test_at_most_two_hundred_messages() -> None:
    assert [len(batch) for batch in sizes(*[10] * 450)] == [MAX_MESSAGES, MAX_MESSAGES, 50]


def test_at_most_sixteen_mebibytes() -> None:
    for batch in sizes(*[3_000_000] * 20):
        assert sum(batch) <= MAX_BYTES


def test_a_huge_message_comes_alone_and_in_its_place() -> None:
    assert sizes(1, HUGE, 2, 3) == [[1], [HUGE], [2, 3]]
    assert sizes(HUGE, HUGE + 1) == [[HUGE], [HUGE + 1]]


def test_nothing_makes_no_batch() -> None:
    assert sizes() == []
