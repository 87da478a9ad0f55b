"""Calendar parts."""

from __future__ import annotations

from email.message import EmailMessage
from time import process_time

import pytest

from wagtail_mailarchive.mime.details import Attendee, Invitation
from wagtail_mailarchive.mime.invitations import UnreadableCalendar, read_invitations
from wagtail_mailarchive.mime.parser import parse

# Outlook's: a zone of its own making under a name of Windows.
OUTLOOK = """\
BEGIN:VCALENDAR
METHOD:REQUEST
VERSION:2.0
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
RRULE:FREQ=SECONDLY
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;TZID=W. Europe Standard Time:20260305T100000
DTEND;TZID=W. Europe Standard Time:20260305T113000
SUMMARY:Plan\\, the\\nnext
LOCATION:Room 1
ORGANIZER;CN="Ada, L":MAILTO:ada@example.org
ATTENDEE;CN=Bo;PARTSTAT=ACCEPTED:mailto:bo@example.org
ATTENDEE:mailto:cy@example.org
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231T000000Z
END:VEVENT
END:VCALENDAR
"""


def event(*lines: str) -> Invitation:
    text = "\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"])
    (found,) = read_invitations("2", text)
    return found


def test_an_invitation_of_outlook() -> None:
    assert read_invitations("1.2", OUTLOOK) == [
        Invitation(
            section="1.2",
            method="REQUEST",
            summary="Plan, the next",
            location="Room 1",
            starts="2026-03-05T10:00:00+01:00",
            ends="2026-03-05T11:30:00+01:00",
            zone="Europe/Berlin",
            organizer=Attendee("Ada, L", "ada@example.org"),
            attendees=[
                Attendee("Bo", "bo@example.org", "accepted"),
                Attendee("", "cy@example.org"),
            ],
            attendee_count=2,
            frequency="weekly",
            interval=2,
            weekdays=["MO", "WE"],
            until="2026-12-31T00:00:00+00:00",
        )
    ]


@pytest.mark.parametrize(
    ("start", "expected", "zone"),
    [
        ("DTSTART;VALUE=DATE:20260305", "2026-03-05", ""),
        ("DTSTART:20260305T100000", "2026-03-05T10:00:00", ""),
        ("DTSTART:20260305T100000Z", "2026-03-05T10:00:00+00:00", ""),
        ("DTSTART;TZID=Made/Up:20260305T100000", "2026-03-05T10:00:00", "Made/Up"),
        (
            "DTSTART;TZID=../../etc/passwd:20260305T100000",
            "2026-03-05T10:00:00",
            "../../etc/passwd",
        ),
    ],
)
def test_the_kinds_of_time(start: str, expected: str, zone: str) -> None:
    found = event(start)
    assert (found.starts, found.zone, found.ends) == (expected, zone, "")


@pytest.mark.parametrize(
    ("rule", "frequency"),
    [
        ("RRULE:FREQ=DAILY;COUNT=5", "daily"),
        ("RRULE:FREQ=MONTHLY;BYDAY=2TU", "other"),
        ("RRULE:FREQ=YEARLY;BYMONTH=3", "other"),
        ("RRULE:FREQ=SECONDLY", "other"),
        ("RDATE:20260306T100000Z", "other"),
        ("SUMMARY:once", ""),
    ],
)
def test_only_simple_recurrences_are_put_in_words(rule: str, frequency: str) -> None:
    assert event("DTSTART:20260305T100000Z", rule).frequency == frequency


def test_a_cancellation() -> None:
    assert event("DTSTART:20260305T100000Z", "STATUS:CANCELLED").is_cancelled


@pytest.mark.parametrize("text", ["x", OUTLOOK.replace("20260305T100000", "soon")])
def test_what_is_no_calendar_is_said(text: str) -> None:
    with pytest.raises(UnreadableCalendar):
        read_invitations("2", text)


def mail(text: str) -> bytes:
    message = EmailMessage()
    message.set_content("You are invited")
    message.add_alternative(text.encode(), "text", "calendar", params={"method": "REQUEST"})
    message.add_attachment(text.encode(), "application", "ics", filename="invite.ics")
    return message.as_bytes()


def test_a_message_tells_the_same_calendar_once() -> None:
    assert [each.summary for each in parse(mail(OUTLOOK)).details.invitations] == ["Plan, the next"]
    assert "bad-calendar" in parse(mail("nonsense")).defects


@pytest.mark.parametrize(
    "hostile",
    [
        "BEGIN:VTIMEZONE\n" * 100_000,
        "BEGIN:VEVENT\n" * 100_000,
        "BEGIN:VCALENDAR\nX;A=" + '"' * 500_000,
        "BEGIN:VCALENDAR\nX" + ";A=b" * 100_000 + ":c\n",
        "BEGIN:VCALENDAR\nX:a" + "\n a" * 300_000,
    ],
)
def test_hostile_calendars_take_no_longer_than_others(hostile: str) -> None:
    begin = process_time()
    parse(mail(hostile))
    assert process_time() - begin < 5
