"""The process that reads hostile mail: `python -m wagtail_mailarchive.mime.worker SECONDS BYTES`.

Standard input carries originals, standard output one JSON object each (`ParsedMessage.to_json`);
both are framed by a length of eight bytes, big-endian. The process ends when its input does, at
its memory limit (exit status `OUT_OF_MEMORY`), or by SIGALRM when a message takes much longer than
its caller should have allowed: a caller that was killed leaves no process behind.

No Django here and no settings: what takes over this process finds neither passwords nor data.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO

from .parser import parse

LENGTH_BYTES = 8
# Sent once, when everything is imported.
GREETING = b"!"
# Exit statuses: Python's own for an exception nobody caught, and ours.
UNCAUGHT = 1
OUT_OF_MEMORY = 3
# Parsing needs less than twice the message beside the interpreter.
_MEMORY_PER_BYTE = 4


def serve(
    source: BinaryIO,
    sink: BinaryIO,
    answer_to: Callable[[bytes], bytes],
    *,
    seconds: int,
    memory: int,
) -> None:
    """Answer items until `source` ends.

    Args:
        seconds: after twice as many on one item the process kills itself.
        memory: bytes of address space allowed, besides four times the item at hand.
    """
    _limit_memory(memory)
    sink.write(GREETING)
    sink.flush()
    while len(length_bytes := source.read(LENGTH_BYTES)) == LENGTH_BYTES:
        length = int.from_bytes(length_bytes, "big")
        _limit_memory(memory + _MEMORY_PER_BYTE * length)
        signal.alarm(2 * seconds)
        raw = source.read(length)
        if len(raw) < length:  # the caller went away in the middle
            return
        answer = answer_to(raw)
        signal.alarm(0)
        del raw
        sink.write(len(answer).to_bytes(LENGTH_BYTES, "big"))
        sink.write(answer)
        sink.flush()


def _limit_memory(size: int) -> None:
    """Bound the address space where the system knows how (macOS and Windows do not)."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))
    except (ValueError, OSError):
        return


def _say_where(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report a defect of ours without its text: that could quote the message."""
    sys.stderr.write("".join(traceback.format_tb(trace)) + kind.__name__ + "\n")


def main(answer_to: Callable[[bytes], bytes]) -> None:
    """Serve standard input as the command line says, and end as the caller expects."""
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's; it ends our input
    sys.excepthook = _say_where
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, answer_to, seconds=seconds, memory=memory)
    except BrokenPipeError:
        os._exit(0)  # the caller went away; nothing is left to flush
    except (MemoryError, RecursionError):
        os._exit(OUT_OF_MEMORY)


def _parsed(raw: bytes) -> bytes:
    return parse(raw).to_json().encode("ascii")


if __name__ == "__main__":
    main(_parsed)
