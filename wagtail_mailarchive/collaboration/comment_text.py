"""A comment's plain text as safe HTML: paragraphs, links, and mentions of people."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.html import escape, format_html, urlize
from django.utils.safestring import SafeString, mark_safe

from .mentions import MENTION


def comment_as_html(text: str, mentioned: Collection[str]) -> SafeString:
    """Return `text` as HTML.

    Args:
        mentioned: the user names that are told of this comment; others stay as they are typed.
    """
    pieces = []
    end = 0
    for match in MENTION.finditer(text):
        name = next((each for each in _readings(match[1]) if each in mentioned), None)
        if name is None:
            continue
        pieces.append(_linked(text[end : match.start()]))
        pieces.append(format_html('<span class="mailarchive-mention">@{}</span>', name))
        end = match.start() + 1 + len(name)
    pieces.append(_linked(text[end:]))
    # Each piece is escaped.
    return mark_safe("".join(pieces).replace("\n", "<br>"))  # noqa: S308


def _readings(name: str) -> tuple[str, str]:
    return name, name.rstrip(".@+-")


def _linked(text: str) -> str:
    if not text.strip():
        return escape(text)
    linked: str = urlize(text, nofollow=True, autoescape=True)
    return linked
