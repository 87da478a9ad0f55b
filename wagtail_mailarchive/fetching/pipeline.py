"""Fetching, parsing and writing side by side.

    server --(thread)--> bytes, hashed and deflated --(thread)--> parsed --> written

The first thread waits for the server, the second for the parser's process, and the caller writes.
Only the caller's thread uses the database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from ..archive import originals
from ..archive.originals import PreparedOriginal
from ..archive.writer import Incoming
from ..mime.process import ParserProcess
from ..sources.base import FetchedMessage, RemoteMessage, Source
from .ahead import ahead
from .batches import HUGE, plan
from .lease import RENEW_EVERY

_DESCRIBED = 5_000  # sizes asked for at once


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together.

    Attributes:
        incoming: messages read and parsed.
        too_large: messages left on the server for their size.
    """

    incoming: Sequence[Incoming]
    too_large: Sequence[RemoteMessage]


@dataclass(frozen=True, slots=True)
class _Fetched:
    messages: Sequence[FetchedMessage]
    originals: Sequence[PreparedOriginal]
    too_large: Sequence[RemoteMessage] = ()


def batches(
    source: Source,
    parser: ParserProcess,
    uids: Sequence[int],
    *,
    max_size: int,
    renew: Callable[[], None],
) -> Generator[Batch]:
    """Yield the messages `uids` read and parsed, while the next ones are on their way.

    Until the generator ends or is closed, `source` belongs to its threads.

    Args:
        max_size: bytes; larger messages are not read.
        renew: called now and then while waiting; raises `LeaseLost` to stop.
    """
    with (
        closing(ahead(_fetch(source, uids, max_size), idle=_nothing, every=1.0)) as fetched,
        closing(ahead(_parse(parser, fetched), idle=renew, every=RENEW_EVERY)) as parsed,
    ):
        yield from parsed


def _nothing() -> None:
    """The thread in the middle must not touch the database."""


def _fetch(source: Source, uids: Sequence[int], max_size: int) -> Iterator[_Fetched]:
    for start in range(0, len(uids), _DESCRIBED):
        described = source.describe(uids[start : start + _DESCRIBED])
        too_large = [message for message in described if message.size > max_size]
        if too_large:
            yield _Fetched([], [], too_large)
        for batch in plan(message for message in described if message.size <= max_size):
            messages = _read(source, batch)
            yield _Fetched(messages, [originals.prepare(message.chunks) for message in messages])


def _read(source: Source, batch: Sequence[RemoteMessage]) -> Sequence[FetchedMessage]:
    if len(batch) == 1 and batch[0].size >= HUGE:
        message = source.fetch_large(batch[0].uid)
        return [] if message is None else [message]
    return source.fetch([message.uid for message in batch])


def _parse(parser: ParserProcess, fetched: Iterable[_Fetched]) -> Iterator[Batch]:
    for each in fetched:
        results = parser.parse_many([message.chunks for message in each.messages])
        yield Batch(
            [
                Incoming(message.uid, message.received_at, original, result)
                for message, original, result in zip(
                    each.messages, each.originals, results, strict=True
                )
            ],
            each.too_large,
        )
