"""A stage works one item ahead, hands its errors on, and stops when nobody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from wagtail_mailarchive.fetching.ahead import ahead


def nothing() -> None:
    """Idle."""


def alive() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "mailarchive-ahead"]


def test_items_come_in_order() -> None:
    assert list(ahead(iter(range(50)), idle=nothing, every=1, wake=nothing)) == list(range(50))
    assert alive() == []


def test_the_next_item_is_made_while_this_one_is_used() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for n in range(10):
            made.append(n)
            yield n

    with closing(ahead(items(), idle=nothing, every=1, wake=nothing)) as stage:
        assert next(stage) == 0
        deadline = time.monotonic() + 5
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        # One in use, one waiting, one in the making; not more, for memory's sake.
        time.sleep(0.1)
        assert made == [0, 1, 2]
    assert alive() == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    stage = ahead(items(), idle=nothing, every=1, wake=nothing)
    assert next(stage) == 1
    with pytest.raises(ZeroDivisionError):
        next(stage)
    assert alive() == []


def test_idle_is_called_while_waiting_and_may_stop_the_wait() -> None:
    release = threading.Event()

    def items() -> Iterator[int]:
        release.wait(5)
        yield 1

    calls: list[int] = []

    def idle() -> None:
        calls.append(1)
        if len(calls) == 3:
            release.set()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        next(ahead(items(), idle=idle, every=0.01, wake=release.set))
    assert len(calls) == 3
    assert alive() == []


def test_closing_ends_the_thread_although_items_are_left() -> None:
    stage = ahead(iter(range(1000)), idle=nothing, every=1, wake=nothing)
    next(stage)
    stage.close()
    assert alive() == []
