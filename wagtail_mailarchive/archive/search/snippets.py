"""Where in a text the words of a search stand: the same for every backend.

The engines' own ways to show it read whole texts word by word, which takes PostgreSQL longer than
the search; here one regular expression looks as far as is bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property

from .query import Term
from .words import atoms

LENGTH = 220  # characters of an excerpt
READ = 20_000  # characters of a text that are looked through
_BEFORE = 60
_MAX_WORDS = 40
_ENDING = re.compile("(?:ing|ed|es|s|e|y)$")

# A piece of text, and whether the search found it.
Piece = tuple[str, bool]


class Highlighter:
    """Finds the words of `terms` in texts.

    Args:
        stems: whether other endings count, as in an index of a language.
    """

    def __init__(self, terms: Iterable[Term], *, stems: bool = False) -> None:
        self._terms = list(terms)[:_MAX_WORDS]
        self._stems = stems

    def mark(self, text: str) -> list[Piece]:
        """Return all of `text` in pieces."""
        text = unicodedata.normalize("NFC", text)
        return list(self._pieces(text))

    def excerpt(self, *texts: str) -> list[Piece] | None:
        """Return what stands around the first place found in any of `texts`; None for none."""
        if self._pattern is None:
            return None
        for text in texts:
            text = unicodedata.normalize("NFC", text[:READ])
            found = self._pattern.search(text.translate(_FOLDED))
            if found:
                return list(self._pieces(_cut(text, found.start(), found.end())))
        return None

    def _pieces(self, text: str) -> Iterator[Piece]:
        end = 0
        if self._pattern is not None:
            for found in self._pattern.finditer(text.translate(_FOLDED)):
                if found.start() > end:
                    yield text[end : found.start()], False
                yield text[found.start() : found.end()], True
                end = found.end()
        if end < len(text):
            yield text[end:], False

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        phrases: dict[str, None] = {}
        runs: dict[str, None] = {}
        for term in self._terms:
            for atom in atoms(term.words):
                if atom.is_cjk:
                    # Pairs overlap by one character.
                    runs[atom.words[0] + "".join(word[1:] for word in atom.words[1:])] = None
                else:
                    phrases[r"[\W_]{1,10}".join(map(self._word, atom.words))] = None
        found = list(runs)
        if phrases:
            # Where no word begins, none of them is tried.
            found.append(rf"(?<![^\W_])(?:{'|'.join(phrases)})(?![^\W_])")
        return re.compile("|".join(found)) if found else None

    def _word(self, word: str) -> str:
        if self._stems and word.isascii() and len(word) > 3:
            return re.escape(_ENDING.sub("", word)) + r"\w{0,4}"
        return re.escape(word)


def _cut(text: str, start: int, end: int) -> str:
    """Return one line around the place, cut between words where there are any near."""
    begin = max(0, start - _BEFORE)
    if begin:
        space = text.find(" ", begin, start)
        begin = space + 1 if space >= 0 else begin
    last = min(len(text), max(end, begin + LENGTH))
    if last < len(text):
        space = text.rfind(" ", end, last)
        last = space if space >= 0 else last
    line = " ".join(text[begin:last].split())
    return f"{'… ' if begin else ''}{line}{' …' if last < len(text) else ''}"


class _Folded(dict[int, str]):
    """Each character in lower case and without its accent, as one character."""

    def __missing__(self, code: int) -> str:
        each = chr(code)
        plain = unicodedata.normalize("NFD", each)[0]
        lower = plain.lower() if not unicodedata.category(each).startswith("M") else each
        # Hangul decomposes into letters of its own.
        kept = each if 0xAC00 <= code <= 0xD7A3 else lower
        self[code] = kept if len(kept) == 1 else each
        return self[code]


_FOLDED = _Folded()
