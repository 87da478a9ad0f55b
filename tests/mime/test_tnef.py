"""Files inside winmail.dat."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mime.winmail import attribute, winmail
from wagtail_mailarchive.mime.decode import decode_body
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.mime.tnef import FILES, files

TWO = winmail(("BERICH~1.PDF", b"%PDF content", "Bericht – März.pdf"), ("été.txt", b"text", ""))


def test_files_are_found_with_their_names_and_bytes() -> None:
    found = [(each.filename, TWO[each.start :][: each.length]) for each in files(TWO)]
    assert found == [("Bericht – März.pdf", b"%PDF content"), ("été.txt", b"text")]


def test_a_name_is_no_path() -> None:
    (found,) = files(winmail(("..\\..\\etc/passwd", b"x", "")))
    assert found.filename == "passwd"


def test_a_message_tells_where_they_are() -> None:
    message = EmailMessage()
    message.set_content("See attachment")
    message.add_attachment(TWO, "application", "ms-tnef", filename="winmail.dat")
    raw = message.as_bytes()
    parsed = parse(raw)
    (part,) = parsed.attachments
    content = decode_body(raw[part.start : part.start + part.length], part.encoding)
    assert [
        (each.section, each.filename, content[each.start :][: each.length])
        for each in parsed.details.contained
    ] == [("2", "Bericht – März.pdf", b"%PDF content"), ("2", "été.txt", b"text")]


@pytest.mark.parametrize("length", range(0, len(TWO), 7))
def test_what_is_cut_short_gives_only_whole_files(length: int) -> None:
    cut = TWO[:length]
    assert all(each.start + each.length <= length for each in files(cut))


def test_the_number_of_files_is_bounded() -> None:
    assert len(files(winmail(*[("a", b"x", "")] * (FILES + 5)))) == FILES


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0x9005, 0x9007, 0x8010]), st.binary(max_size=60))))
def test_any_bytes_are_no_error(attributes: list[tuple[int, bytes]]) -> None:
    files(winmail(("a", b"x", "")) + b"".join(attribute(name, data) for name, data in attributes))
