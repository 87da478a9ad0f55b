"""Fetching, parsing and writing side by side.

    server --(thread)--> bytes, hashed and deflated --(thread)--> parsed --> written

The first thread waits for the server, the second for the parser's process, and the caller writes.
Only the caller's thread uses the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby, islice

from ..archive import originals
from ..archive.originals import PreparedOriginal
from ..archive.writer import Incoming
from ..crossings import Crossing, cross
from ..exceptions import SourceError
from ..mime.process import ParserProcess
from ..sources.base import FetchedMessage, RemoteHeader, RemoteMessage, Source
from .ahead import ahead
from .batches import HUGE, LARGEST_WANTED, plan
from .lease import RENEW_EVERY

_DESCRIBED = 1_000  # sizes asked for at once
_HEADERS = 100  # asked for at once; one may have 64 KiB
_LOOK_EVERY = 0.5  # seconds between two looks at whether all this is still wanted


class ReadingFailed(Exception):
    """The server failed while these messages were read; those before them have been yielded.

    Attributes:
        alone: whether it was asked for nothing else.
    """

    def __init__(self, uids: Sequence[int], error: SourceError, *, alone: bool) -> None:
        super().__init__(str(error))
        self.uids = uids
        self.error = error
        self.alone = alone


class _Stopped(Exception):
    """Nobody wants the rest; ends the threads."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together.

    Attributes:
        incoming: messages read and parsed.
        too_large: messages left on the server for their size, with the beginning of their headers
            if the server gave it.
        missing: UIDs that the server was asked for and said nothing of.
        is_alone: whether the server was asked for one message only.
        is_huge: whether it is one message that is large in memory.
    """

    incoming: Sequence[Incoming]
    too_large: Sequence[RemoteHeader] = ()
    missing: Sequence[int] = ()
    is_alone: bool = False
    is_huge: bool = False


@dataclass(frozen=True, slots=True)
class _Fetched:
    messages: Sequence[FetchedMessage] = ()
    originals: Sequence[PreparedOriginal] = ()
    too_large: Sequence[RemoteHeader] = ()
    missing: Sequence[int] = ()
    is_alone: bool = False
    is_huge: bool = False


def batches(
    source: Source,
    parser: ParserProcess,
    uids: Sequence[int],
    *,
    alone: Collection[int] = frozenset(),
    wanted: Collection[int] = frozenset(),
    max_size: int,
    renew: Callable[[], None],
    is_over: Callable[[], bool] = lambda: False,
) -> Generator[Batch]:
    """Yield the messages `uids` read and parsed, while the next ones are on their way.

    Until the generator ends or is closed, `source` belongs to its threads; closed early, it
    interrupts `source`, which cannot be used any more.

    Args:
        alone: those of `uids` to be asked for one by one and in pieces.
        wanted: those of `uids` to be read up to `LARGEST_WANTED` although they are larger.
        max_size: bytes; larger messages are not read.
        renew: called now and then while waiting; raises `LeaseLost` to stop.
        is_over: asked before each reading but the first; what is read already still comes.

    Raises:
        ReadingFailed: after the batches before those messages.
    """
    stop = threading.Event()
    reader = _Reader(source, frozenset(alone), frozenset(wanted), max_size, is_over, stop)

    def wake() -> None:
        stop.set()
        source.interrupt()

    items = _parse(parser, reader.read(uids), stop)
    with closing(ahead(items, idle=renew, every=RENEW_EVERY, wake=wake)) as parsed:
        for batch in parsed:
            yield batch
            if batch.is_huge:
                reader.room_for_huge.set()


class _Reader:
    """The first thread: asks the server, hashes and deflates."""

    def __init__(
        self,
        source: Source,
        alone: frozenset[int],
        wanted: frozenset[int],
        max_size: int,
        is_over: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        self._source = source
        self._alone = alone
        self._wanted = wanted
        self._max_size = max_size
        self._is_over = is_over
        self._stop = stop
        # One huge message at a time: three of them would need the memory of three.
        self.room_for_huge = threading.Event()
        self.room_for_huge.set()

    def read(self, uids: Sequence[int]) -> Generator[_Fetched]:
        is_first = True
        for portion, alone in _portions(uids, self._alone):
            if not is_first and self._is_over():
                return
            with _blaming(portion, alone=alone):
                described = self._source.describe(portion)
                cross(Crossing.DESCRIBED)
            too_large = [each for each in described if each.size > self._limit_of(each)]
            missing = sorted(set(portion) - {each.uid for each in described})
            if missing:
                yield _Fetched(missing=missing, is_alone=alone)
                is_first = False
            for start in range(0, len(too_large), _HEADERS):
                some = too_large[start : start + _HEADERS]
                yield _Fetched(too_large=self._with_headers(some, alone=alone), is_alone=alone)
                is_first = False
            for batch in plan(each for each in described if each.size <= self._limit_of(each)):
                if not is_first and self._is_over():
                    return
                yield self._fetch(batch, alone=alone)
                is_first = False

    def _limit_of(self, message: RemoteMessage) -> int:
        if message.uid in self._wanted:
            return max(self._max_size, LARGEST_WANTED)
        return self._max_size

    def _with_headers(
        self, messages: Sequence[RemoteMessage], *, alone: bool
    ) -> Sequence[RemoteHeader]:
        headers: dict[int, bytes] = {}
        # At one that is asked for alone the server has failed before, perhaps at this.
        if not alone:
            uids = [each.uid for each in messages]
            with _blaming(uids, alone=len(uids) == 1):
                headers = {each.uid: each.header for each in self._source.headers(uids)}
                cross(Crossing.HEADERS_READ)
        return [
            RemoteHeader(each.uid, each.size, each.received_at, headers.get(each.uid, b""))
            for each in messages
        ]

    def _fetch(self, batch: Sequence[RemoteMessage], *, alone: bool) -> _Fetched:
        uids = [each.uid for each in batch]
        is_alone = alone or len(uids) == 1
        is_huge = batch[0].size >= HUGE
        if is_huge:
            self._await_room()
        with _blaming(uids, alone=is_alone):
            if alone or is_huge:
                one = self._source.fetch_large(uids[0])
                messages = [] if one is None else [one]
            else:
                messages = self._source.fetch(uids)
            cross(Crossing.FETCHED)
        missing = sorted(set(uids) - {each.uid for each in messages})
        prepared = [originals.prepare(each.chunks) for each in messages]
        cross(Crossing.PREPARED)
        return _Fetched(messages, prepared, missing=missing, is_alone=is_alone, is_huge=is_huge)

    def _await_room(self) -> None:
        while not self.room_for_huge.wait(_LOOK_EVERY):
            if self._stop.is_set():
                raise _Stopped
        self.room_for_huge.clear()


@contextmanager
def _blaming(uids: Sequence[int], *, alone: bool) -> Iterator[None]:
    try:
        yield
    except SourceError as error:
        raise ReadingFailed(uids, error, alone=alone) from None


def _portions(uids: Sequence[int], alone: frozenset[int]) -> Iterator[tuple[list[int], bool]]:
    """Yield `uids` in order, in portions to be described at once, and whether it is only one."""
    for is_alone, group in groupby(uids, key=alone.__contains__):
        members = iter(group)
        while portion := list(islice(members, 1 if is_alone else _DESCRIBED)):
            yield portion, is_alone


def _parse(
    parser: ParserProcess, items: Generator[_Fetched], stop: threading.Event
) -> Generator[Batch]:
    """The second thread."""

    def unless_stopped() -> None:
        if stop.is_set():
            raise _Stopped

    # Whoever stops has interrupted the source already.
    with closing(ahead(items, idle=unless_stopped, every=_LOOK_EVERY, wake=stop.set)) as fetched:
        for each in fetched:
            incoming = []
            results = parser.parse_many([one.chunks for one in each.messages])
            for message, original, result in zip(
                each.messages, each.originals, results, strict=True
            ):
                unless_stopped()
                incoming.append(
                    Incoming(
                        message.uid, message.received_at, original, result, message.source_thread
                    )
                )
            cross(Crossing.PARSED)
            yield Batch(incoming, each.too_large, each.missing, each.is_alone, each.is_huge)
