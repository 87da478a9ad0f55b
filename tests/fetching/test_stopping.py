"""Whoever stops the fetch waits for no server, and learns the real reason."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Self

import pytest

from wagtail_mailarchive.exceptions import ConnectionDropped
from wagtail_mailarchive.fetching import batches, pipeline
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.sources.base import FetchedMessage, RemoteMessage
from wagtail_mailarchive.sources.imap import ImapSource


class Stalling(ImapSource):
    """Gives its first message at once and then says nothing until it is interrupted."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()
        self.asked: list[int] = []

    def __enter__(self) -> Self:
        return self

    def describe(self, uids: Sequence[int]) -> list[RemoteMessage]:
        return [RemoteMessage(uid, batches.HUGE, None) for uid in uids]

    def fetch_large(self, uid: int) -> FetchedMessage | None:
        self.asked.append(uid)
        if len(self.asked) > 1 and self.interrupted.wait(30):
            raise ConnectionDropped(host="nowhere")
        return FetchedMessage(uid, None, [b"Subject: x\r\n\r\nhi"])

    def interrupt(self) -> None:
        self.interrupted.set()


class Ended(SystemExit):
    """What a queue's time limit raises from its signal."""


@pytest.fixture
def alarms() -> Iterator[None]:
    def ring(*args: object) -> None:
        raise Ended

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def nothing() -> None:
    """Renew no lease."""


def read_until_it_rings(source: Stalling, again: float) -> None:
    with ParserProcess() as parser:
        coming = pipeline.batches(source, parser, [1, 2, 3], max_size=10**9, renew=nothing)
        with closing(coming):
            for _ in coming:
                signal.setitimer(signal.ITIMER_REAL, 0.5, again)


@pytest.mark.parametrize("again", [0.0, 0.05])
def test_a_signal_ends_the_wait_for_the_server_and_stays_the_reason(
    again: float, alarms: None
) -> None:
    source = Stalling()
    started = time.monotonic()
    with pytest.raises(Ended):
        read_until_it_rings(source, again)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert source.interrupted.is_set()
    deadline = time.monotonic() + 10
    while any(each.name == "mailarchive-ahead" for each in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert time.monotonic() - started < 20
    assert source.asked == [1, 2]


def test_one_huge_message_at_a_time_is_in_memory() -> None:
    source = Stalling()
    source.asked.clear()
    with ParserProcess() as parser:
        coming = pipeline.batches(source, parser, [1, 2, 3], max_size=10**9, renew=nothing)
        with closing(coming):
            next(coming)
            time.sleep(0.3)
            assert source.asked == [1]
