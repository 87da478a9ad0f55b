"""The quick reader of FETCH answers says what IMAPClient's parser says, or asks it."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient.response_parser import parse_response  # type: ignore[import-untyped]

from wagtail_mailarchive.sources.fetch_answers import answers, received_at

PLAIN: list[list[Any]] = [
    [b"1 (UID 10 RFC822.SIZE 20)"],
    [b'1 (UID 10 RFC822.SIZE 0 INTERNALDATE " 7-Jul-1996 02:44:25 -0700")'],
    [b"1 (uid 10 rfc822.size 20)"],
    [(b"1 (UID 10 BODY[] {3}", b"abc"), b")"],
    [(b"1 (BODY[]<0> {3}", b"abc"), b" UID 10)"],
    [(b"1 (UID 10 BODY[]<1048576> {0}", b""), b")"],
    [b'1 (UID 10 BODY[] "a b")'],
    [b"1 (UID 10 BODY[] NIL)"],
]
ODD: list[list[Any]] = [
    [b'1 (UID 10 BODY[] "say \\"hi\\" \\\\")'],
    [b'1 (UID 10 X ("a" (b NIL)) RFC822.SIZE 5)'],
    [(b'1 (UID 10 ENVELOPE ("date" {3}', b'a"b'), b" NIL) RFC822.SIZE 5)"],
    [b"1 (UID 10 BODY[HEADER.FIELDS (SUBJECT)] NIL)"],
    [b"1 ( UID  10 RFC822.SIZE 5 )"],
    [b'1 (UID 10 BODY[] "NIL")'],
]


@pytest.mark.parametrize("records", PLAIN + ODD)
def test_both_readings_agree(records: list[Any]) -> None:
    _, items = parse_response(records)
    expected = {name.upper(): value for name, value in zip(items[::2], items[1::2], strict=True)}
    assert list(answers(records)) == [expected]


def test_flags_are_stepped_over() -> None:
    (answer,) = answers([b"1 (FLAGS (\\Seen $Junk) UID 10 RFC822.SIZE 5)"])
    assert (answer[b"UID"], answer[b"RFC822.SIZE"]) == (10, 5)


@pytest.mark.parametrize(
    "records",
    [
        [(b"1 (UID 10 BODY[] {3}", b"abc")],
        [(b"1 (UID 10 BODY[] {4}", b"abc"), b")"],
        [b"1 (UID 10 BODY[] {4})"],
        [b"1 (UID 10"],
        [b"1 (UID)"],
        [b"UID 10"],
        [b""],
    ],
)
def test_what_is_no_answer_is_an_error(records: list[Any]) -> None:
    with pytest.raises(Exception, match=r".*") as caught:
        list(answers(records))
    assert caught.type.__name__ in {"ValueError", "ProtocolError"}


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (b"17-Jul-1996 02:44:25 -0700", "1996-07-17T02:44:25-07:00"),
        (b" 1-Jan-2020 00:00:00 +0545", "2020-01-01T00:00:00+05:45"),
        (b"1-Jan-2020 00:00:00 +0000", "2020-01-01T00:00:00+00:00"),
        (b"Mon, 6 Jan 2020 10:11:12 GMT", "2020-01-06T10:11:12+00:00"),
    ],
)
def test_dates(written: bytes, moment: str) -> None:
    found = received_at({b"INTERNALDATE": written})
    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize(
    "written",
    [
        None,
        b"",
        b"yesterday",
        b"31-Feb-2020 00:00:00 +0000",
        b"01-Foo-2020 00:00:00 +0000",
        b"01-Jan-0000 00:00:00 +0000",
        b"01-Jan-2020 25:00:00 +0000",
        b"01-Jan-2020 00:00:00 +9900",
        b"\xff",
        20200101,
    ],
)
def test_what_is_no_date(written: object) -> None:
    assert received_at({b"INTERNALDATE": written}) is None
