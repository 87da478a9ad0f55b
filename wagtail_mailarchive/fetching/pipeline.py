"""Fetching, parsing and writing side by side.

    server --(thread)--> bytes, hashed and deflated --(thread)--> parsed --> written

The first thread waits for the server, the second for the parser's process, and the caller writes.
Only the caller's thread uses the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from ..archive import originals
from ..archive.originals import PreparedOriginal
from ..archive.writer import Incoming
from ..mime.process import ParserProcess
from ..sources.base import FetchedMessage, RemoteMessage, Source
from .ahead import ahead
from .batches import HUGE

# The lease must be renewed while a slow server keeps us waiting.
_RENEW_EVERY = 20.0


@dataclass(frozen=True, slots=True)
class _Fetched:
    messages: Sequence[FetchedMessage]
    originals: Sequence[PreparedOriginal]


def incoming(
    source: Source,
    parser: ParserProcess,
    batches: Iterable[Sequence[RemoteMessage]],
    *,
    renew: Callable[[], None],
) -> Iterator[list[Incoming]]:
    """Yield each batch read and parsed, while the next ones are on their way.

    Args:
        renew: called now and then while waiting; raises `LeaseLost` to stop.
    """

    def nothing() -> None:
        """The thread in the middle must not touch the database."""

    with (
        closing(ahead(_fetch(source, batches), idle=nothing, every=1.0)) as fetched,
        closing(ahead(_parse(parser, fetched), idle=renew, every=_RENEW_EVERY)) as parsed,
    ):
        yield from parsed


def _fetch(source: Source, batches: Iterable[Sequence[RemoteMessage]]) -> Iterator[_Fetched]:
    for batch in batches:
        messages = _read(source, batch)
        yield _Fetched(messages, [originals.prepare(message.chunks) for message in messages])


def _read(source: Source, batch: Sequence[RemoteMessage]) -> Sequence[FetchedMessage]:
    if len(batch) == 1 and batch[0].size >= HUGE:
        message = source.fetch_large(batch[0].uid)
        return [] if message is None else [message]
    return source.fetch([message.uid for message in batch])


def _parse(parser: ParserProcess, batches: Iterable[_Fetched]) -> Iterator[list[Incoming]]:
    for batch in batches:
        results = parser.parse_many([message.chunks for message in batch.messages])
        yield [
            Incoming(message.uid, message.received_at, original, result)
            for message, original, result in zip(
                batch.messages, batch.originals, results, strict=True
            )
        ]
