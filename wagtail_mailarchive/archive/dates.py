"""Which time a message is sorted by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# RFC 822 is of August 1982; a Date before is a clock that was never set.
_EARLIEST = datetime(1982, 8, 1, tzinfo=UTC)
# Zones and clocks are off by hours; a Date days after the mail came is made up.
_TOLERANCE = timedelta(days=2)
# A day of room at both ends of what datetime holds, so that every zone can show it.
_FIRST = datetime(1, 1, 3, tzinfo=UTC)
_LAST = datetime(9999, 12, 29, tzinfo=UTC)


def sort_time(sent: datetime | None, received: datetime | None, now: datetime) -> datetime:
    """Return `sent` where it is plausible, else `received` if that is, else `now`.

    Nothing came from the future: a server's clock is no better than a sender's. The result is
    aware, in UTC.
    """
    arrived = now
    if received is not None and _EARLIEST <= received <= now + _TOLERANCE:
        arrived = received
    if sent is not None and _EARLIEST <= sent <= min(arrived, now) + _TOLERANCE:
        return sent.astimezone(UTC)
    return arrived.astimezone(UTC)


def showable(moment: datetime | None) -> datetime | None:
    """Return `moment` in UTC, or None where it has no time in some zones (31 December 9999)."""
    if moment is None or not _FIRST <= moment <= _LAST:
        return None
    return moment.astimezone(UTC)
