"""UIDs as IMAP writes them."""

from __future__ import annotations

import random

import pytest

from wagtail_mailarchive.sources.uid_sets import uid_sets


@pytest.mark.parametrize(
    ("uids", "written"),
    [
        ([], []),
        ([7], ["7"]),
        ([1, 2, 3], ["1:3"]),
        ([3, 1, 2, 2, 7, 9, 10], ["1:3,7,9", "10"]),
        (list(range(1, 13)), ["1:5", "6:10", "11:12"]),
        ([1, 3, 5, 7, 9, 11], ["1,3,5,7,9", "11"]),
        ([1, 2, 3, 4, 8, 9, 10], ["1:4,8", "9:10"]),
    ],
)
def test_runs_are_written_short_and_sets_are_bounded(uids: list[int], written: list[str]) -> None:
    assert [text for text, _ in uid_sets(uids, 5)] == written


def test_sets_cover_exactly_the_uids_in_short_lines() -> None:
    uids = random.Random(7).sample(range(1, 2**32), 9_000)
    sets = list(uid_sets(uids, 5_000))
    assert [uid for _, members in sets for uid in members] == sorted(uids)
    assert all(len(text) <= 7_500 for text, _ in sets)
    assert all(len(members) <= 5_000 for _, members in sets)
