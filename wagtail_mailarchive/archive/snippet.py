"""The beginning of what the sender wrote, for lists."""

from __future__ import annotations

import re

LENGTH = 200  # characters
# Enough to look past a short quotation; who quotes more answers below it.
_READ = 4_000

# "On Wed, 18 Nov 2026 at 15:46, Bo Andersen wrote:", in any language: a line that ends in a colon
# right above a quotation. Where it was wrapped, the line before it begins a paragraph and holds
# the date.
_ATTRIBUTION = re.compile(
    r"(?:(?:\A|(?<=\n\n))(?=[^\n]{0,200}[0-9])[^>\n][^\n]{0,200}\n)?"
    r"^[^>\n][^\n]{0,200}:[ \t]*\n+(?=>)",
    re.MULTILINE,
)
_QUOTED = re.compile(r"^>.*$", re.MULTILINE)


def snippet(text: str) -> str:
    """Return one line from the text's beginning, without what it quotes.

    A message that is nothing but a quotation begins with that.
    """
    beginning = text[:_READ]
    own = _QUOTED.sub("", _ATTRIBUTION.sub("", beginning))
    line = " ".join(own.split()) or " ".join(beginning.split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"
