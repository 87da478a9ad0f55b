"""The beginning of what the sender wrote, for lists."""

from __future__ import annotations

import re

LENGTH = 200  # characters
# Enough to look past a short quotation; who quotes more answers below it.
_READ = 4_000
_DIGIT = re.compile("[0-9]")


def snippet(text: str) -> str:
    """Return one line from the text's beginning, without what it quotes.

    A message that is nothing but a quotation begins with that.
    """
    beginning = text[:_READ]
    own = _without_quotations(beginning) if ">" in beginning else beginning
    line = " ".join(own.split()) or " ".join(beginning.split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"


def _without_quotations(text: str) -> str:
    kept: list[str] = []
    is_quoted = False
    for line in text.split("\n"):
        if line.startswith(">"):
            if not is_quoted:
                _drop_attribution(kept)
            is_quoted = True
        else:
            is_quoted = is_quoted and not line.strip()
            kept.append(line)
    return "\n".join(kept)


def _drop_attribution(lines: list[str]) -> None:
    """Take "On Wed, 18 Nov 2026 at 15:46, Bo Andersen wrote:", in any language, from the end.

    It is a line that ends in a colon right above a quotation. Where it was wrapped, the line
    before it begins a paragraph and holds the date.
    """
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    if not end or not lines[end - 1].rstrip().endswith(":"):
        return
    start = end - 1
    begins_paragraph = start == 1 or (start > 1 and not lines[start - 2].strip())
    if begins_paragraph and _DIGIT.search(lines[start - 1]):
        start -= 1
    del lines[start:]
