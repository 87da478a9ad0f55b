"""The Date field."""

from __future__ import annotations

import calendar

import pytest

from wagtail_mailarchive.mime.dates import read_date
from wagtail_mailarchive.mime.parser import parse


def utc(*clock: int) -> int:
    return calendar.timegm((*clock, *(0,) * (6 - len(clock))))


@pytest.mark.parametrize(
    ("raw", "seconds", "offset"),
    [
        (b"Fri, 07 Oct 1994 16:15:05 -0700 (PDT)", utc(1994, 10, 7, 23, 15, 5), -420),
        (b"7 Oct 1994 16:15 +0530", utc(1994, 10, 7, 10, 45), 330),
        (b"Fri, 7 Oct 1994 16:15:05 GMT", utc(1994, 10, 7, 16, 15, 5), 0),
        (b"Fri, 7 Oct 1994 16:15:05 EDT", utc(1994, 10, 7, 20, 15, 5), -240),
        (b"Fri, 7 Oct 1994 16:15:05 Z", utc(1994, 10, 7, 16, 15, 5), 0),
        # No zone that means anything: the time is taken for UTC.
        (b"Fri, 7 Oct 1994 16:15:05 -0000", utc(1994, 10, 7, 16, 15, 5), None),
        (b"Fri, 7 Oct 1994 16:15:05", utc(1994, 10, 7, 16, 15, 5), None),
        (b"Fri, 7 Oct 1994 16:15:05 A", utc(1994, 10, 7, 16, 15, 5), None),
        (b"Fri, 7 Oct 1994 16:15:05 +9999", utc(1994, 10, 7, 16, 15, 5), None),
        # Years of two and three digits, RFC 5322 section 4.3.
        (b"7 Oct 94 16:15:05 +0000", utc(1994, 10, 7, 16, 15, 5), 0),
        (b"7 Oct 49 16:15:05 +0000", utc(2049, 10, 7, 16, 15, 5), 0),
        (b"7 Oct 102 16:15:05 +0000", utc(2002, 10, 7, 16, 15, 5), 0),
        # Forms of other standards.
        (b"Fri Oct  7 16:15:05 1994", utc(1994, 10, 7, 16, 15, 5), None),
        (b"1994-10-07T16:15:05-07:00", utc(1994, 10, 7, 23, 15, 5), -420),
        (b"1994-10-07T16:15:05Z", utc(1994, 10, 7, 16, 15, 5), 0),
        (b"07-Oct-1994 16:15:05 +0200", utc(1994, 10, 7, 14, 15, 5), 120),
        (b"Sat, 31 Dec 2016 23:59:60 +0000", utc(2016, 12, 31, 23, 59, 59), 0),
        # No dates.
        (b"Whenever", None, None),
        (b"31 Jun 2000 10:00:00 +0000", None, None),
        (b"7 Oct 1994 25:15:05 +0000", None, None),
        (b"7 Foo 1994 16:15:05 +0000", None, None),
        (b"1 Jan 0000 00:00:00 +0000", None, None),
        (b"1 Jan 0001 00:00:00 +0000", None, None),
        (b"31 Dec 9999 23:59:59 -1200", None, None),
    ],
)
def test_dates_are_read(raw: bytes, seconds: int | None, offset: int | None) -> None:
    assert read_date(raw) == (seconds, offset)


def test_every_date_read_can_be_shown_in_its_zone() -> None:
    for date in (b"3 Jan 0001 00:00:01 +2359", b"28 Dec 9999 23:59:59 -2359"):
        message = parse(b"Date: " + date + b"\n\n")
        assert message.sent_at is not None
        assert message.sent_at.day in (3, 28)


def test_an_unreadable_date_is_named_a_defect() -> None:
    assert parse(b"Date: Whenever\n\n").defects == ["bad-date"]
