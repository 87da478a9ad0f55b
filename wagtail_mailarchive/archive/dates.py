"""Which time a message is sorted by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# RFC 822 is of August 1982; a Date before is a clock that was never set.
_EARLIEST = datetime(1982, 8, 1, tzinfo=UTC)
# Zones and clocks are off by hours; a Date days after the mail came is made up.
_TOLERANCE = timedelta(days=2)


def sort_time(sent: datetime | None, received: datetime | None, now: datetime) -> datetime:
    """Return `sent` where it is plausible, else `received`, else `now`; aware, in UTC."""
    arrived = received if received is not None and received >= _EARLIEST else now
    if sent is not None and _EARLIEST <= sent <= arrived + _TOLERANCE:
        return sent.astimezone(UTC)
    return arrived.astimezone(UTC)
