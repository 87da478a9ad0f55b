"""The HTML of a message as its sender wrote it, put together from its parts. Never shown so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.utils.html import escape

from ..mime.decode import decode_text
from ..mime.message import Part


def html_source(parts: Iterable[Part], read: Callable[[int, int], bytes]) -> str:
    """Return the body's parts as one text of HTML, to be sanitised.

    A body may mix text/html with text/plain (RFC 8621 section 4.1.4).

    Args:
        read: returns `length` bytes of the original from `start` on.
    """
    return "".join(
        _as_html(part, read(part.start, part.length))
        for part in parts
        if part.content_type.startswith("text/")
    )


def _as_html(part: Part, encoded: bytes) -> str:
    text = decode_text(part, encoded)
    if part.content_type == "text/html":
        return text
    return f'<div style="white-space: pre-wrap">{escape(text)}</div>'
