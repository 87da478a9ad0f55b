"""Months add up exactly in every reader's zone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import factories
from wagtail_mailarchive.archive import month_counts

pytestmark = pytest.mark.django_db

ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati"]


def moments() -> list[datetime]:
    random = Random(7)
    anywhere = [
        datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(60 * 24 * 800))
        for _ in range(300)
    ]
    edges = [
        datetime(2025, month, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(-900, 900))
        for month in range(1, 13)
        for _ in range(20)
    ]
    return [
        *anywhere,
        *edges,
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    ]


@pytest.mark.parametrize("name", ZONES)
def test_months_are_those_of_the_readers_zone(
    name: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    folder, zone = factories.folder(), ZoneInfo(name)
    for start in range(0, 500, 50):
        month_counts.add(folder.pk, moments()[start : start + 50])
    month_counts.add(folder.pk, moments()[500:])
    expected = Counter(
        (local.year, local.month) for local in (each.astimezone(zone) for each in moments())
    )
    with django_assert_num_queries(1):
        counted = month_counts.by_month(folder.pk, zone)
    assert counted == expected
    assert list(counted) == sorted(expected, reverse=True)


def test_bounds_of_december_end_in_january() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert month_counts.bounds(2025, 12, zone) == (
        datetime(2025, 12, 1, tzinfo=zone),
        datetime(2026, 1, 1, tzinfo=zone),
    )


def test_folders_are_counted_apart() -> None:
    first, second = factories.folder(), factories.folder()
    month_counts.add(first.pk, [datetime(2025, 5, 5, tzinfo=UTC)])
    assert month_counts.by_month(second.pk, UTC) == {}
