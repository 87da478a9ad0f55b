"""How much mail there is month by month, as bars that lead to their month.

Positions are parts of the width, so that bars fit any screen while words keep their size; nothing
of it needs script or inline style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html import escape

from django.utils.dates import MONTHS
from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, get_language_bidi, ngettext
from django.utils.translation import gettext as _

from .listing import Month

# Months side by side; older ones are in the table.
_WIDEST = 120
# Of the width, in percent, between two years, so that they do not touch on a phone.
_APART = 12.0
HEIGHT = 56  # pixels
_LOWEST = 3
# Timelines kept in a process, some tens of kilobytes each.
_KEPT = 32


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


@dataclass(frozen=True)
class Timeline:
    """Attributes: bars: oldest first; lines: all months, newest first; is_cut: bars are not all."""

    bars: Sequence[Bar]
    labels: Sequence[Label]
    lines: Sequence[Line]
    is_cut: bool

    # There are hundreds of months, and the template language takes fifty times as long.

    @cached_property
    def bars_markup(self) -> SafeString:
        return mark_safe("".join(_bar_markup(bar) for bar in self.bars))  # noqa: S308 (escaped)

    @cached_property
    def lines_markup(self) -> SafeString:
        return mark_safe("".join(_line_markup(line) for line in self.lines))  # noqa: S308


def _bar_markup(bar: Bar) -> str:
    chosen = ' class="mailarchive-timeline__chosen"' if bar.is_chosen else ""
    return (
        f'<a href="{escape(bar.address)}" tabindex="-1"{chosen}><title>{escape(bar.title)}</title>'
        f'<rect class="mailarchive-timeline__slot" x="{bar.slot_x}" width="{bar.slot_width}"'
        f' y="0" height="{HEIGHT}"/>'
        f'<rect class="mailarchive-timeline__bar" x="{bar.x}" width="{bar.width}"'
        f' y="{bar.y}" height="{bar.height}"/></a>'
    )


def _line_markup(line: Line) -> str:
    chosen = ' aria-current="true"' if line.is_chosen else ""
    link = f'<a href="{escape(line.address)}"{chosen}>{escape(line.title)}</a>'
    return f'<tr><th scope="row">{link}</th><td>{escape(line.messages)}</td></tr>'


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
    # Asked once, because joining an address takes longer than all the rest of a month.
    before, _month, after = address_of("0000-00").partition("0000-00")
    return _drawn(tuple(months), chosen, before, after, get_language())


@lru_cache(maxsize=_KEPT)
def _drawn(
    months: tuple[Month, ...], chosen: str, before: str, after: str, language: str | None
) -> Timeline:
    """Return the timeline, which stays the same until mail comes.

    Args:
        before, after: what stands around "2026-03" in the address of a month.
        language: the active one.
    """
    first, last = _span(months, chosen)
    count = last - first + 1
    shown = [month for month in reversed(months) if first <= _ordinal(month) <= last]
    highest = max((month.messages for month in shown), default=1)
    mirrored = get_language_bidi()
    slot = 100 / count
    titles, numbers = _titles(months), _numbers(months)

    def at(place: float, width: float = 0.0) -> str:
        return f"{(100 - place - width if mirrored else place):.3f}%"

    bars = []
    for month in shown:
        place = (_ordinal(month) - first) * slot
        height = max(round(HEIGHT * month.messages / highest), _LOWEST)
        bars.append(
            Bar(
                title=f"{titles[month]}: {' '.join(numbers[month.messages])}",
                address=f"{before}{month.key}{after}",
                is_chosen=bool(chosen) and month.key.startswith(chosen),
                slot_x=at(place, slot),
                slot_width=f"{slot:.3f}%",
                x=at(place + slot * 0.12, slot * 0.76),
                width=f"{slot * 0.76:.3f}%",
                y=HEIGHT - height,
                height=height,
            )
        )
    lines = [
        Line(
            titles[month],
            numbers[month.messages][0],
            f"{before}{month.key}{after}",
            month.key == chosen,
        )
        for month in months
    ]
    return Timeline(bars, _labels(first, last, at), lines, is_cut=len(shown) < len(months))


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
    """Return the years below what is seen of them, as many as fit, the latest first of all."""
    count = last - first + 1
    found: list[Label] = []
    following = 200.0
    for year in range(last // 12, first // 12 - 1, -1):
        begin, end = max(year * 12, first), min(year * 12 + 12, last + 1)
        middle = ((begin + end) / 2 - first) * 100 / count
        # Near the ends there is no room for the whole word.
        if 4 <= middle <= 96 and following - middle >= _APART:
            found.append(Label(f"{year}", at(middle)))
            following = middle
    return found[::-1]


def _ordinal(month: Month) -> int:
    return month.year * 12 + month.month - 1


def _titles(months: Sequence[Month]) -> dict[Month, str]:
    form = _("%(month)s %(year)s")
    names = {number: str(name) for number, name in MONTHS.items()}
    return {each: form % {"month": names[each.month], "year": each.year} for each in months}


def _numbers(months: Sequence[Month]) -> dict[int, tuple[str, str]]:
    """Return how each number of messages is written, and the word behind it."""
    return {
        number: (
            str(number_format(number, force_grouping=True)),
            ngettext("message", "messages", number),
        )
        for number in {each.messages for each in months}
    }
