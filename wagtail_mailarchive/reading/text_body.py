"""Plain text of a mail as HTML: its links can be followed, what it quotes is folded away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from .folding import Kind, Segment, depth_of, segments
from .true_hosts import true_place

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


# Deeper ones look alike.
_DEPTHS = 4


def text_as_html(text: str, *, unfolded: bool = False) -> SafeString:
    """Return `text` escaped, with links marked, quotations and signatures in `<details>`.

    Without the summaries, and the hosts told behind links, its text is `text` to the last
    character. Linear in its length; the summaries are in the active language.

    Args:
        unfolded: every fold begins open, for paper.
    """
    shown = (_segment(each, unfolded) for each in segments(text))
    return mark_safe("".join(shown))  # noqa: S308 (escaped below)


def _segment(segment: Segment, unfolded: bool) -> str:
    if segment.kind is Kind.OWN:
        return _linked(segment.text)
    if segment.kind is Kind.SIGNATURE:
        summary, inner = gettext("Signature"), _linked(segment.text)
    else:
        summary, inner = _name_of_quotation(segment.text), "".join(_quoted(segment.text))
    begins = " open" if unfolded or segment.is_open else ""
    return (
        f'<details class="mailarchive-fold"{begins}><summary>{escape(summary)}</summary>'
        f'<div class="mailarchive-fold__inside">{inner}</div></details>'
    )


def _name_of_quotation(text: str) -> str:
    lines = sum(1 for line in text.split("\n") if line.strip("> \t"))
    return ngettext("Quoted text (%d line)", "Quoted text (%d lines)", lines) % lines


def _quoted(text: str) -> Iterator[str]:
    """Yield the lines of each depth of quotation, the marks kept."""
    for depth, lines in groupby(text.splitlines(keepends=True), key=depth_of):
        block = _linked("".join(lines))
        if depth:
            name = f"mailarchive-quote mailarchive-quote--{min(depth, _DEPTHS)}"
            yield f'<span class="{name}" dir="auto">{block}</span>'
        else:
            yield block


def _linked(text: str) -> str:
    if "@" not in text and "://" not in text:
        # Most text holds no link, and looking for one at each letter takes the longest of all.
        return escape(text)
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
        # A text that is the address itself lies only by a user name in front or by its letters.
        if ("@" in shown or not shown.isascii()) and (place := true_place(target, shown)):
            # Outside of the f-string, where no catalogue would find it.
            words = gettext("leads to")
            pieces.append(f'<span class="mailarchive-place">{escape(f"{words} {place}")}</span>')
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
