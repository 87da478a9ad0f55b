"""Hypothesis against the MIME room: nothing that it makes up raises, and what comes out holds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.hostile import generated
from tests.hostile.fields import CHARSETS
from wagtail_mailarchive.mime.answers import read_answer
from wagtail_mailarchive.mime.charset import decode
from wagtail_mailarchive.mime.decode import decode_body, decode_text, decoded_chunks
from wagtail_mailarchive.mime.envelope import read_envelope
from wagtail_mailarchive.mime.html_text import html_to_text
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.parser import parse

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SURROGATE = re.compile("[\ud800-\udfff]")
MAIL = [generated.HEADERS, generated.TREES, generated.JUNK, generated.MUTATIONS]


def texts(value: object) -> Iterator[str]:
    """Yield every text within `value`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))


def holds(raw: bytes) -> None:
    """See that what the room says of `raw` can be true, stored and shown."""
    message = parse(raw)
    assert message == parse(raw), "not the same twice"
    # What the caller of the parser's process would believe, and what it then stores.
    stored = read_answer(message.to_json().encode("ascii"), len(raw))
    assert stored == ParsedMessage.from_json(message.to_json())
    assert not any(map(UNSTORABLE.search, texts(stored)))
    # Neither does a reader's page meet what it could not encode.
    parts = {
        each.section: each
        for each in [*message.text_parts, *message.html_parts, *message.attachments]
    }
    end = message.header_length
    for part in sorted(parts.values(), key=lambda each: each.start):
        assert end <= part.start <= part.start + part.length <= len(raw), "not its own range"
        end = part.start + part.length
        encoded = raw[part.start : end]
        content = decode_body(encoded, part.encoding)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (part.size, part.sha256)
        assert not SURROGATE.search(decode_text(part, encoded))
        assert "\n" not in part.filename
        assert "/" not in part.filename
    for line in (message.subject, *(each.name for each in message.from_)):
        assert "\n" not in line
        assert "\r" not in line
    if message.sent_at is not None:
        message.sent_at.astimezone(UTC).isoformat()


@pytest.mark.parametrize("mail", MAIL, ids=["headers", "trees", "junk", "mutations"])
def test_whatever_comes_is_read_and_what_is_said_of_it_holds(mail: SearchStrategy[bytes]) -> None:
    given(mail)(holds)()


@pytest.mark.parametrize("mail", MAIL, ids=["headers", "trees", "junk", "mutations"])
def test_the_envelope_of_whatever_comes_is_storable(mail: SearchStrategy[bytes]) -> None:
    @given(mail)
    def read(raw: bytes) -> None:
        envelope = read_envelope(raw)
        assert not any(map(UNSTORABLE.search, texts(envelope)))

    read()


@given(data=st.binary(max_size=200), charset=st.one_of(st.sampled_from(CHARSETS), st.text()))
def test_no_charset_raises_or_yields_what_cannot_be_encoded(data: bytes, charset: str) -> None:
    assert not SURROGATE.search(decode(data, charset))


ENCODINGS = st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit", "other"])


@given(encoded=st.one_of(st.binary(max_size=300), generated.JUNK), encoding=ENCODINGS)
def test_a_body_decodes_alike_in_pieces_and_in_memory_of_any_kind(
    encoded: bytes, encoding: str
) -> None:
    whole = decode_body(encoded, encoding)
    assert b"".join(decoded_chunks(memoryview(encoded), encoding, set())) == whole
    assert len(whole) <= 63 * len(encoded)


@given(source=st.one_of(st.text(max_size=300), generated.JUNK.map(decode)))
def test_html_becomes_text_whatever_it_is(source: str) -> None:
    assert not SURROGATE.search(html_to_text(source))
