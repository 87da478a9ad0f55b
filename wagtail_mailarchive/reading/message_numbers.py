"""Numbers of messages as text: pages show dozens, and Django looks up anew how each is written."""

from __future__ import annotations

from functools import lru_cache

from django.utils.formats import localize
from django.utils.translation import get_language, ngettext


def shown(number: int) -> tuple[str, str]:
    """Return a number as the active language writes it, and the word for what it counts."""
    return _shown(get_language() or "", number)


@lru_cache(maxsize=4_000)
def _shown(language: str, number: int) -> tuple[str, str]:
    return str(localize(number)), ngettext("message", "messages", number)
