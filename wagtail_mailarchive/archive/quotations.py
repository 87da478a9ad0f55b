"""A passage of a text -> how it is kept, and the way back, also when the text has changed.

A text changes when a better parser reads its original again; the original never does. The place
is tried first, then the words are looked for, and what stands around them decides between several
finds (W3C Web Annotation Data Model, section 4.2: text quote and text position selectors).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..models.annotation import CONTEXT, MAX_QUOTATION

# Finds that are compared, half of them on either side of where the quotation stood.
_MOST_FINDS: Final = 100
# A paragraph ends at a blank line. No part can give back, so that this is linear.
_PARAGRAPH: Final = re.compile(r"\S[^\n]*+(?:\n(?![^\S\n]*+(?:\n|\Z))[^\n]*+)*+")


@dataclass(frozen=True, slots=True)
class Quotation:
    """A passage of a text; places in characters (code points) from 0."""

    exact: str
    prefix: str
    suffix: str
    start: int
    end: int


def quote(text: str, start: int, end: int) -> Quotation | None:
    """Return the passage of `text` from `start` to `end`, without blanks on either side.

    At most `MAX_QUOTATION` characters of it. None where there is nothing but blanks.
    """
    start, end = max(start, 0), min(end, len(text), max(start, 0) + MAX_QUOTATION)
    passage = text[start:end]
    exact = passage.strip()
    if not exact:
        return None
    start += len(passage) - len(passage.lstrip())
    end = start + len(exact)
    prefix, suffix = text[max(start - CONTEXT, 0) : start], text[end : end + CONTEXT]
    return Quotation(exact, prefix, suffix, start, end)


def find(text: str, quotation: Quotation) -> int | None:
    """Return where `quotation` stands in `text` now; None where it does not.

    What costs time is looking for the words, at most once through the text, and `_MOST_FINDS`
    comparisons.
    """
    exact = quotation.exact
    if not exact:
        return None
    if text.startswith(exact, quotation.start):
        return quotation.start
    whole = _nearest(text, f"{quotation.prefix}{exact}{quotation.suffix}", quotation.start)
    if whole is not None:
        return whole + len(quotation.prefix)
    best, best_score = None, (-1, 0)
    for at in _finds(text, exact, quotation.start):
        before = text[max(at - CONTEXT, 0) : at]
        after = text[at + len(exact) : at + len(exact) + CONTEXT]
        likeness = _common(before[::-1], quotation.prefix[::-1]) + _common(after, quotation.suffix)
        score = (likeness, -abs(at - quotation.start))
        if score > best_score or best is None:
            best, best_score = at, score
    return best


def paragraphs(text: str, *, after: int = 0, most: int) -> list[Quotation]:
    """Return up to `most` paragraphs of `text` that begin at `after` or behind it.

    A long one is cut into pieces of at most `MAX_QUOTATION` characters.
    """
    found: list[Quotation] = []
    for paragraph in _PARAGRAPH.finditer(text, max(after, 0)):
        for start in range(paragraph.start(), paragraph.end(), MAX_QUOTATION):
            passage = quote(text, start, min(paragraph.end(), start + MAX_QUOTATION))
            if passage is not None:
                found.append(passage)
            if len(found) == most:
                return found
    return found


def _nearest(text: str, words: str, near: int) -> int | None:
    """Return the place of `words` that is nearest to `near`."""
    behind = text.find(words, near)
    # One before is nearer only within the same distance.
    first = max(2 * near - behind, 0) if behind >= 0 else 0
    before = text.rfind(words, first, near + len(words) - 1)
    found = max(before, behind) if min(before, behind) < 0 else before
    return found if found >= 0 else None


def _finds(text: str, exact: str, near: int) -> Iterator[int]:
    """Yield places of `exact`, the nearest on either side of `near` first."""
    at = min(near, len(text))
    for _ in range(_MOST_FINDS // 2):
        at = text.find(exact, at)
        if at < 0:
            break
        yield at
        at += 1
    end = min(near, len(text)) + len(exact) - 1
    for _ in range(_MOST_FINDS // 2):
        at = text.rfind(exact, 0, max(end, 0))
        if at < 0:
            break
        yield at
        end = at + len(exact) - 1


def _common(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
