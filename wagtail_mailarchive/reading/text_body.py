"""Plain text of a mail as HTML: its links can be followed, what it quotes stands back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# Marks that turn the direction of text end an address, or it would read as another one.
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Django's urlize guesses ("report.com" becomes a link); mail says what it means. Every repetition
# is bounded or cannot give back, so that this is linear.
_LINK = re.compile(
    rf"""
      (?<!\w)(?P<address>https?://[^\s<>"{_DIRECTION}]+)
    | (?<![\w.+%/-])(?:mailto:)?
      (?P<mailbox>[A-Za-z0-9._%+-]{{1,64}}@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{1,8}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_PUNCTUATION = ".,:;!?'’”*_"


def text_as_html(text: str) -> SafeString:
    """Return `text` escaped, with links and quotations marked; linear in its length."""
    return mark_safe("\n".join(_blocks(text)))  # noqa: S308 (every piece is escaped below)


def _blocks(text: str) -> Iterator[str]:
    for quoted, lines in groupby(text.split("\n"), key=lambda line: line.startswith(">")):
        block = _linked("\n".join(lines))
        yield f'<span class="mailarchive-quote">{block}</span>' if quoted else block


def _linked(text: str) -> str:
    pieces: list[str] = []
    end = 0
    for found in _LINK.finditer(text):
        if found["address"]:
            shown = _without_punctuation(found["address"])
            target = shown
        else:
            shown = found[0]
            target = f"mailto:{found['mailbox']}"
        pieces.append(escape(text[end : found.start()]))
        pieces.append(
            f'<a href="{escape(target)}" rel="nofollow noopener noreferrer">{escape(shown)}</a>'
        )
        end = found.start() + len(shown)
    pieces.append(escape(text[end:]))
    return "".join(pieces)


def _without_punctuation(address: str) -> str:
    """Cut what belongs to the sentence and not to the address."""
    surplus = {
        close: address.count(close) - address.count(opening) for close, opening in _BRACKETS.items()
    }
    end = len(address)
    while end:
        last = address[end - 1]
        if last in _PUNCTUATION:
            end -= 1
        elif surplus.get(last, 0) > 0:
            surplus[last] -= 1
            end -= 1
        else:
            break
    return address[:end]
