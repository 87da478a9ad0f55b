"""A message is sorted by a time that can be true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wagtail_mailarchive.archive.dates import showable, sort_time

NOW = datetime(2026, 3, 5, 14, tzinfo=UTC)
RECEIVED = datetime(2025, 6, 1, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAR = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-5 * HOUR))
LONG_AGO = datetime(1, 1, 1, tzinfo=timezone(5 * HOUR))


@pytest.mark.parametrize(
    ("sent", "received", "expected"),
    [
        (RECEIVED - HOUR, RECEIVED, RECEIVED - HOUR),
        (RECEIVED + DAY, RECEIVED, RECEIVED + DAY),
        (RECEIVED + 3 * DAY, RECEIVED, RECEIVED),
        (datetime(1970, 1, 1, tzinfo=UTC), RECEIVED, RECEIVED),
        (None, RECEIVED, RECEIVED),
        (RECEIVED, None, RECEIVED),
        (None, None, NOW),
    ],
)
def test_the_date_is_believed_where_it_fits_the_arrival(
    sent: datetime | None, received: datetime | None, expected: datetime
) -> None:
    assert sort_time(sent, received, NOW) == expected


@pytest.mark.parametrize("received", [NOW + 3 * DAY, datetime(2099, 1, 1, tzinfo=UTC), FAR])
def test_an_arrival_in_the_future_is_not_believed(received: datetime) -> None:
    assert sort_time(None, received, NOW) == NOW
    assert sort_time(RECEIVED, received, NOW) == RECEIVED
    # Nor does it vouch for a Date in the future.
    assert sort_time(received - HOUR, received, NOW) == NOW


def test_a_clock_that_runs_ahead_by_a_day_is_believed_and_vouches_for_no_more() -> None:
    ahead = NOW + DAY
    assert sort_time(None, ahead, NOW) == ahead
    assert sort_time(NOW + 3 * DAY, ahead, NOW) == ahead


@pytest.mark.parametrize("moment", [FAR, LONG_AGO, FAR.replace(tzinfo=UTC)])
def test_a_time_that_not_every_zone_has_is_none(moment: datetime) -> None:
    assert showable(moment) is None


def test_a_time_is_kept_in_utc() -> None:
    assert showable(None) is None
    kept = showable(datetime(2099, 1, 1, 1, tzinfo=timezone(HOUR)))
    assert kept == datetime(2099, 1, 1, tzinfo=UTC)
    assert kept.tzinfo is UTC
