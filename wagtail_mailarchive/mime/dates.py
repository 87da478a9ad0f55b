"""The Date field (RFC 5322 section 3.3 and 4.3), tolerant of what old programs wrote."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip

# RFC 5322 section 4.3; any other name of a zone means "unknown", like -0000.
_ZONE_HOURS = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0,
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip

_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,]\d{1,9})?)?"
_ZONE = (
    r"(?:\s{0,9}(?P<sign>[+-])(?P<zone_hour>\d{2}):?(?P<zone_minute>\d{2})"
    r"|\s{1,9}(?P<zone>[A-Za-z]{1,5})\b|(?P<utc>Z)\b)?"
)
_FORMS = (
    # Fri, 7 Oct 1994 16:15:05 -0700
    re.compile(
        r"\b(?P<day>\d{1,2})[\s-]{1,9}(?P<month>[A-Za-z]{3})[a-z]{0,6}\.?[\s,-]{1,9}"
        r"(?P<year>\d{2,4})[\s,]{1,9}" + _TIME + _ZONE
    ),
    # Fri Oct  7 16:15:05 1994, a zone before or behind the year
    re.compile(
        r"\b(?P<month>[A-Za-z]{3})[a-z]{0,6}\.?\s{1,9}(?P<day>\d{1,2}),?\s{1,9}" + _TIME
        + r"(?:\s{1,9}[A-Z]{1,5})?\s{1,9}(?P<year>\d{4})" + _ZONE
    ),
    # 1994-10-07T16:15:05-07:00
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})[T\s]\s{0,9}" + _TIME + _ZONE),
)  # fmt: skip
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?\s{1,9}", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_LONGEST = 200  # a date is short; what is behind it does not matter

# A day of room at both ends of what datetime holds, so that every zone can show it.
_EPOCH = datetime(1970, 1, 1)  # naive, for UTC values only
_EARLIEST = datetime(1, 1, 3)
_LATEST = datetime(9999, 12, 29)


def read_date(value: bytes) -> tuple[int | None, int | None]:
    """Return (seconds since 1970 UTC, minutes east of UTC) of a Date field.

    The first is None where no date can be read or it is no date (31 June). The second is None
    where the zone is missing, unknown or "-0000"; the time is then taken for UTC.
    """
    text = value[:_LONGEST].decode("latin-1")
    if "(" in text:
        text = _COMMENT.sub(" ", text)
    for form in _FORMS:
        if match := form.search(text):
            return _seconds(match)
    return None, None


def is_date(text: str) -> bool:
    """Whether `text` is a date with its time, as `read_date` reads it, and nothing else."""
    text = _COMMENT.sub(" ", text).strip() if len(text) <= _LONGEST else ""
    weekday = _WEEKDAY.match(text)
    bare = text[weekday.end() :] if weekday else text
    return any(form.fullmatch(bare) for form in _FORMS)


def _seconds(match: re.Match[str]) -> tuple[int | None, int | None]:
    month = match["month"]
    try:
        local = datetime(
            _year(match["year"]),
            int(month) if month.isdigit() else _MONTHS[month.lower()],
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"] or 0), 59),  # a leap second
        )
    except (ValueError, KeyError):
        return None, None
    offset = _offset(match)
    utc = local - timedelta(minutes=offset or 0) if _EARLIEST < local < _LATEST else None
    return (None, None) if utc is None else (int((utc - _EPOCH).total_seconds()), offset)


def _year(digits: str) -> int:
    """RFC 5322 section 4.3: two digits below 50 are of this century, three count from 1900."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _offset(match: re.Match[str]) -> int | None:
    if match["sign"]:
        hours, minutes = int(match["zone_hour"]), int(match["zone_minute"])
        if hours > 23 or minutes > 59 or (match["sign"] == "-" and not hours and not minutes):
            return None
        return (hours * 60 + minutes) * (-1 if match["sign"] == "-" else 1)
    hours_east = _ZONE_HOURS.get((match["zone"] or match["utc"] or "").lower())
    return None if hours_east is None else hours_east * 60
