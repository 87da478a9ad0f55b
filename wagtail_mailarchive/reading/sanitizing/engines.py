"""The two sanitisers, told the same: which elements stay, and whom to ask about each attribute.

They have the last word. Neither rewrites anything; an attribute stays exactly if `wrote` knows it.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Literal

import nh3
from bleach.css_sanitizer import CSSSanitizer
from bleach.sanitizer import Cleaner

from .policy import (
    ATTRIBUTES,
    ATTRIBUTES_OF_ALL,
    ENGINE_SCHEMES,
    REMOVED_WITH_CONTENT,
    TAGS,
)

Engine = Literal["nh3", "bleach"]
Wrote = Callable[[str, str, str], bool]

_NH3_ATTRIBUTES = {tag: set(names) for tag, names in ATTRIBUTES.items()}
_NH3_ATTRIBUTES["*"] = set(ATTRIBUTES_OF_ALL)


def clean(markup: str, engine: Engine, wrote: Wrote) -> str:
    """Return `markup` with nothing but the policy's elements and the attributes `wrote` knows."""
    return _clean_with_nh3(markup, wrote) if engine == "nh3" else _clean_with_bleach(markup, wrote)


def _clean_with_nh3(markup: str, wrote: Wrote) -> str:
    return nh3.clean(
        markup,
        tags=set(TAGS),
        clean_content_tags=set(REMOVED_WITH_CONTENT),
        attributes=_NH3_ATTRIBUTES,
        attribute_filter=lambda tag, name, value: value if wrote(tag, name, value) else None,
        url_schemes=set(ENGINE_SCHEMES),
        link_rel=None,  # ours is written before
    )


class _AlreadyFiltered(CSSSanitizer):
    """bleach empties each `style` without one; ours were filtered before, and `wrote` knows."""

    def sanitize_css(self, style: str) -> str:
        return style


def _clean_with_bleach(markup: str, wrote: Wrote) -> str:
    # A Cleaner must not be shared by threads.
    return Cleaner(
        tags=TAGS,
        # bleach hands out attributes with their character references unresolved.
        attributes=lambda tag, name, value: wrote(tag, name, html.unescape(value)),
        protocols=ENGINE_SCHEMES,
        strip=True,
        strip_comments=True,
        css_sanitizer=_AlreadyFiltered(),
    ).clean(markup)
