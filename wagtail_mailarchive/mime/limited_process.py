"""A process for hostile input: deadlines, limits, and a new process when one dies.

One item can never harm another: a process that hangs, dies or talks nonsense is killed, the
item it was at gets an error, and a new process goes on with the next.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..exceptions import (
    MessageError,
    ParserCrashed,
    ParserFailed,
    ParserTimedOut,
    ParserUnavailable,
)
from . import limits
from .worker import GREETING, LENGTH_BYTES, UNCAUGHT

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_READ_BYTES = 256 * 1024
# For starting only; a machine under load takes a second.
_START_SECONDS = 60
_NOTHING = memoryview(b"")

T = TypeVar("T")
# What an answer says of an item of that many bytes; ValueError for what our worker does not say.
Read = Callable[[bytes, int], T]


class LimitedProcess(Generic[T]):
    """Has items of bytes answered in a process of its own, started when first needed.

    Use it as a context manager, from one thread. It works where multiprocessing does not (the
    task queue's workers are daemonic) and leaves no process behind, however its owner ends.
    """

    def __init__(self, command: Sequence[str], read: Read[T], *, seconds: float) -> None:
        """
        Args:
            command: what to run: a module that calls `worker.serve`.
            read: what reads its answers.
            seconds: wall time one item may take.
        """
        self.seconds = seconds
        self.command = command
        self._read = read
        self._child: _Child[T] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mail-parser")
        self._running: Future[None] | None = None
        self._cancelled = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, in the middle of an item if need be."""
        self._cancel()
        self._drop_child()
        self._pool.shutdown()

    def run(self, items: Sequence[Sequence[bytes]]) -> Iterator[T | MessageError]:
        """Work on items while the caller does something else; yield results in their order.

        Work starts at once, not when the first result is asked for. A call cancels what an
        earlier one has not finished.
        """
        self._cancel()
        self._cancelled.clear()
        results: SimpleQueue[T | MessageError | None] = SimpleQueue()
        self._running = running = self._pool.submit(self._work, items, results)
        # None wakes the reader when the thread has failed.
        running.add_done_callback(lambda _: results.put(None))
        return self._collected(results, running, len(items))

    def _collected(
        self, results: SimpleQueue[T | MessageError | None], running: Future[None], count: int
    ) -> Iterator[T | MessageError]:
        for _ in range(count):
            result = results.get()
            if result is None:
                running.result()  # raises what went wrong, e.g. no process can be started
                raise RuntimeError("These results were cancelled by a later call.")
            yield result
        # The thread is about to end; a next call must not take it for unfinished work.
        running.result()

    def _cancel(self) -> None:
        if self._running and not self._running.done():
            self._cancelled.set()
            if child := self._child:
                child.process.kill()  # its pipes are closed by the thread that reads them
            self._running.exception()  # waits for the thread

    def _work(
        self, items: Sequence[Sequence[bytes]], results: SimpleQueue[T | MessageError | None]
    ) -> None:
        """In the thread: send and receive until every item has a result."""
        done = 0
        while done < len(items) and not self._cancelled.is_set():
            if self._child and self._child.process.poll() is not None:
                self._drop_child()  # it died between two batches, of nothing in them
            child = self._child = self._child or _Child(self.command, self._read, self.seconds)
            try:
                for result in child.exchange(items[done:]):
                    results.put(result)
                    done += 1
                    if self._cancelled.is_set():
                        break
            except MessageError as error:
                results.put(error)
                done += 1
                self._drop_child()
        if self._cancelled.is_set():
            self._drop_child()

    def _drop_child(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None


class _Child(Generic[T]):
    """One process and its pipes."""

    def __init__(self, command: Sequence[str], read: Read[T], seconds: float) -> None:
        self.seconds = seconds
        self._read = read
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
        )
        stdin, stdout = self.process.stdin, self.process.stdout
        if not stdin or not stdout:
            raise AssertionError("subprocess.PIPE always makes both")
        self.input, self.output = stdin.fileno(), stdout.fileno()
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)
        self.received = bytearray()
        self._await_greeting()

    def _await_greeting(self) -> None:
        """Tell a process that cannot start from one that an item has killed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ)
            if not selector.select(_START_SECONDS) or os.read(self.output, 1) != GREETING:
                self.kill()
                raise ParserUnavailable(status=self.process.returncode)

    def exchange(self, items: Sequence[Sequence[bytes]]) -> Iterator[T]:
        """Send all items and yield what comes back, one for one.

        Raises:
            MessageError: about the first item without a result; this process is of no more use.
        """
        sizes = [sum(map(len, chunks)) for chunks in items]
        sending = _frames(items, sizes)
        piece = next(sending)
        done = 0
        deadline = time.monotonic() + self.seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.input, selectors.EVENT_WRITE)
            selector.register(self.output, selectors.EVENT_READ)
            while done < len(items):
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                files = {key.fd for key, _ in ready}
                if self.output in files:
                    self._receive()
                    while done < len(items) and (answer := self._answer()) is not None:
                        yield self._result(answer, sizes[done])
                        done += 1
                        deadline = time.monotonic() + self.seconds
                elif time.monotonic() >= deadline:
                    raise ParserTimedOut(seconds=round(self.seconds))
                if self.input in files:
                    piece = self._send(piece) or next(sending, _NOTHING)
                    if not piece:
                        selector.unregister(self.input)
        if piece or self.received:  # answers nobody asked for: we are out of step with it
            self.process.kill()
            self.process.wait()

    def _result(self, answer: bytes, size: int) -> T:
        try:
            return self._read(answer, size)
        except ValueError as error:
            raise ParserCrashed from error

    def _send(self, piece: memoryview) -> memoryview:
        """Write what fits and return the rest; nothing where the process has gone away."""
        try:
            return piece[os.write(self.input, piece) :]
        except BrokenPipeError:
            return _NOTHING  # its output says why

    def _receive(self) -> None:
        data = os.read(self.output, _READ_BYTES)
        if not data:
            raise self._death()
        self.received += data

    def _answer(self) -> bytes | None:
        """Take the next whole answer out of what was received, if there is one."""
        received = self.received
        if len(received) < LENGTH_BYTES:
            return None
        end = LENGTH_BYTES + int.from_bytes(received[:LENGTH_BYTES], "big")
        if end > limits.ANSWER_BYTES:
            raise ParserCrashed
        if len(received) < end:
            return None
        answer = bytes(received[LENGTH_BYTES:end])
        del received[:end]
        return answer

    def _death(self) -> MessageError:
        try:
            status = self.process.wait(1)
        except subprocess.TimeoutExpired:  # its output is closed and it goes on: not our worker
            return ParserCrashed()
        if status == UNCAUGHT:
            return ParserFailed()
        if status == -signal.SIGALRM:
            return ParserTimedOut(seconds=round(self.seconds))
        return ParserCrashed()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def _frames(items: Sequence[Sequence[bytes]], sizes: list[int]) -> Iterator[memoryview]:
    """Yield what to send, without joining or copying the items; no piece is empty."""
    for chunks, size in zip(items, sizes, strict=True):
        yield memoryview(size.to_bytes(LENGTH_BYTES, "big"))
        for chunk in chunks:
            if chunk:
                yield memoryview(chunk)


def worker_command(module: str, seconds: float, memory: int) -> list[str]:
    """Return the command that runs one of our workers.

    Args:
        memory: bytes of address space of the process, besides four times the item.
    """
    # -P: the current folder must not be able to stand in for a module.
    return [sys.executable, "-P", "-m", module, str(math.ceil(seconds)), str(memory)]


def _environment() -> dict[str, str]:
    """Only what Python needs to find our modules: no password of the site reaches the process."""
    folders = [os.path.abspath(folder) for folder in sys.path if folder]
    environment = {"PYTHONPATH": os.pathsep.join([*folders, _PACKAGE_ROOT])}
    for name in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH"):
        if value := os.environ.get(name):
            environment[name] = value
    return environment
