"""Marking passages in HTML that shows a text: ours of plain text, or a sender's that is sanitised.

Places are counted in characters that are not blank, since HTML breaks and indents lines as it
likes. What we put in between (summaries of folds, the places where links lead) does not count, for
no sender wrote it. Marks close before each tag and open again behind it, so whatever the elements,
they stay nested as they were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Final

from .html_document import MARK_CLASS, PLACE_CLASS

# Serialised HTML: `<` stands in a text only escaped, and every attribute is quoted.
_PIECE: Final = re.compile(r"""<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>|[^<]++|<""")
_BLANKS: Final = re.compile(r"\s*+")
_PLACE: Final = f'class="{PLACE_CLASS}"'


@dataclass(frozen=True, slots=True)
class Passage:
    """From the character that is not blank number `start`, counted from 0, to before `end`."""

    number: int
    start: int
    end: int


def compact(text: str) -> str:
    """Return `text` without its blanks."""
    return "".join(text.split())


def places(text: str, positions: Sequence[int]) -> list[int]:
    """Return how many characters of `text` before each position are not blank."""
    counted = {}
    count = before = 0
    for position in sorted(set(positions)):
        count += len(compact(text[before:position]))
        counted[position], before = count, position
    return [counted[position] for position in positions]


def shown_text(html: str) -> str:
    """Return the sender's text that `html` shows, without blanks."""
    return "".join(compact(unescape(piece)) for piece, is_text in _pieces(html) if is_text)


def marked(html: str, passages: Sequence[Passage], reference: Callable[[int], str]) -> str:
    """Return `html` with each passage marked, and behind each what refers to its number.

    Linear in the length of `html`, and in that of the passages where they overlap.

    Args:
        passages: none of them empty.
        reference: returns HTML; it is not placed within a link.
    """
    if not passages:
        return html
    marker = _Marker(passages, reference)
    for piece, is_text in _pieces(html):
        if is_text:
            marker.text(piece)
        else:
            marker.other(piece)
    return "".join(marker.written)


def _pieces(html: str) -> Iterator[tuple[str, bool]]:
    """Yield tags and texts in order, and of each whether it is text that a sender wrote."""
    ours = ""  # the tag that ends what we put in between
    for found in _PIECE.finditer(html):
        piece = found[0]
        if piece[0] != "<" or len(piece) == 1:
            yield piece, not ours
            continue
        if piece == ours:
            ours = ""
        elif piece.startswith("<summary"):
            ours = "</summary>"
        elif piece.startswith("<span") and _PLACE in piece:
            ours = "</span>"
        yield piece, False


class _Marker:
    """Writes pieces, with marks where passages begin and end. Use it once.

    Attributes:
        written: HTML.
    """

    def __init__(self, passages: Sequence[Passage], reference: Callable[[int], str]) -> None:
        self.written: list[str] = []
        self._reference = reference
        self._coming = sorted(passages, key=lambda each: each.start, reverse=True)
        self._open: list[Passage] = []
        self._ended: list[int] = []
        self._at = 0  # characters before, blanks not counted
        self._in_link = False

    def other(self, piece: str) -> None:
        """Write what is no text of the sender's."""
        self.written.append(piece)
        if piece.startswith(("<a ", "<a>")):
            self._in_link = True
        elif piece == "</a>":
            self._in_link = False
            self._refer()

    def text(self, piece: str) -> None:
        plain = unescape(piece)
        length = len(compact(plain))
        if not self._open and self._next() >= self._at + length:
            self._at += length
            self.written.append(piece)
            return
        begin = 0
        while length:
            self._turn()
            count = min(self._next() - self._at, length)
            end = _behind(plain, begin, count)
            self._write(plain[begin:end])
            begin, length = end, length - count
            self._at += count
        self.written.append(escape(plain[begin:], quote=False))
        self._turn(only_ends=True)

    def _next(self) -> int:
        """Return where the next passage begins or ends."""
        places = [each.end for each in self._open]
        if self._coming:
            places.append(self._coming[-1].start)
        # Behind the last one nothing is left to do.
        return min(places, default=self._at + (1 << 62))

    def _turn(self, *, only_ends: bool = False) -> None:
        """Begin and end passages that begin and end here."""
        self._ended += sorted(each.number for each in self._open if each.end <= self._at)
        self._open = [each for each in self._open if each.end > self._at]
        self._refer()
        while not only_ends and self._coming and self._coming[-1].start <= self._at:
            self._open.append(self._coming.pop())

    def _refer(self) -> None:
        if self._ended and not self._in_link:
            self.written += [self._reference(number) for number in self._ended]
            self._ended.clear()

    def _write(self, text: str) -> None:
        shown = escape(text, quote=False)
        words = shown.strip()
        if not self._open or not words:
            self.written.append(shown)
            return
        # Blanks at the edges stand outside: between rows of a table no element may.
        before, _, after = shown.partition(words)
        self.written.append(f'{before}<mark class="{MARK_CLASS}">{words}</mark>{after}')


def _behind(text: str, begin: int, count: int) -> int:
    """Return the place in `text` behind `count` characters from `begin` that are not blank."""
    while count:
        begin = _end_of_blanks(text, begin)
        chunk = text[begin : begin + count]
        begin += len(chunk)
        count -= len(compact(chunk))
    return begin


def _end_of_blanks(text: str, begin: int) -> int:
    found = _BLANKS.match(text, begin)
    return found.end() if found else begin
