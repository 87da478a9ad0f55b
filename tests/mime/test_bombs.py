"""Mail made to hurt the parser. Each bomb is read in the real process under its real limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.mime.bombs import BODIES, HEADERS, nested
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.process import ParserProcess

Parse = Callable[[bytes], ParsedMessage]


@pytest.fixture(scope="module")
def parse() -> Iterator[Parse]:
    with ParserProcess(seconds=10) as process:
        yield lambda raw: process.parse([raw])


@pytest.mark.parametrize("name", HEADERS)
def test_a_hostile_header_is_read_in_time(parse: Parse, name: str) -> None:
    message = parse(HEADERS[name] + b"\nMessage-ID: <id@example.org>\n\nbody\n")

    assert message.text == "body"


def test_a_long_subject_is_cut_and_said_so(parse: Parse) -> None:
    message = parse(b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 14_000 + b"\n\n")

    assert message.subject.startswith("ééé")
    assert "header-truncated" in message.defects


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_read_in_time(parse: Parse, name: str) -> None:
    message = parse(b"Subject: still here\n" + BODIES[name])

    assert message.subject == "still here"


def test_nesting_is_cut_at_a_depth_and_said_so(parse: Parse) -> None:
    message = parse(nested(1_000))

    assert "nested-too-deep" in message.defects
    assert [part.content_type for part in message.attachments] == ["application/octet-stream"]


def test_parts_beyond_the_limit_are_left_and_said_so(parse: Parse) -> None:
    part = b"--b\nContent-Disposition: attachment\n\nx\n"
    message = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 100_000 + b"--b--\n")

    assert len(message.attachments) == 10_000
    assert "too-many-parts" in message.defects


def test_text_is_cut_and_said_so(parse: Parse) -> None:
    message = parse(b"\n" + b"word " * 1_000_000)

    assert len(message.text) == 1_000_000
    assert "text-truncated" in message.defects


def test_no_lone_surrogate_comes_out_of_utf_7(parse: Parse) -> None:
    message = parse(
        b"Subject: =?utf-7?q?+2AA-?=\nContent-Type: text/plain; charset=utf-7\n\n+2AA- and +2D3cqQ-"
    )

    assert message.subject == "\ufffd"
    assert message.text == "\ufffd and \U0001f4a9"


@pytest.mark.parametrize("charset", ["unicode_escape", "zlib", "rot13", "idna", "hex", "\\"])
def test_no_other_codec_than_text_is_used(parse: Parse, charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\n\n".encode()

    assert parse(head + b"\\ud800 786f").text == "\\ud800 786f"
