"""UIDs as IMAP writes them: "1:500,700" (RFC 3501, sequence-set)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Servers need not take commands longer than 8,000 octets (RFC 2683 section 3.2.1.5 asks clients
# for 1,000 and servers for 8,000); the rest of the line gets 500.
_LONGEST = 7_500


def uid_sets(uids: Iterable[int], most: int) -> Iterator[tuple[str, list[int]]]:
    """Yield sets covering exactly `uids`, ascending, with the UIDs in each.

    Args:
        uids: positive integers, in any order; repetitions count once.
        most: how many UIDs one set may hold.
    """
    text = ""
    members: list[int] = []
    for run in _runs(sorted(set(uids))):
        while run:
            piece, run = run[: most - len(members)], run[most - len(members) :]
            written = str(piece[0]) if len(piece) == 1 else f"{piece[0]}:{piece[-1]}"
            if text and len(text) + 1 + len(written) > _LONGEST:
                yield text, members
                text, members = "", []
            text = f"{text},{written}" if text else written
            members.extend(piece)
            if len(members) >= most:
                yield text, members
                text, members = "", []
    if members:
        yield text, members


def count(uid_set: str) -> int:
    """Return how many UIDs `uid_set` holds.

    Raises:
        ValueError: it is no set of UIDs.
    """
    return sum(last - first + 1 for first, last in _ranges(uid_set))


def members(uid_set: str, most: int) -> set[int]:
    """Return the UIDs in `uid_set`.

    Args:
        most: how many there may be; refused before they are written out.

    Raises:
        ValueError: there are more, or it is no set of UIDs.
    """
    if count(uid_set) > most:
        raise ValueError("more UIDs than were asked for")
    return {uid for first, last in _ranges(uid_set) for uid in range(first, last + 1)}


def _ranges(uid_set: str) -> Iterator[tuple[int, int]]:
    for part in uid_set.split(","):
        first, _, last = part.partition(":")
        # "5:3" is the same as "3:5" (RFC 3501 section 9).
        ends = int(first), int(last or first)
        yield min(ends), max(ends)


def _runs(ascending: list[int]) -> Iterator[list[int]]:
    """Yield maximal stretches of consecutive numbers."""
    start = 0
    for position in range(1, len(ascending) + 1):
        if position == len(ascending) or ascending[position] != ascending[position - 1] + 1:
            yield ascending[start:position]
            start = position
