"""Events of calendar parts (RFC 5545), as far as a card on the message's page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from .details import Attendee, Invitation

if TYPE_CHECKING:
    from icalendar import Component

TYPES = frozenset({"text/calendar", "application/ics"})
# Of one calendar. icalendar reads 100 kB made to hurt it in 0.2 s.
CHARACTERS = 100_000
# Of one message.
CALENDARS = 3
EVENTS = 5
_ATTENDEES = 50
_LINE = 500
_NUMBER = 10_000

# A zone's rules are made up by the sender and may take for ever to be worked out. Zones are known
# by name; one that is not is told as it is named.
_ZONE_BEGINS, _ZONE_ENDS = "BEGIN:VTIMEZONE", "END:VTIMEZONE"
_FREQUENCIES = frozenset({"daily", "weekly", "monthly", "yearly"})
_RULE_PARTS = frozenset({"FREQ", "INTERVAL", "BYDAY", "UNTIL", "COUNT", "WKST"})
_WEEKDAYS = frozenset({"MO", "TU", "WE", "TH", "FR", "SA", "SU"})


class UnreadableCalendar(ValueError):
    """The text is no calendar that could be read."""


def read_invitations(section: str, text: str) -> list[Invitation]:
    """Return the events in the text of a calendar part; the first of them.

    Args:
        section: of the part.

    Raises:
        UnreadableCalendar.
    """
    # Few messages hold a calendar, and importing this takes a quarter of a second.
    from icalendar import Calendar

    try:
        calendars = Calendar.from_ical(_without_zones(text[:CHARACTERS]), multiple=True)
        return list(_events(section, calendars))[:EVENTS]
    except Exception as error:
        # The library is foreign code that raises whatever mail makes it raise: KeyError,
        # IndexError, AttributeError, ... Its error quotes the mail.
        raise UnreadableCalendar from error


def _without_zones(text: str) -> str:
    kept: list[str] = []
    is_zone = False
    for line in text.split("\n"):
        tag = line.strip().upper()
        is_zone = is_zone or tag == _ZONE_BEGINS
        if not is_zone:
            kept.append(line)
        is_zone = is_zone and tag != _ZONE_ENDS
    return "\n".join(kept)


def _events(section: str, calendars: Sequence[Component]) -> Iterator[Invitation]:
    for calendar in calendars:
        for component in calendar.subcomponents[:EVENTS]:
            if component.name == "VEVENT":
                yield _invitation(section, _line(calendar.get("METHOD")).upper(), component)


def _invitation(section: str, method: str, event: Any) -> Invitation:
    attendees = _several(event.get("ATTENDEE"))
    starts = event.start
    found = Invitation(
        section=section,
        method=method[:20],
        summary=_line(event.get("SUMMARY")),
        location=_line(event.get("LOCATION")),
        starts=_iso(starts),
        ends=_iso(event.end) if "DTEND" in event or "DURATION" in event else "",
        zone=_zone(event, starts),
        attendees=[_person(each) for each in attendees[:_ATTENDEES]],
        attendee_count=len(attendees),
        is_cancelled=_line(event.get("STATUS")).upper() == "CANCELLED",
    )
    if "ORGANIZER" in event:
        found.organizer = _person(_several(event["ORGANIZER"])[0])
    if "RRULE" in event or "RDATE" in event:
        _set_recurrence(found, event)
    return found


def _set_recurrence(found: Invitation, event: Any) -> None:
    found.frequency = "other"
    rule = event.get("RRULE")
    if isinstance(rule, list) or rule is None or "RDATE" in event or "EXDATE" in event:
        return
    frequency = str(_first(rule.get("FREQ"))).lower()
    weekdays = [str(each).upper() for each in _several(rule.get("BYDAY"))]
    if (
        set(rule) - _RULE_PARTS
        or frequency not in _FREQUENCIES
        or set(weekdays) - _WEEKDAYS
        or (weekdays and frequency != "weekly")
    ):
        return
    found.frequency = frequency
    found.weekdays = list(dict.fromkeys(weekdays))
    found.interval = _number(rule.get("INTERVAL"), 1)
    found.count = _number(rule.get("COUNT"), 0)
    until = _first(rule.get("UNTIL"))
    found.until = _iso(until) if until is not None else ""


def _person(value: Any) -> Attendee:
    address = _line(value)
    if address[:7].lower() == "mailto:":
        address = address[7:]
    return Attendee(
        name=_line(value.params.get("CN")),
        address=address,
        answer=_line(value.params.get("PARTSTAT")).lower()[:20],
    )


def _zone(event: Any, starts: date) -> str:
    """Return the name of the zone that a time is given in; "" for UTC, dates and no zone."""
    if not isinstance(starts, datetime):
        return ""
    named = _line(event["DTSTART"].params.get("TZID"))
    # Outlook's names ("W. Europe Standard Time") are resolved; the key is IANA's name.
    key = str(getattr(starts.tzinfo, "key", "") or named)
    return "" if key == "UTC" else key[:100]


def _iso(moment: date) -> str:
    return moment.isoformat()


def _line(value: object) -> str:
    """Return a property's value in one line."""
    return "" if value is None else " ".join(str(_first(value)).split())[:_LINE]


def _number(value: object, default: int) -> int:
    number = _first(value)
    return number if isinstance(number, int) and 0 < number < _NUMBER else default


def _first(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
