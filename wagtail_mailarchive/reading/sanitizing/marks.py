"""Where, in sanitised mail, the reader is to get a fold or is to be told where a link leads.

What a fold is can be seen only in the tree of what the sender wrote, because classes and ids go;
what it looks like depends on the reader's language. So the rewriting leaves marks as text in
between. Nobody who writes mail can know the token that they begin with, a new one for each
sanitising, and an engine keeps text where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum


class Mark(StrEnum):
    QUOTE = "q"
    OPEN_QUOTE = "o"
    SIGNATURE = "s"
    END = "e"
    PLACE = "p"
    PLACE_END = "r"


_BEGINS = frozenset({Mark.QUOTE, Mark.OPEN_QUOTE, Mark.SIGNATURE})
_FOLDS = _BEGINS | {Mark.END}


def marked(token: str, mark: Mark) -> str:
    """Return the text that stands for `mark`."""
    return f"{token}-{mark}."


def replaced(html: str, token: str, replacement: Callable[[Mark], str]) -> str:
    """Return `html` with each mark replaced."""
    return _pattern(token).sub(lambda found: replacement(Mark(found[1])), html)


def balanced(html: str, token: str) -> str:
    """Return `html` without its folds' marks, unless each has its begin and its end.

    Folds are not nested. An engine that understood the rewritten mail in another way than the
    rewriting did could have lost one.
    """
    is_open = False
    for found in _pattern(token).finditer(html):
        mark = Mark(found[1])
        if mark not in _FOLDS:
            continue
        if (mark in _BEGINS) == is_open:
            break
        is_open = not is_open
    else:
        if not is_open:
            return html
    return _pattern(token).sub(lambda found: "" if Mark(found[1]) in _FOLDS else found[0], html)


def without_folded(html: str, token: str) -> str:
    """Return `html` without what is in folds that begin closed, and without the marks."""
    closed = f"{Mark.QUOTE}{Mark.SIGNATURE}"
    begin, end = re.escape(token), re.escape(marked(token, Mark.END))
    html = re.sub(rf"{begin}-[{closed}]\..*?{end}", "", html, flags=re.DOTALL)
    return _pattern(token).sub("", html)


def _pattern(token: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(token)}-([{''.join(Mark)}])\.")
