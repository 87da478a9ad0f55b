"""Four header fields of any bytes whatever: bounded, storable, never an error."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from tests.mime.corpora import every_file, needs_corpora
from wagtail_mailarchive.mime.envelope import EnvelopeFields, read_envelope
from wagtail_mailarchive.mime.message import storable
from wagtail_mailarchive.mime.parser import parse

HEADER = (
    b"Received: from somewhere\r\n"
    b"Message-ID: <offer-1@example.org>\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= und\r\n mehr\r\n"
    b'From: "Lovelace, Ada" <ada@example.org>, bob@example.org\r\n'
    b"Date: Thu, 05 Mar 2026 14:30:00 +0100\r\n"
)


def test_reads_the_four_fields() -> None:
    assert read_envelope(HEADER + b"\r\nSubject: in the body\r\n") == EnvelopeFields(
        message_id="offer-1@example.org",
        subject="Grüße und mehr",
        sender="Lovelace, Ada ada@example.org",
        sent_at=datetime(2026, 3, 5, 13, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("raw", [b"", b"\r\n" + HEADER, b"\n\n", b"\xff\x00\n", b"no header"])
def test_nothing_readable_is_nothing(raw: bytes) -> None:
    assert read_envelope(raw) == EnvelopeFields()


def test_reads_mail_with_other_line_ends() -> None:
    expected = read_envelope(HEADER)
    assert read_envelope(HEADER.replace(b"\r\n", b"\n")) == expected
    assert read_envelope(HEADER.replace(b"\r\n", b"\r")) == expected


def test_no_text_is_unstorable() -> None:
    found = read_envelope(b"Subject: =?utf-7?q?+2AA-?= a\x00b\nFrom: \x00 <\xed\xa0\x80@b>\n")
    for text in (found.subject, found.sender):
        assert text == storable(text)


def test_a_bomb_costs_no_more_than_its_beginning() -> None:
    words = b" ".join([b"=?utf-8?q?" + b"=41" * 20 + b"?="] * 100_000)
    found = read_envelope(b"Subject: " + words + b"\nFrom: " + b'"' * 1_000_000)
    assert len(found.subject) < 8_192


@needs_corpora
def test_says_of_real_mail_what_the_parser_says() -> None:
    compared = 0
    for path in every_file():
        raw = path.read_bytes()
        found, parsed = read_envelope(raw), parse(raw)
        if parsed.header_length > 60_000 or len(parsed.subject) > 2_000:
            continue
        assert (path, found.message_id) == (path, storable(parsed.message_id))
        assert found.subject == storable(parsed.subject)
        assert found.sent_at == parsed.sent_at
        compared += bool(found.subject)
    assert compared > 150


def test_whatever_the_bytes_no_error_leaves_it() -> None:
    chance = random.Random(4)
    pieces = [b"Subject:", b"From:", b"Date:", b"Message-ID:", b"=?", b"?q?", b"?b?", b"?=", b'"']
    pieces += [b"<", b">", b"(", b",", b":", b"\n", b"\r\n ", b"\xff", b"\x00", b"utf-7", b"99"]
    for _ in range(3_000):
        raw = b"".join(chance.choices(pieces, k=chance.randrange(40)))
        found = read_envelope(raw + chance.randbytes(chance.randrange(20)))
        assert found.subject == storable(found.subject)
