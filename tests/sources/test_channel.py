"""Texts that a lone dot ends, however the network cuts them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wagtail_mailarchive.exceptions import ConnectionDropped, ProtocolError
from wagtail_mailarchive.sources.channel import Bounds, Channel
from wagtail_mailarchive.sources.deadline import Deadline, Timeouts

TEXTS = [
    (b"", b""),
    (b"\r\n", b"\r\n"),
    (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
    (b"..\r\n", b".\r\n"),
    (b"...\r\n..\r\n", b"..\r\n.\r\n"),
    (b"a\r\n..b\r\n...c\r\nd..e\r\n", b"a\r\n.b\r\n..c\r\nd..e\r\n"),
    (b"..first\r\n", b".first\r\n"),
    (b"bare\nline\n.\nfeeds\n..\n\r\n", b"bare\nline\n.\nfeeds\n..\n\r\n"),
    (b"bare\rreturns\r.\r..\r\r\n", b"bare\rreturns\r.\r..\r\r\n"),
    (b"a dot not put before\r\n.x\r\n", b"a dot not put before\r\n.x\r\n"),
    (b"\r\r\n\r\r\n", b"\r\r\n\r\r\n"),
    (b"\xff\x00.\r\n\x80\r\n", b"\xff\x00.\r\n\x80\r\n"),
]
NEXT = b"+OK next\r\n"


@contextmanager
def sent(*pieces: bytes, bounds: Bounds | None = None) -> Iterator[Channel]:
    """Give a channel that receives `pieces` one by one."""
    ours, theirs = socket.socketpair()
    received = threading.Semaphore(0)

    def send() -> None:
        for piece in pieces:
            theirs.sendall(piece)
            received.acquire(timeout=0.02)
        theirs.shutdown(socket.SHUT_WR)

    channel = Channel(ours, "mail.example", Timeouts(), bounds or Bounds(), Deadline(30))
    receive = channel.receive_into

    def one_by_one(buffer: bytearray) -> int:
        size = receive(buffer)
        received.release()
        return size

    channel.receive_into = one_by_one  # type: ignore[method-assign, assignment]
    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield channel
    finally:
        ours.close()
        thread.join()
        theirs.close()


@pytest.mark.parametrize(("stuffed", "text"), TEXTS)
def test_a_text_is_what_it_was_before_dots_were_put_before_dots(
    stuffed: bytes, text: bytes
) -> None:
    with sent(stuffed + b".\r\n" + NEXT) as channel:
        assert b"".join(channel.read_text(1000, 1000)) == text
        assert channel.readline() == NEXT


@pytest.mark.parametrize(("stuffed", "text"), [each for each in TEXTS if len(each[0]) < 25])
def test_a_text_may_be_cut_anywhere(stuffed: bytes, text: bytes) -> None:
    wire = stuffed + b".\r\n" + NEXT
    for cut in range(1, len(wire)):
        with sent(wire[:cut], wire[cut:]) as channel:
            assert b"".join(channel.read_text(1000, 1000)) == text
            assert channel.readline() == NEXT


def test_a_text_may_come_byte_by_byte() -> None:
    wire = b"..\r\na\r\n...b\r\n\r\n.\r\n" + NEXT
    with sent(*(wire[n : n + 1] for n in range(len(wire)))) as channel:
        assert b"".join(channel.read_text(1000, 1000)) == b".\r\na\r\n..b\r\n\r\n"
        assert channel.readline() == NEXT


def test_a_long_text_comes_in_pieces() -> None:
    lines = b"..0123456789\r\n" * 50_000
    with sent(lines + b".\r\n" + NEXT) as channel:
        pieces = list(channel.read_text(len(lines), 262_144))
        assert channel.readline() == NEXT
    assert len(pieces) > 2
    assert all(0 < len(piece) <= 262_144 for piece in pieces)
    assert b"".join(pieces) == b".0123456789\r\n" * 50_000


def test_a_text_longer_than_allowed_is_refused() -> None:
    text = b"x" * 98 + b"\r\n"
    with sent(text + b".\r\n") as channel:
        assert b"".join(channel.read_text(len(text), 1000)) == text
    with sent(text + b".\r\n") as channel, pytest.raises(ProtocolError):
        list(channel.read_text(len(text) - 1, 1000))


@pytest.mark.parametrize(
    "cut", [b"", b"half", b"half\r\n", b"half\r\n.", b"half\r\n.\r", b"a\n.\n"]
)
def test_a_text_without_an_end(cut: bytes) -> None:
    with sent(cut) as channel, pytest.raises(ConnectionDropped):
        list(channel.read_text(1000, 1000))


def test_lines_of_a_text_count_for_what_they_cost_in_memory() -> None:
    bounds = Bounds(literal=10_000, literals=10_000)
    with sent(b"1 1\r\n2 22\r\n\r\n.\r\n", bounds=bounds) as channel:
        assert channel.read_lines() == [b"1 1", b"2 22", b""]
    with sent(b"\r\n" * 200 + b".\r\n", bounds=bounds) as channel, pytest.raises(ProtocolError):
        channel.read_lines()
