"""Which messages come together: bounded by number and by bytes, a huge one alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..sources.base import RemoteMessage

MAX_MESSAGES = 200
MAX_BYTES = 16 * 1024 * 1024
# Read in pieces from here on: a literal of this size costs the parser of IMAP answers its copies.
HUGE = 8 * 1024 * 1024
# Of one message that is wanted although it is larger than the limit. While it is read and written
# it is held twice by us and up to four times by the parser's process.
LARGEST_WANTED = 512 * 1024 * 1024


def plan(messages: Iterable[RemoteMessage]) -> Iterator[list[RemoteMessage]]:
    """Yield `messages` in batches of at most 200 and 16 MiB; one of 8 MiB or more comes alone."""
    batch: list[RemoteMessage] = []
    size = 0
    for message in messages:
        full = len(batch) == MAX_MESSAGES or size + message.size > MAX_BYTES
        if batch and (full or message.size >= HUGE):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
        if message.size >= HUGE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
