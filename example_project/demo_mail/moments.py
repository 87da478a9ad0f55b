"""When mail is written: in office hours of its author's zone, always before a given end."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

OPENS, CLOSES = 8, 18


def zone(minutes: int) -> timezone:
    """Return the fixed zone `minutes` east of UTC."""
    return timezone(timedelta(minutes=minutes))


def days_before(end: datetime, days: int, minutes: int, hour: int, minute: int = 0) -> datetime:
    """Return `hour:minute` in the zone of `minutes`, on the last working day `days` before `end`.

    `days` is at least 1, so that the moment lies before `end` in every zone but the farthest.
    """
    day = end.astimezone(zone(minutes)).date() - timedelta(days=days)
    day -= timedelta(days=max(0, day.weekday() - 4))
    return datetime.combine(day, time(hour, minute), zone(minutes))


def in_office_hours(moment: datetime, minutes: int) -> datetime:
    """Return `moment` in the zone of `minutes`, put off to the next working hour if need be."""
    local = moment.astimezone(zone(minutes))
    if local.hour >= CLOSES:
        local = local.replace(hour=OPENS) + timedelta(days=1)
    elif local.hour < OPENS:
        local = local.replace(hour=OPENS)
    while local.weekday() > 4:
        local += timedelta(days=1)
    return local
