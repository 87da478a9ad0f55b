"""How many messages a folder holds by month, kept up to date while archiving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from django.db import connection

from ..models import MonthCount
from ..models.month_count import WHOLE_MONTH
from . import rows

_QUARTER = timedelta(minutes=15)
_REACH = 56  # quarters in fourteen hours, the farthest zone
# In SQL, because Django takes several times as long to write it as a database to answer it.
_COUNTED: Final = f"""
SELECT month, quarter, messages FROM {MonthCount._meta.db_table}
WHERE folder_id = %s AND messages > 0 AND (quarter = %s OR quarter BETWEEN %s AND %s)
"""  # noqa: S608 (the table's name is ours)


def add(folder_id: int, moments: Iterable[datetime], gone: Iterable[datetime] = ()) -> None:
    """Count messages sorted at `moments`, and those at `gone` no more, in the present transaction.

    What is gone was counted before.
    """
    counter: Counter[tuple[date, int]] = Counter()
    for moment in moments:
        counter.update(_rows_of(moment))
    for moment in gone:
        counter.subtract(_rows_of(moment))
    rows.insert(
        MonthCount,
        ("folder_id", "month", "quarter", "messages"),
        [
            (folder_id, month.isoformat(), quarter, number)
            for (month, quarter), number in sorted(counter.items())
            if number
        ],
        unique=("folder_id", "quarter", "month"),
        add=("messages",),
    )


def by_month(folder_id: int, zone: tzinfo) -> dict[tuple[int, int], int]:
    """Return {(year, month): messages} in `zone`, newest first, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [folder_id, WHOLE_MONTH, *_farthest_offsets(zone)])
        counted = cursor.fetchall()
    counts: Counter[tuple[int, int]] = Counter()
    for begin, quarter, number in counted:
        month = str(begin)  # by SQLite it is text
        if quarter == WHOLE_MONTH:
            counts[int(month[:4]), int(month[5:7])] += number
        elif moved := _moved(month, quarter, zone):
            utc, local = moved
            counts[utc] -= number
            counts[local] += number
    return {key: counts[key] for key in sorted(counts, reverse=True) if counts[key] > 0}


def bounds(year: int, month: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the beginning of a month in `zone` and of the next one, aware.

    Raises:
        ValueError, OverflowError: there is no such month.
    """
    following = (year + month // 12, month % 12 + 1)
    return datetime(year, month, 1, tzinfo=zone), datetime(*following, 1, tzinfo=zone)


def _rows_of(moment: datetime) -> Iterable[tuple[date, int]]:
    utc = moment.astimezone(UTC)
    first = date(utc.year, utc.month, 1)
    yield first, WHOLE_MONTH
    after = (utc - _begin(first)) // _QUARTER
    if after < _REACH:
        yield first, after
        return
    following = date(utc.year + utc.month // 12, utc.month % 12 + 1, 1)
    before = (utc - _begin(following)) // _QUARTER  # rounds down, so -1 is the last quarter
    if before >= -_REACH:
        yield following, before


@lru_cache(maxsize=1 << 14)
def _moved(begin: str, quarter: int, zone: tzinfo) -> tuple[tuple[int, int], ...]:
    """Return the months of UTC and of `zone` that a quarter lies in; () where it is one month.

    Args:
        begin: first day (UTC) of the month that the quarter is near to.
    """
    moment = _begin(date.fromisoformat(begin)) + quarter * _QUARTER
    local = moment.astimezone(zone)
    found = (moment.year, moment.month), (local.year, local.month)
    return found if found[0] != found[1] else ()


@lru_cache(maxsize=32)
def _farthest_offsets(zone: tzinfo) -> tuple[int, int]:
    """Return the quarters that may lie in another month in `zone`, as an inclusive range."""
    year = datetime.now(UTC).year
    offsets = [
        zone.utcoffset(datetime(each, month, 1)) or timedelta(0)
        for each in range(year - 40, year + 2)
        for month in range(1, 13)
    ]
    east = max(*offsets, timedelta(0)) // _QUARTER
    west = -(min(*offsets, timedelta(0)) // _QUARTER)
    return -min(east, _REACH), min(west, _REACH) - 1


def _begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)
