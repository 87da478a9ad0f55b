"""The worker's limits end what would take longer or more: a worker of ours made slow or hungry.

Its reading and answering, its limits and its deadline are the real ones; only what `parse` does
with a message is not. The other messages of the batch are archived, and this one is kept.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from tests import factories
from tests.hostile import journey
from wagtail_mailarchive.exceptions import MessageError, ParserCrashed, ParserTimedOut
from wagtail_mailarchive.mime import limits
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import LedgerEntry

SECONDS = 2

# What may go wrong in a parser, or in the C code below it, by the Subject that makes it happen.
SPOILED = """
import ctypes, re, resource, signal, time
from wagtail_mailarchive.mime import worker

def forever(raw):
    while True:
        pass

def stubborn(raw):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)

def in_c(raw):
    # One call that never comes back to Python, so that no handler of Python's would run.
    re.match(r"(a|a)*b", "a" * 60)

def hoarding(raw):
    hoard = []
    while True:
        hoard.append(b"x" * (1 << 24))

def at_once(raw):
    return bytearray(1 << 40)

def in_small_pieces(raw):
    hoard = []
    while True:
        hoard.append(str(len(hoard)) * 100)

def recursion(raw):
    return recursion(raw)

def wild(raw):
    ctypes.string_at(1)

def parse(raw, parse=worker.parse):
    message = parse(raw)
    spoil = globals().get(message.subject)
    return spoil(raw) if spoil and message.subject != "parse" else message

worker.parse = parse
worker.main(worker._parsed)
"""


def spoiled(seconds: int) -> ParserProcess:
    command = [sys.executable, "-c", SPOILED, str(seconds), str(limits.PROCESS_BYTES)]
    return ParserProcess(seconds=seconds, command=command)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        ("forever", ParserTimedOut),
        ("stubborn", ParserTimedOut),
        ("in_c", ParserTimedOut),
        ("hoarding", ParserCrashed),
        ("at_once", ParserCrashed),
        ("in_small_pieces", ParserCrashed),
        ("recursion", ParserCrashed),
        ("wild", ParserCrashed),
    ],
)
def test_the_limits_end_a_message_and_it_alone_is_quarantined(
    spoil: str, error: type[MessageError]
) -> None:
    raws = [factories.raw(each) for each in ("before", spoil, "behind")]
    with spoiled(SECONDS if error is ParserTimedOut else 60) as process:
        results = list(process.parse_many([[raw] for raw in raws]))
    folder = factories.folder()
    pages = journey.archived(folder, raws, results)

    assert isinstance(results[1], error)
    assert [page and page.subject for page in pages] == ["before", None, "behind"]
    entry = LedgerEntry.objects.get(message=None)
    assert entry.reason_code == error.__name__
    assert journey.tree_is_whole()


@pytest.mark.parametrize("spoil", ["forever", "stubborn"])
def test_the_deadline_is_what_ends_it(spoil: str) -> None:
    with spoiled(SECONDS) as process:
        process.parse([factories.raw("started")])
        started = time.monotonic()
        with pytest.raises(ParserTimedOut):
            process.parse([factories.raw(spoil)])
        seconds = time.monotonic() - started

    # Not earlier, which would be luck; later only for a machine that is busy.
    assert SECONDS <= seconds < SECONDS + 30


def test_the_memory_limit_is_what_ends_it() -> None:
    """The limit is read back from the system, and no more than it was ever in use."""
    seen: list[int] = []
    with spoiled(60) as process:
        process.parse([factories.raw("started")])
        child = process._child
        assert child is not None
        status = Path(f"/proc/{child.process.pid}")
        raw = factories.raw("hoarding")
        allowed = re.findall(r"Max address space +(\d+)", (status / "limits").read_text())
        results = process.parse_many([[raw]])
        assert process._running is not None
        while not process._running.done():
            seen += peak(status / "status")
            time.sleep(0.005)
        [result] = results

    assert limits.PROCESS_BYTES <= int(allowed[0]) < limits.PROCESS_BYTES + 4 * 10_000
    assert isinstance(result, ParserCrashed)
    # It grew until the limit, so that it was the limit.
    assert limits.PROCESS_BYTES / 2 < max(seen) < journey.GIGABYTE


def peak(status: Path) -> list[int]:
    """Bytes of memory that a process has used at most, if it still is."""
    try:
        found = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(kilobytes) * 1024 for kilobytes in found]


def test_the_limits_in_use_are_those_promised() -> None:
    assert limits.PROCESS_SECONDS == journey.SECONDS
    assert limits.PROCESS_BYTES == journey.GIGABYTE
