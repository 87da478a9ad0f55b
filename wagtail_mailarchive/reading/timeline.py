"""How much mail there is month by month, as bars that lead to their month.

Positions are parts of the width, so that bars fit any screen while words keep their size; nothing
of it needs script or inline style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.dates import MONTHS
from django.utils.formats import number_format
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

from .listing import Month

# Months side by side; older ones are in the table.
_WIDEST = 120
# Years between two labels, so that they do not touch on a phone.
_LABELS = 8
HEIGHT = 56  # pixels
_LOWEST = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A month; positions and sizes as SVG reads them.

    Attributes:
        slot_x, slot_width: the whole column, which is what can be clicked.
    """

    title: str
    address: str
    is_chosen: bool
    slot_x: str
    slot_width: str
    x: str
    width: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Label:
    """A year below the bars."""

    text: str
    x: str


@dataclass(frozen=True, slots=True)
class Line:
    """A month in the table."""

    title: str
    messages: str
    address: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """Attributes: bars: oldest first; lines: all months, newest first; is_cut: bars are not all."""

    bars: Sequence[Bar]
    labels: Sequence[Label]
    lines: Sequence[Line]
    is_cut: bool


def timeline(
    months: Sequence[Month], chosen: str, address_of: Callable[[str], str]
) -> Timeline | None:
    """Return the timeline of `months`, newest first; None for fewer than two.

    Args:
        chosen: "2026-03", "2026" or "".
        address_of: gives where a month's messages are, by "2026-03".
    """
    if len(months) < 2:
        return None
    first, last = _span(months, chosen)
    count = last - first + 1
    shown = [month for month in reversed(months) if first <= _ordinal(month) <= last]
    highest = max((month.messages for month in shown), default=1)
    mirrored = get_language_bidi()
    slot = 100 / count

    def at(place: float, width: float = 0.0) -> str:
        return f"{(100 - place - width if mirrored else place):.3f}%"

    bars = []
    for month in shown:
        place = (_ordinal(month) - first) * slot
        height = max(round(HEIGHT * month.messages / highest), _LOWEST)
        bars.append(
            Bar(
                title=f"{_title(month)}: {_number(month)} {month.noun}",
                address=address_of(month.key),
                is_chosen=bool(chosen) and month.key.startswith(chosen),
                slot_x=at(place, slot),
                slot_width=f"{slot:.3f}%",
                x=at(place + slot * 0.12, slot * 0.76),
                width=f"{slot * 0.76:.3f}%",
                y=HEIGHT - height,
                height=height,
            )
        )
    return Timeline(
        bars,
        _labels(first, last, at),
        [
            Line(_title(month), _number(month), address_of(month.key), month.key == chosen)
            for month in months
        ],
        is_cut=len(shown) < len(months),
    )


def _span(months: Sequence[Month], chosen: str) -> tuple[int, int]:
    """Return the first and the last month shown; what is chosen is among them."""
    newest, oldest = _ordinal(months[0]), _ordinal(months[-1])
    last = newest
    if chosen:
        # The year of what is chosen, with some years behind it.
        wanted = int(chosen[:4]) * 12 + 11
        if wanted - 11 <= newest - _WIDEST:
            last = min(newest, wanted + _WIDEST // 2)
    return max(min(oldest, last), last - _WIDEST + 1), last


def _labels(first: int, last: int, at: Callable[[float], str]) -> list[Label]:
    years = range(-(-first // 12), last // 12 + 1)
    count = last - first + 1
    if not years:
        return [Label(f"{first // 12}", at(50))]
    step = -(-len(years) // _LABELS)
    found = []
    for year in years:
        middle = (year * 12 + min(6, (last - year * 12 + 1) / 2) - first) * 100 / count
        # Near the end there is no room for the whole word.
        if (years[-1] - year) % step == 0 and 4 <= middle <= 96:
            found.append(Label(f"{year}", at(middle)))
    return found


def _ordinal(month: Month) -> int:
    return month.year * 12 + month.month - 1


def _title(month: Month) -> str:
    return _("%(month)s %(year)s") % {"month": MONTHS[month.month], "year": month.year}


def _number(month: Month) -> str:
    return str(number_format(month.messages, force_grouping=True))
