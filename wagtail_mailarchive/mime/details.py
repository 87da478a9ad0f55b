"""What a message page tells beside headers, bodies and attachments; plain values like the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_OFFSETS = 64 * 1024 * 1024 * 1024  # beyond any file; a number that the database takes


class Trait(StrEnum):
    """How a message is protected. Nothing of it is verified."""

    SMIME = "smime"  # S/MIME that does not say which
    SMIME_SIGNED = "smime-signed"
    SMIME_ENCRYPTED = "smime-encrypted"
    PGP_SIGNED = "pgp-signed"
    PGP_ENCRYPTED = "pgp-encrypted"
    DKIM_SIGNED = "dkim-signed"


@dataclass(slots=True)
class Reported:
    """One result out of an Authentication-Results field (RFC 8601).

    Attributes:
        server: the authserv-id that reports it; anyone can write any.
        method, result: in lower case, e.g. "dkim" and "pass".
        about: the domain or address it is about; "" if it does not say.
        field: which of the message's fields, from 0 at the top: the last that was written.
    """

    server: str
    method: str
    result: str
    about: str
    field: int = 0


@dataclass(slots=True)
class Attendee:
    """Attributes: name, address: "" if not given; answer: PARTSTAT in lower case, or ""."""

    name: str
    address: str
    answer: str = ""


@dataclass(slots=True)
class Invitation:
    """One event of a calendar part (RFC 5545, RFC 5546).

    Attributes:
        section: of the part.
        method: of the calendar in upper case, e.g. "REQUEST"; "" if it has none.
        summary, location: one line each; "" if not given.
        starts, ends: ISO 8601: a date, a local time without zone, or a time with its offset; "".
        zone: what the time is meant in, e.g. "Europe/Berlin"; "" for UTC and for no zone.
        organizer: None if not given.
        attendees: the first of them.
        attendee_count: how many there are.
        is_cancelled: STATUS:CANCELLED.
        frequency: "daily", "weekly", "monthly", "yearly", "other" for a rule that has more to it
            than the fields here, "" for an event that happens once.
        interval: every how many days, weeks, ...
        weekdays: "MO", "TU", ...; of a weekly event.
        until: as `starts`; "" if not given.
        count: how often; 0 if not given.
    """

    section: str
    method: str = ""
    summary: str = ""
    location: str = ""
    starts: str = ""
    ends: str = ""
    zone: str = ""
    organizer: Attendee | None = None
    attendees: list[Attendee] = field(default_factory=list)
    attendee_count: int = 0
    is_cancelled: bool = False
    frequency: str = ""
    interval: int = 1
    weekdays: list[str] = field(default_factory=list)
    until: str = ""
    count: int = 0


@dataclass(slots=True)
class Contained:
    """A file inside a winmail.dat.

    Attributes:
        section: of the winmail.dat.
        filename: one line without folders; "" if none.
        start, length: its bytes in the decoded content of that part.
    """

    section: str
    filename: str
    start: int
    length: int


@dataclass(slots=True)
class Details:
    """See the classes; every list is bounded."""

    traits: list[str] = field(default_factory=list)
    authentication: list[Reported] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
    contained: list[Contained] = field(default_factory=list)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Details:
        """Rebuild details from JSON; what is missing is empty.

        Raises:
            KeyError, TypeError, AttributeError: the values are none of ours.
        """
        return cls(
            traits=list(values.get("traits", [])),
            authentication=[Reported(**each) for each in values.get("authentication", [])],
            invitations=[_invitation(each) for each in values.get("invitations", [])],
            contained=[Contained(**each) for each in values.get("contained", [])],
        )

    def holds(self) -> bool:
        """Whether all values are of the types that they are declared with, and in bounds."""
        return (
            all(type(each) is str for each in self.traits)
            and all(_are_texts(e.server, e.method, e.result, e.about) for e in self.authentication)
            and all(_is_number(each.field) for each in self.authentication)
            and all(map(_invitation_holds, self.invitations))
            and all(map(_contained_holds, self.contained))
        )


def _invitation(values: dict[str, Any]) -> Invitation:
    organizer = values["organizer"]
    attendees = [Attendee(**each) for each in values["attendees"]]
    return Invitation(
        **values
        | {"organizer": Attendee(**organizer) if organizer else None, "attendees": attendees}
    )


def _invitation_holds(each: Invitation) -> bool:
    people = [*each.attendees, *([each.organizer] if each.organizer else [])]
    return (
        _are_texts(
            *(each.section, each.method, each.summary, each.location, each.starts, each.ends),
            *(each.zone, each.frequency, each.until, *each.weekdays),
        )
        and all(_are_texts(person.name, person.address, person.answer) for person in people)
        and all(_is_number(n) for n in (each.attendee_count, each.interval, each.count))
        and type(each.is_cancelled) is bool
    )


def _contained_holds(each: Contained) -> bool:
    return _are_texts(each.section, each.filename) and all(
        map(_is_number, (each.start, each.length))
    )


def _are_texts(*values: object) -> bool:
    return all(type(each) is str for each in values)


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value < _OFFSETS
