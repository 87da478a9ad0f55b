"""Times as text, as Django writes them, for pages that show dozens.

Django reads the format anew for each. Of the times on a page most are of a few days, so the part of
a format that says the day and the part that says the hour are each kept for a while.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import Final

from django.utils.dateformat import format as write
from django.utils.dateformat import re_formatchars
from django.utils.formats import get_format
from django.utils.translation import get_language

_OF_DAY: Final = frozenset("bdDEFjlLmMnNoStwWyYz")
_OF_HOUR: Final = frozenset("aAfgGhHiP")
_MIDNIGHT: Final = time()
_SOME_DAY: Final = date(2000, 1, 1)


def written(local: datetime, name: str) -> str:
    """Return a time, as its own clock shows it, in a format of Django's.

    Args:
        name: "DATETIME_FORMAT", or another one or its name.
    """
    language = get_language() or ""
    parts = _parts(get_format(name), language)
    if parts is None:
        return write(local, get_format(name))
    return "".join(
        _day(part, language, local.date())
        if is_of_day
        else _hour(part, language, local.hour, local.minute)
        for part, is_of_day in parts
    )


@lru_cache(maxsize=64)
def _parts(format_: str, language: str) -> tuple[tuple[str, bool], ...] | None:
    """Return the parts of a format, each with whether it says the day; None if there is more to
    it, such as seconds and zones."""
    parts: list[tuple[str, bool]] = []
    for number, piece in enumerate(re_formatchars.split(format_)):
        is_of_day = piece in _OF_DAY if number % 2 else not parts or parts[-1][1]
        if number % 2 and not is_of_day and piece not in _OF_HOUR:
            return None
        if parts and parts[-1][1] == is_of_day:
            parts[-1] = (parts[-1][0] + piece, is_of_day)
        else:
            parts.append((piece, is_of_day))
    return tuple(parts)


@lru_cache(maxsize=2_000)
def _day(part: str, language: str, day: date) -> str:
    return write(datetime.combine(day, _MIDNIGHT), part)


@lru_cache(maxsize=4_000)
def _hour(part: str, language: str, hour: int, minute: int) -> str:
    return write(datetime.combine(_SOME_DAY, time(hour, minute)), part)
