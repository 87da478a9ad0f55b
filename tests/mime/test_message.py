"""The boundary behind which no string holds what a database refuses."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.answers import read_answer
from wagtail_mailarchive.mime.message import Address, ParsedMessage, Part
from wagtail_mailarchive.mime.parser import parse


def test_a_message_survives_the_way_through_json() -> None:
    raw = (
        b"From: Ada <ada@example.org>\nDate: 7 Oct 1994 16:15:05 -0700\n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext \xf0\x9f\x92\xa9\n"
        b"--b\nContent-Disposition: attachment; filename=a\n\nx\n--b--\n"
    )
    message = parse(raw)

    assert message.text == "text \U0001f4a9"
    assert ParsedMessage.from_json(message.to_json()) == message
    assert read_answer(message.to_json().encode(), len(raw)) == message


@pytest.mark.parametrize("odd", ["\x00", "\ud800"])
def test_nul_and_lone_surrogates_end_here(odd: str) -> None:
    message = ParsedMessage(subject=odd, sender=Address(odd, odd), references=[f"a{odd}b"])
    part = Part("1", "a/b", odd, "7bit", "", odd, "", 0, 0, 0, "")
    message.attachments = [part]
    received = ParsedMessage.from_json(message.to_json())

    assert received.subject == "\ufffd"
    assert received.references == ["a\ufffdb"]
    assert received.sender == Address("\ufffd", "\ufffd")
    assert received.attachments[0].filename == "\ufffd"


def test_surrogates_written_as_bytes_end_here_too() -> None:
    line = ParsedMessage(subject="x").to_json().encode().replace(b'"x"', b'"\xed\xa0\x80"')

    assert ParsedMessage.from_json(line).subject == "\ufffd"


def test_a_raw_message_with_nul_is_read() -> None:
    message = parse(b"Subject: a\x00b\n\nc\x00d")

    assert ParsedMessage.from_json(message.to_json()).text == "c\ufffdd"
