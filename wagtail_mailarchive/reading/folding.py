"""Which lines of a text body are quotations and signatures, so that they can be folded away.

Mail programs mark both in their own ways and languages. What is decided here only folds: the
segments joined are the text, to the last character, and a fold opens with a click. So it is better
to fold too little than to hide a sentence that somebody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from .quotation_words import ALSO, COLON, FORWARDED, FROM, ORIGINAL, WHO_OR_WHEN

_LINES = re.compile(r"[^\n]*\n|[^\n]+")

# "On Wed, 18 Nov 2026 at 15:46, Bo Andersen wrote:", in any language: it says who and when.
_LONGEST_ATTRIBUTION = 500  # characters, over all of its lines
_ATTRIBUTION_LINES = 3
_MARKS = "-_=*"  # what a line above the original begins with, or a blank
_RULE = re.compile(r"\s*[_-]{10,}\s*")
_HEADER_LINES = 6  # below "From:", those that may hold the others

# RFC 3676 section 4.3; the blank at its end often got lost.
_SIGNATURE = re.compile(r"-- ?\n?")
# Mailman's footer.
_LIST_FOOTER = re.compile(r"_{40,}\s*")
_DEVICE = re.compile(
    r"(?:(?:sent|get\s+outlook)\s+(?:from|for|via|with)\b|von\s+mein|gesendet\s+(?:von|mit)\b"
    r"|envoy[ée]\s+(?:de|depuis)\b|enviado\s+(?:desde|do|de)\b|inviato\s+da\b|verzonden\s+(?:vanaf|met)\b"
    r"|sendt\s+fra\b|skickat\s+från\b|lähetetty\s|wysłan\w+\s+z\b|отправлено\s+(?:с|из)\b"
    r"|iPhoneから送信|发自我的)[^\n]{0,60}",
    re.IGNORECASE,
)
_SIGNATURE_LINES = 15
# A quotation that is answered below it and is no longer than this stays open: without it, nobody
# knows what the answer is to.
_ANSWERED_LINES = 6


class Kind(Enum):
    OWN = "own"
    QUOTE = "quote"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Segment:
    """Lines of one kind that follow each other, their line ends included.

    Attributes:
        is_open: a fold that begins open.
    """

    kind: Kind
    text: str
    is_open: bool = False


def segments(text: str) -> list[Segment]:
    """Return `text` in pieces that joined are `text`; linear in its length."""
    lines = _LINES.findall(text)
    kinds = _kinds(lines)
    runs = [
        (kind, [lines[at] for at in group])
        for kind, group in groupby(range(len(lines)), kinds.__getitem__)
    ]
    last_own = max(
        (at for at, (kind, some) in enumerate(runs) if kind is Kind.OWN and _says(some)), default=-1
    )
    return [
        Segment(kind, "".join(some), _begins_open(kind, some, last_own, at))
        for at, (kind, some) in enumerate(runs)
    ]


def depth_of(line: str) -> int:
    """Return how many marks of quotation a line begins with, blanks between them allowed."""
    depth = 0
    for character in line:
        if character == ">":
            depth += 1
        elif character != " ":
            break
    return depth


def _begins_open(kind: Kind, lines: Sequence[str], last_own: int, at: int) -> bool:
    if kind is not Kind.QUOTE:
        return False
    if last_own < 0:  # nothing else is there to be read
        return True
    if FORWARDED.match(lines[0].lstrip("> ")):
        return True
    return at < last_own and sum(1 for line in lines if line.strip("> \t\n")) <= _ANSWERED_LINES


def _says(lines: Sequence[str]) -> bool:
    return any(line.strip() for line in lines)


def _kinds(lines: Sequence[str]) -> list[Kind]:
    kinds = [Kind.OWN] * len(lines)
    end = _rest(lines)
    for at in range(end, len(lines)):
        kinds[at] = Kind.QUOTE
    for first, behind in _quotations(lines, end):
        begin = _attribution(lines, first)
        for at in range(begin, behind):
            kinds[at] = Kind.QUOTE
    for first, behind in _signatures(lines, kinds):
        for at in range(first, behind):
            kinds[at] = Kind.SIGNATURE
    return kinds


# -- quotations ------------------------------------------------------------------------------


def _quotations(lines: Sequence[str], end: int) -> Iterator[tuple[int, int]]:
    """Yield (first, behind) of each run of lines with ">"; blank lines within it belong to it."""
    first = behind = -1
    for at in range(end):
        line = lines[at]
        if line[0] == ">":
            if first < 0:
                first = at
            behind = at + 1
        elif first >= 0 and line.strip():
            yield first, behind
            first = -1
    if first >= 0:
        yield first, behind


def _attribution(lines: Sequence[str], quotation: int) -> int:
    """Return where "On Wed, 18 Nov 2026 at 15:46, Bo Andersen wrote:" begins; else `quotation`.

    In any language it is a paragraph of few lines right above, ends in a colon and holds a date or
    an address.
    """
    last = quotation - 1
    while last >= max(0, quotation - 2) and not lines[last].strip():
        last -= 1
    if last < max(0, quotation - 2) or not lines[last].rstrip().endswith(COLON):
        return quotation
    found = quotation
    characters = 0
    for at in range(last, max(-1, last - _ATTRIBUTION_LINES), -1):
        line = lines[at]
        characters += len(line)
        if not line.strip() or line.startswith(">") or characters > _LONGEST_ATTRIBUTION:
            break
        if WHO_OR_WHEN.search(line):
            found = at
    # A line of a longer paragraph is the sender's own, unless it says both by itself.
    above = lines[found - 1] if found else ""
    if found < last and above.strip() and not above.startswith(">"):
        return last if WHO_OR_WHEN.search(lines[last]) else quotation
    return found


def _rest(lines: Sequence[str]) -> int:
    """Return the first line of what is quoted without marks, down to the end of the text."""
    for at, line in enumerate(lines):
        if line[0] == ">":
            continue
        # Few lines begin so or hold a colon, and trying all these words at each takes longest.
        if (line[0] in _MARKS or line[0].isspace()) and (
            ORIGINAL.fullmatch(line.rstrip("\n")[:200]) or FORWARDED.match(line)
        ):
            return at
        if (
            (":" in line or "：" in line)
            and FROM.match(line.strip(" \t\n*"))
            and _is_header(lines, at)
        ):
            return at - 1 if at and _RULE.fullmatch(lines[at - 1][:200]) else at
    return len(lines)


def _is_header(lines: Sequence[str], at: int) -> bool:
    """Whether two more lines of a header follow "From:" at `at`, at the beginning of a block."""
    if at and lines[at - 1].strip() and not _RULE.fullmatch(lines[at - 1][:200]):
        return False
    below = [line.strip(" \t\n*")[:40] for line in lines[at + 1 : at + 1 + _HEADER_LINES]]
    return sum(1 for line in below if ALSO.match(line)) >= 2


# -- signatures ------------------------------------------------------------------------------


def _signatures(lines: Sequence[str], kinds: Sequence[Kind]) -> Iterator[tuple[int, int]]:
    """Yield (first, behind) of each signature: short, and nothing of one's own below it."""
    behind = 0
    for kind, run in groupby(kinds):
        begin, behind = behind, behind + len(list(run))
        if kind is Kind.OWN:
            first = _signature_in(lines, begin, behind)
            if first is not None:
                yield first, behind


def _signature_in(lines: Sequence[str], begin: int, end: int) -> int | None:
    """Return where in a stretch of own lines its signature begins."""
    written = 0
    device = None
    found = None
    for at in range(end - 1, begin - 1, -1):
        line = lines[at]
        if line[0] in "-_" and (_SIGNATURE.fullmatch(line) or _LIST_FOOTER.fullmatch(line[:200])):
            found = at
        if line.strip():
            written += 1
            if written == 1 and len(line) <= 100 and _DEVICE.fullmatch(line.strip()):
                device = at
        if written > _SIGNATURE_LINES:
            break
    return device if found is None else found
