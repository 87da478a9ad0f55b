"""Working ahead: one stage of the fetch runs in a thread while the next one uses its result."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


class _End:
    """What the thread sends last: nothing more, or the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(
    items: Iterable[T], *, idle: Callable[[], None], every: float, wake: Callable[[], None]
) -> Generator[T]:
    """Yield `items`, of which the next is made in a thread while the caller uses this one.

    At most one finished item waits, so memory holds at most three: one in the making, one
    waiting, one in use. An error of `items` is raised here, after the items before it. A
    generator of items is closed in the thread, never from outside.

    Args:
        idle: called in the caller's thread whenever nothing came for `every` seconds.
        wake: called when this ends before `items` does; has to make the thread's present wait
            fail, because its end is awaited.
    """
    channel: queue.Queue[T | _End] = queue.Queue(maxsize=1)
    stopped = threading.Event()
    ended = False

    def send(item: T | _End) -> None:
        while not stopped.is_set():
            try:
                channel.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                send(item)
                if stopped.is_set():
                    break
            if isinstance(items, Generator):
                items.close()
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            send(_End(error))
        else:
            send(_End())

    thread = threading.Thread(target=make, name="mailarchive-ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = channel.get(timeout=every)
            except queue.Empty:
                idle()
                continue
            if isinstance(item, _End):
                ended = True
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        if not ended:
            wake()
        thread.join()


def meanwhile(
    make: Callable[[], T], *, idle: Callable[[], None], every: float, wake: Callable[[], None]
) -> T:
    """Return what `make` returns, or raise what it raises; `idle` is called while it works."""

    def only() -> Generator[T]:
        yield make()

    [made] = ahead(only(), idle=idle, every=every, wake=wake)
    return made
