"""Invitations as cards: what, when in the reader's zone, where, who, how often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext

from ..mime.details import Attendee, Invitation

_SHOWN = 12  # attendees
_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}


@dataclass(frozen=True, slots=True)
class Card:
    """One event in words.

    Attributes:
        kind: what it is: an invitation, an answer, a cancellation, an event.
        when: in the reader's zone; "" if it is not known.
        there: the same in the zone it was written in, where that is another; "" otherwise.
        starts: ISO 8601, for machines.
        people: pairs of person and answer in words, "" without one.
        more: how many people are not shown.
        repeats: "" for once.
        is_over: cancelled.
    """

    kind: str
    summary: str
    when: str
    there: str
    starts: str
    location: str
    organizer: Attendee | None
    people: list[tuple[Attendee, str]] = field(default_factory=list)
    more: int = 0
    repeats: str = ""
    is_over: bool = False


def cards(invitations: Iterable[Invitation], zone: tzinfo) -> list[Card]:
    """Return the cards of a message in the active language.

    Args:
        zone: the reader's.
    """
    return [_card(each, zone) for each in invitations]


def _card(invitation: Invitation, zone: tzinfo) -> Card:
    is_over = invitation.is_cancelled or invitation.method == "CANCEL"
    starts, ends = _parsed(invitation.starts), _parsed(invitation.ends)
    people = invitation.attendees[:_SHOWN]
    return Card(
        kind=_kind(invitation, is_over=is_over),
        summary=invitation.summary or gettext("(no title)"),
        when=_when(starts, ends, zone, invitation.zone),
        there=_there(starts, ends, zone, invitation.zone),
        starts=invitation.starts,
        location=invitation.location,
        organizer=invitation.organizer,
        people=[(each, _answer(each.answer)) for each in people],
        more=max(0, invitation.attendee_count - len(people)),
        repeats=_repeats(invitation, zone),
        is_over=is_over,
    )


def _kind(invitation: Invitation, *, is_over: bool) -> str:
    if is_over:
        return gettext("Cancelled event")
    if invitation.method == "REQUEST":
        return gettext("Invitation")
    if invitation.method in ("REPLY", "COUNTER"):
        return gettext("Answer to an invitation")
    return gettext("Event")


def _answer(answer: str) -> str:
    return {
        "accepted": gettext("accepted"),
        "declined": gettext("declined"),
        "tentative": gettext("perhaps"),
        "delegated": gettext("sends somebody else"),
    }.get(answer, "")


# -- when ------------------------------------------------------------------------------------


def _parsed(text: str) -> date | None:
    """Return a date or a datetime; None for what is neither, or too far away to be shown."""
    try:
        return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError:
        return None


def _when(starts: date | None, ends: date | None, zone: tzinfo, named: str) -> str:
    if starts is None:
        return ""
    if not isinstance(starts, datetime):
        return _days(starts, ends)
    if starts.tzinfo is None:  # a time that is the same wherever one is, or in an unknown zone
        return f"{_span(starts, ends)} ({named})" if named else _span(starts, ends)
    local = _at(starts, zone)
    return f"{_span(local, _end_at(ends, zone))} {local:%Z}"


def _there(starts: date | None, ends: date | None, zone: tzinfo, named: str) -> str:
    if not isinstance(starts, datetime) or starts.tzinfo is None or not named:
        return ""
    try:
        theirs = ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    if _at(starts, zone).utcoffset() == _at(starts, theirs).utcoffset():
        return ""
    span = _span(_at(starts, theirs), _end_at(ends, theirs))
    return gettext("%(time)s in %(zone)s") % {"time": span, "zone": named}


def _days(starts: date, ends: date | None) -> str:
    # RFC 5545 section 3.6.1: the end is the first day after it.
    last = ends - timedelta(days=1) if ends is not None and ends > starts else starts
    first = date_format(starts, "DATE_FORMAT")
    return first if last == starts else f"{first} – {date_format(last, 'DATE_FORMAT')}"


def _span(starts: datetime, ends: date | None) -> str:
    begin = date_format(starts, "DATETIME_FORMAT")
    if not isinstance(ends, datetime) or (ends.tzinfo is None) != (starts.tzinfo is None):
        return begin
    if ends.date() == starts.date():
        return f"{begin} – {date_format(ends, 'TIME_FORMAT')}"
    return f"{begin} – {date_format(ends, 'DATETIME_FORMAT')}"


def _at(moment: datetime, zone: tzinfo) -> datetime:
    """Return an aware time in `zone`; as it is at the ends of the calendar."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _end_at(ends: date | None, zone: tzinfo) -> date | None:
    return _at(ends, zone) if isinstance(ends, datetime) and ends.tzinfo is not None else ends


# -- how often -------------------------------------------------------------------------------


def _repeats(invitation: Invitation, zone: tzinfo) -> str:
    every = invitation.interval
    match invitation.frequency:
        case "":
            return ""
        case "daily":
            words = ngettext("every day", "every %(number)d days", every)
        case "weekly":
            words = ngettext("every week", "every %(number)d weeks", every)
        case "monthly":
            words = ngettext("every month", "every %(number)d months", every)
        case "yearly":
            words = ngettext("every year", "every %(number)d years", every)
        case _:
            return gettext("more than once; the calendar file says when")
    words %= {"number": every}
    if invitation.weekdays:
        days = [str(WEEKDAYS[_WEEKDAYS[each]]) for each in invitation.weekdays if each in _WEEKDAYS]
        last_word = gettext("and")
        words = gettext("%(often)s on %(days)s") % {
            "often": words,
            "days": get_text_list(days, last_word),
        }
    until = _parsed(invitation.until)
    if until is not None:
        if isinstance(until, datetime) and until.tzinfo is not None:
            until = _at(until, zone)
        values = {"often": words, "day": date_format(until, "DATE_FORMAT")}
        return gettext("%(often)s until %(day)s") % values
    if invitation.count:
        times = ngettext("%d time", "%d times", invitation.count) % invitation.count
        return gettext("%(often)s, %(times)s") % {"often": words, "times": times}
    return words
