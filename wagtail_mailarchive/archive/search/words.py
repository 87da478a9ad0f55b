"""Text -> the words that are looked for: folded, and cut in pairs where scripts have no spaces.

The engines split text into words themselves. What is made here are the words of questions, and
those of the index that no engine would find: of Chinese, Japanese and Korean every run is kept as
its pairs of neighbours and, at its end, its last character. "東京都" becomes "東京 京都 都": a run
of two or more is then a phrase of pairs, a single character the beginning of a word, and no phrase
reaches over the end of a run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

MAX_WORD = 100  # characters

_ASCII_WORD = re.compile("[a-z0-9]+")
_ALNUM = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_CJK = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_HAS_CJK = re.compile(f"[{_CJK}]")
_RUNS = re.compile(f"[{_CJK}]+|[^{_CJK}]+")


@dataclass(frozen=True, slots=True)
class Atom:
    """What one part of a question looks for.

    Attributes:
        words: folded, to stand one after the other.
        is_cjk: they are such pairs, and not words as the engines split them.
        is_prefix: the last (and then only) one may go on.
    """

    words: tuple[str, ...]
    is_cjk: bool = False
    is_prefix: bool = False


def fold(text: str) -> str:
    """Return `text` in lower case and without accents."""
    if text.isascii():
        return text.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", plain).lower()


def split(text: str) -> list[str]:
    """Return the folded runs of letters, numbers and their marks (Hindi's vowels are marks)."""
    folded = fold(text)
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    kept = (each if unicodedata.category(each)[0] in "LNM" else " " for each in folded)
    return "".join(kept).split()


def atoms(words: Iterable[str]) -> Iterator[Atom]:
    """Yield what to look for, so that `words` stand side by side."""
    words = tuple(word[:MAX_WORD] for word in words)
    if not any(_HAS_CJK.search(word) for word in words):
        if words:
            yield Atom(words)
        return
    for word in words:
        for run in _runs(word):
            if not _HAS_CJK.match(run):
                yield Atom((run,))
            elif len(run) == 1:
                yield Atom((run,), is_cjk=True, is_prefix=True)
            else:
                yield Atom(tuple(_pairs(run)), is_cjk=True)


def name_words(text: str) -> Iterator[str]:
    """Yield every word by which a name of people, lists or files is found."""
    for word in split(text):
        word = word[:MAX_WORD]
        if _HAS_CJK.search(word):
            yield from _indexed(word)
        else:
            yield word


def cjk_words(text: str, most: int) -> list[str]:
    """Return what finds the words of `text` that hold such characters, at most `most`.

    What is glued to them ("iPhone手机") is a word of its own here, as it is to who reads it.
    """
    if text.isascii() or not _HAS_CJK.search(text):
        return []
    found: list[str] = []
    for token in _ALNUM.findall(text):
        if _HAS_CJK.search(token):
            found += _indexed(fold(token))
            if len(found) >= most:
                break
    return found[:most]


def has_cjk(text: str) -> bool:
    return not text.isascii() and _HAS_CJK.search(text) is not None


def _indexed(word: str) -> Iterator[str]:
    for run in _runs(word):
        if _HAS_CJK.match(run):
            yield from _pairs(run)
            yield run[-1]
        else:
            yield run[:MAX_WORD]


def _runs(word: str) -> list[str]:
    # Half-width forms become whole ones.
    return _RUNS.findall(_whole(word))


@lru_cache(maxsize=1024)
def _whole(word: str) -> str:
    return unicodedata.normalize("NFKC", word)


def _pairs(run: str) -> Iterator[str]:
    return (first + second for first, second in pairwise(run))
