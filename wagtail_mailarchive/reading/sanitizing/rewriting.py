"""Write anew every attribute that may stay, and remember each, so that the engine keeps no other.

The rewriting works on lexbor's tree, the engine parses its serialisation once more. Should the two
ever disagree about where an element or attribute begins, then what appears only in the engine's
reading was not written here, and goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ..true_hosts import true_place
from .addresses import ImageAddresses, link
from .css import filter_declarations
from .folds import mark_folds
from .marks import Mark, marked
from .policy import (
    ATTRIBUTE_PATTERNS,
    ATTRIBUTES,
    ATTRIBUTES_OF_ALL,
    BOOLEAN_ATTRIBUTES,
    IMAGE_ATTRIBUTES,
    LINK_REL,
    LINK_TARGET,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_SIBLINGS,
    MAX_STYLE_CHARACTERS,
    MAX_TEXT_ATTRIBUTE_CHARACTERS,
    REMOVED_WITH_CONTENT,
    TAGS,
    TEXT_ATTRIBUTES,
)
from .trees import glance

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_BARE_HEX: Final = re.compile(r"[0-9A-Fa-f]{6}")
_ALLOWED: Final = {tag: ATTRIBUTES_OF_ALL | ATTRIBUTES.get(tag, frozenset()) for tag in TAGS}


class TooDeep(Exception):
    """The tree is deeper than the policy's bound."""


class TooManyElements(Exception):
    """The tree has more elements, or more below one parent, than the policy's bounds."""


class Rewriter:
    """Rewrites one mail. Use it once.

    Args:
        token: what its marks begin with, see `marks`; "" for none.
    """

    def __init__(self, images: ImageAddresses, token: str = "") -> None:
        self._images = images
        self._token = token
        self._written: set[tuple[str, str, str]] = set()
        # (tag, attribute, raw value) -> value, and how many remote images were blocked in it
        self._known: dict[tuple[str, str, str], tuple[str | None, int]] = {}
        self._style_characters = 0

    def wrote(self, tag: str, attribute: str, value: str) -> bool:
        """Tell whether `rewrite` has written this attribute with this value on such an element."""
        return (tag, attribute, value) in self._written

    def rewrite(self, html: str) -> str:
        """Return the body of `html`, its attributes rewritten, in a `div` that stands for `body`.

        Raises:
            TooDeep, TooManyElements: see there.
        """
        body = LexborHTMLParser(html).body
        if body is None:  # a frameset
            return ""
        elements = _elements(body)
        if self._token:
            mark_folds(body, elements, self._token)
        for element in elements:
            self._rewrite_element(element)
        opening = "<div"
        for name, value in self._attributes_of_body(body):
            self._written.add(("div", name, value))
            opening += f' {name}="{escape(value)}"'
        return f"{opening}>{body.inner_html or ''}</div>"

    def _rewrite_element(self, element: LexborNode) -> None:
        tag = element.tag or ""
        allowed = _ALLOWED.get(tag)
        if allowed is None:
            return
        for name, given in element.attributes.items():
            if name not in allowed:
                continue
            raw = given or ""
            value = self._known_value(tag, name, raw)
            if value is not None and value != raw:
                element.attrs[name] = value
            if value is not None and name == "href":
                self._write(element, tag, "target", LINK_TARGET)
                self._write(element, tag, "rel", LINK_REL)
                self._mark_place(element, value)

    def _known_value(self, tag: str, name: str, raw: str) -> str | None:
        """Return `_value`, worked out once: the cells of a newsletter are alike."""
        known = self._known.get((tag, name, raw))
        if known is None:
            before = self._images.blocked_remote
            value = self._value(name, raw)
            known = self._known[tag, name, raw] = (value, self._images.blocked_remote - before)
            if value is not None:
                self._written.add((tag, name, value))
        else:
            self._images.blocked_remote += known[1]
        return known[0]

    def _write(self, element: LexborNode, tag: str, name: str, value: str) -> None:
        element.attrs[name] = value
        self._written.add((tag, name, value))

    def _mark_place(self, element: LexborNode, target: str) -> None:
        """Tell behind a link where it leads, if its text names another place."""
        place = true_place(target, glance(element)) if self._token else ""
        if place:
            begin, end = marked(self._token, Mark.PLACE), marked(self._token, Mark.PLACE_END)
            element.insert_after(f"{begin}{place}{end}")

    def _value(self, name: str, raw: str) -> str | None:
        """Return the value that attribute `name` may have; None to drop the attribute."""
        if name == "style":
            return self._style(raw) or None
        if name == "href":
            return link(raw)
        if name in IMAGE_ATTRIBUTES:
            return self._images(raw)
        if name in BOOLEAN_ATTRIBUTES:
            return ""
        if name in TEXT_ATTRIBUTES:
            return _CONTROLS.sub(" ", raw)[:MAX_TEXT_ATTRIBUTE_CHARACTERS]
        pattern = ATTRIBUTE_PATTERNS.get(name)
        value = raw.strip()
        return value if pattern is not None and pattern.fullmatch(value) else None

    def _style(self, raw: str) -> str:
        self._style_characters += len(raw)
        if self._style_characters > MAX_STYLE_CHARACTERS:
            return ""
        return _CONTROLS.sub(" ", filter_declarations(raw, self._images))

    def _attributes_of_body(self, body: LexborNode) -> Iterator[tuple[str, str]]:
        """Yield what the `div` that stands for `body` has to carry."""
        style = self._style_of_body(body)
        if style:
            yield "style", style
        html = body.parent
        for name in ("dir", "lang"):
            raw = body.attributes.get(name) or (html and html.attributes.get(name)) or ""
            value = self._value(name, raw)
            if value:
                yield name, value

    def _style_of_body(self, body: LexborNode) -> str:
        """Return what `body` says about its looks, as declarations."""
        given = body.attributes
        styles = []
        for attribute, declaration in (("bgcolor", "background-color"), ("text", "color")):
            color = (given.get(attribute) or "").strip()
            if _BARE_HEX.fullmatch(color):
                color = f"#{color}"
            if ATTRIBUTE_PATTERNS["bgcolor"].fullmatch(color):
                styles.append(f"{declaration}:{color}")
        image = self._images(given.get("background") or "")
        if image is not None:
            styles.append(filter_declarations("background-image:url(x)", lambda _: image))
        styles.append(self._style(given.get("style") or ""))
        return ";".join(filter(None, styles))


def _elements(body: LexborNode) -> list[LexborNode]:
    """Return every element below `body` that may stay, and take out those that may not.

    Raises:
        TooDeep, TooManyElements: see there.
    """
    found: list[LexborNode] = []
    removed: list[LexborNode] = []
    siblings = [0]  # seen so far at each level from `body` down to `node`
    node = body.first_child
    while node is not None:
        below = None
        if node.is_element_node:
            if node.tag in REMOVED_WITH_CONTENT:
                removed.append(node)
            else:
                found.append(node)
                siblings[-1] += 1
                below = node.first_child
        if len(found) > MAX_ELEMENTS or siblings[-1] > MAX_SIBLINGS:
            raise TooManyElements
        if below is not None:
            siblings.append(0)
            if len(siblings) > MAX_DEPTH:
                raise TooDeep
            node = below
            continue
        while node is not None and node.next is None:
            siblings.pop()
            node = node.parent if siblings else None
        if node is not None:
            node = node.next
    for each in removed:
        each.decompose()
    return found
