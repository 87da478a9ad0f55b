"""How tall the frame around an HTML body begins: guessed from what is in it.

The frame runs no script, so it cannot tell, and readers can still drag it.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<[^<>]*>")
_LINE = re.compile(r"<(?:p|br|div|tr|li|h[1-6]|blockquote|pre)\b")
_CHARACTERS = 90  # a line


def frame_height(html: str) -> str:
    """Return "short", "medium" or "tall" for a sanitised body; the style sheet has the sizes."""
    if "<img" in html:
        return "tall"
    lines = len(_TAG.sub("", html)) // _CHARACTERS + len(_LINE.findall(html))
    if lines <= 12:
        return "short"
    return "medium" if lines <= 24 else "tall"
