"""Marking passages in HTML that shows a text: ours of plain text, or a sender's that is sanitised.

Places are counted in characters that are not blank, since HTML breaks and indents lines as it
likes. What we put in between (summaries of folds, the places where links lead) does not count, for
no sender wrote it. Marks close before each tag and open again behind it, so whatever the elements,
they stay nested as they were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Final

from .html_document import MARK_CLASS, PLACE_CLASS

# Serialised HTML: `<` stands in a text only escaped, and every attribute is quoted. What we put in
# between is one piece with its tags.
_NO_TEXT: Final = re.compile(
    rf"""(<summary\b.*?</summary>|<span\ class="{PLACE_CLASS}">.*?</span>"""
    r"""|<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>)""",
    re.DOTALL | re.VERBOSE,
)
_BLANKS: Final = re.compile(r"\s*+")
_NOWHERE: Final = 1 << 62  # behind every text


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


class ShownText:
    """HTML, taken apart once.

    Attributes:
        text: what of it a sender wrote, without blanks.
    """

    def __init__(self, html: str) -> None:
        self._html = html
        # Texts stand at even places, all else between them.
        self._pieces = _NO_TEXT.split(html)
        self._plain = [unescape(piece) for piece in self._pieces[::2]]
        compacted = [compact(plain) for plain in self._plain]
        self._lengths = [len(each) for each in compacted]
        self.text = "".join(compacted)

    def marked(self, passages: Sequence[Passage], reference: Callable[[int], str]) -> str:
        """Return the HTML with each passage marked, and behind each what refers to its number.

        Linear in the length of the HTML, and in that of the passages where they overlap.

        Args:
            passages: none of them empty.
            reference: returns HTML; it is not placed within a link.
        """
        if not passages:
            return self._html
        marker = _Marker(passages, reference)
        for place, (plain, length) in enumerate(zip(self._plain, self._lengths, strict=True)):
            marker.text(self._pieces[2 * place], plain, length)
            # Behind the last text there is nothing.
            for piece in self._pieces[2 * place + 1 : 2 * place + 2]:
                marker.other(piece)
        return "".join(marker.written)


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
        self._next = self._coming[-1].start  # where the next passage begins or ends
        self._in_link = False

    def other(self, piece: str) -> None:
        """Write what is no text of the sender's."""
        self.written.append(piece)
        if piece.startswith(("<a ", "<a>")):
            self._in_link = True
        elif piece == "</a>":
            self._in_link = False
            self._refer()

    def text(self, piece: str, plain: str, length: int) -> None:
        """Write a text; `plain` is what it says, with `length` characters that are not blank."""
        if not self._open and self._next >= self._at + length:
            self._at += length
            self.written.append(piece)
            return
        begin = 0
        while length:
            self._turn()
            count = min(self._next - self._at, length)
            end = _behind(plain, begin, count)
            self._write(plain[begin:end])
            begin, length = end, length - count
            self._at += count
        # Before the blanks that are left, which may begin a new line.
        self._turn(only_ends=True)
        self.written.append(escape(plain[begin:], quote=False))

    def _turn(self, *, only_ends: bool = False) -> None:
        """Begin and end passages that begin and end here."""
        self._ended += sorted(each.number for each in self._open if each.end <= self._at)
        self._open = [each for each in self._open if each.end > self._at]
        self._refer()
        while not only_ends and self._coming and self._coming[-1].start <= self._at:
            self._open.append(self._coming.pop())
        begins = self._coming[-1].start if self._coming else _NOWHERE
        self._next = min([begins, *(each.end for each in self._open)])

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
