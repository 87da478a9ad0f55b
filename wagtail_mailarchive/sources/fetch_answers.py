"""FETCH answers (RFC 3501 section 7.4.2), as imaplib hands them over, into names and values.

IMAPClient's parser understands everything, one character at a time; over ten thousand messages
that is as long as storing them takes. Nearly every answer is a few plain items, which regular
expressions read twenty times faster; only what they do not recognise goes to IMAPClient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from imapclient.response_parser import parse_response  # type: ignore[import-untyped]

Record = bytes | tuple[bytes, bytes]
Answer = dict[bytes, Any]

_LARGEST = 2**63 - 1  # in a database
_START = re.compile(rb"\d+ \(")
_ITEM = re.compile(
    rb" ?([A-Za-z0-9.-]+(?:\[\](?:<\d+>)?)?) "
    rb'(?:(\d{1,20})(?=[ )])|"([^"\\]*)"|(NIL)(?=[ )])|(\([^()"{]*\))|\{(\d{1,20})\}$)'
)
_DATE = re.compile(rb"([ \d]\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d)")
_MONTHS = {
    name: number
    for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}


def answers(records: Iterable[Record]) -> Iterator[Answer]:
    """Yield the items of each answer that names its UID, under upper-case names.

    Numbers are int, strings bytes, NIL None; lists are of no use here and may be anything.
    Answers are kept apart even where they share a sequence number, as they do after an expunge.

    Args:
        records: what imaplib collects: lines, and pairs of the text before a literal and the
            literal itself; a line ends an answer.

    Raises:
        ValueError, imaplib.IMAP4.error: this is no FETCH answer.
    """
    group: list[Record] = []
    for record in records:
        group.append(record)
        if isinstance(record, bytes):
            answer = _plain(group)
            if answer is None:
                answer = _general(group)
            if isinstance(answer.get(b"UID"), int):
                yield answer
            group = []
    if group:
        raise ValueError("a FETCH answer without an end")


def _plain(group: list[Record]) -> Answer | None:
    """Return the items of an answer made of plain items only, None if it has others."""
    answer: Answer = {}
    for index, record in enumerate(group):
        text, literal = (record, None) if isinstance(record, bytes) else record
        position = 0
        if index == 0:
            start = _START.match(text)
            if start is None:
                return None
            position = start.end()
        announced = None
        while item := _ITEM.match(text, position):
            position = item.end()
            name, number, string, nil, listed, announced = item.groups()
            value: Any = string
            if number:
                value = int(number)
            elif nil or listed:
                value = None
            elif announced:
                value = literal
            answer[name.upper()] = value
        if literal is None:
            complete = text[position:] == b")" and announced is None
        else:
            complete = announced is not None and int(announced) == len(literal)
        if not complete:
            return None
    return answer


def _general(group: list[Record]) -> Answer:
    parsed = parse_response(group)
    if len(parsed) != 2 or not isinstance(parsed[1], tuple):
        raise ValueError("not a FETCH answer")
    items = parsed[1]
    return {
        name.upper(): value
        for name, value in zip(items[::2], items[1::2], strict=True)
        if isinstance(name, bytes)
    }


def received_at(answer: Answer) -> datetime | None:
    """Return INTERNALDATE, aware; None where it is missing or no date."""
    value = answer.get(b"INTERNALDATE")
    if not isinstance(value, bytes):
        return None
    try:
        parts = _DATE.fullmatch(value)
        if parts is None:
            # Not as RFC 3501 has it, but perhaps a date all the same.
            moment = parsedate_to_datetime(value.decode("ascii"))
            # "-0000" is a date whose zone is unknown; it counts as UTC.
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        day, month, *numbers, sign, hours, minutes = parts.groups()
        year, hour, minute, second = map(int, numbers)
        offset = int(hours) * 60 + int(minutes)
        return datetime(
            year,
            _MONTHS[month],
            int(day),
            hour,
            minute,
            second,
            tzinfo=_zone(-offset if sign == b"-" else offset),
        )
    except (ValueError, TypeError, OverflowError, LookupError):
        return None


def source_thread(answer: Answer) -> int | None:
    """Return Gmail's X-GM-THRID, less its first bit of 64; None where it is missing."""
    value = answer.get(b"X-GM-THRID")
    return value & _LARGEST if isinstance(value, int) else None


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))
