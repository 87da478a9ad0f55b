"""How people are told apart at a glance: initials and one of a few colours.

Nothing is fetched from anywhere: both follow from name and address alone.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

COLOURS = 8  # the style sheet has as many
_WORDS = re.compile(r"[^\W\d_]+")
_APART = "\u200c"
_MAX = 200  # characters of a name that are looked at


@dataclass(frozen=True, slots=True)
class Author:
    """Attributes: initials: "" where a name has no letters; colour: below `COLOURS`."""

    name: str
    address: str
    initials: str
    colour: int


def author(name: str, address: str) -> Author:
    """Return how somebody is shown; the same address has the same colour everywhere."""
    key = (address or name).casefold().encode("utf-8", "replace")
    return Author(name, address, initials(name or address), zlib.crc32(key) % COLOURS)


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name, or of an address."""
    plain = unicodedata.normalize("NFC", name[:_MAX].partition("@")[0])
    words = _WORDS.findall(plain)
    if not words:
        return ""
    chosen = [words[0], words[-1]] if len(words) > 1 else words
    # Letters that join, as those of Arabic, would read as a syllable.
    return _APART.join(word[0].upper()[:1] for word in chosen)
