"""Which leaves are the body and which are attachments (RFC 8621 section 4.1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .message import Part
from .structure import Entity


@dataclass(slots=True)
class Bodies:
    """Leaves by role; one leaf can be in both `text` and `html`, never also in `attachments`."""

    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


def choose(top: Entity, parts: dict[str, Part]) -> Bodies:
    """Sort the leaves below `top` into roles.

    Unlike in RFC 8621, images, sound and video are attachments wherever they stand: a body here
    is something to read.

    Args:
        parts: what each leaf became, by its section; leaves without one are passed over.
    """
    bodies = Bodies()
    if top.is_multipart:
        alternative = top.content_type == "multipart/alternative"
        _walk(top, parts, bodies.text, bodies.html, bodies.attachments, in_alternative=alternative)
    elif _is_body(parts[top.section], "multipart/mixed", first=True):
        bodies.text.append(parts[top.section])
        bodies.html.append(parts[top.section])
    else:
        bodies.attachments.append(parts[top.section])
    return bodies


def _is_body(part: Part, multipart: str, *, first: bool) -> bool:
    if part.disposition == "attachment" or part.content_type not in ("text/plain", "text/html"):
        return False
    # Of a multipart/related only the root is the body; elsewhere a later text with a name is a
    # file that its sender's program could not help to show.
    return first or (multipart != "multipart/related" and not part.filename)


def _walk(
    multipart: Entity,
    parts: dict[str, Part],
    text: list[Part] | None,
    html: list[Part] | None,
    attachments: list[Part],
    *,
    in_alternative: bool,
) -> None:
    """The RFC's parseStructure; None instead of a list means "not from this branch"."""
    kind = multipart.content_type
    alternative = kind == "multipart/alternative"
    texts_before = -1 if text is None else len(text)
    htmls_before = -1 if html is None else len(html)
    for position, child in enumerate(multipart.children):
        if child.is_multipart:
            inside = in_alternative or child.content_type == "multipart/alternative"
            _walk(child, parts, text, html, attachments, in_alternative=inside)
            continue
        part = parts.get(child.section)
        if part is None:
            continue
        if not _is_body(part, kind, first=position == 0):
            attachments.append(part)
            continue
        plain = part.content_type == "text/plain"
        if alternative:
            chosen = text if plain else html
            (attachments if chosen is None else chosen).append(part)
            continue
        if in_alternative:
            # This branch is one alternative: it speaks for its own kind only.
            text, html = (text, None) if plain else (None, html)
        if text is not None:
            text.append(part)
        if html is not None:
            html.append(part)
        if text is None and html is None:
            attachments.append(part)
    if alternative and text is not None and html is not None:
        # Where one kind is missing, the other stands in for it.
        if len(text) == texts_before and len(html) != htmls_before:
            text += html[htmls_before:]
        elif len(html) == htmls_before and len(text) != texts_before:
            html += text[texts_before:]
