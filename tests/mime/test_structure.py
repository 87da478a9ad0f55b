"""The MIME tree: which parts there are, where they are, and which are the body."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.message import Part
from wagtail_mailarchive.mime.parser import parse

MULTIPART = b"Content-Type: multipart/%b; boundary=%b\n\n"


def part(boundary: bytes, body: bytes, *header: bytes) -> bytes:
    return b"--%b\n%b\n%b\n" % (boundary, b"".join(line + b"\n" for line in header), body)


def multipart(kind: bytes, boundary: bytes, *parts: bytes) -> bytes:
    """A whole entity, header and all; `parts` are `part()` results."""
    return MULTIPART % (kind, boundary) + b"".join(parts) + b"--%b--\n" % boundary


def wrapped(boundary: bytes, entity: bytes) -> bytes:
    return b"--%b\n%b\n" % (boundary, entity)


PLAIN = b"Content-Type: text/plain"
HTML = b"Content-Type: text/html"
PNG = b"Content-Type: image/png"
ATTACHED = b"Content-Disposition: attachment; filename=a.txt"


def sections(parts: list[Part]) -> list[str]:
    return [each.section for each in parts]


def test_sections_are_numbered_as_imap_does() -> None:
    inner = multipart(b"alternative", b"in", part(b"in", b"t", PLAIN), part(b"in", b"<p>h", HTML))
    raw = multipart(b"mixed", b"out", wrapped(b"out", inner), part(b"out", b"png", PNG))
    message = parse(raw)

    assert sections(message.text_parts) == ["1.1"]
    assert sections(message.html_parts) == ["1.2"]
    assert sections(message.attachments) == ["2"]


def test_a_message_of_one_part_is_section_1() -> None:
    assert sections(parse(b"\nbody").text_parts) == ["1"]
    assert sections(parse(b"Content-Type: image/png\n\nx").attachments) == ["1"]


def test_ranges_hold_exactly_the_body() -> None:
    raw = multipart(b"mixed", b"b", part(b"b", b"one\n", PLAIN), part(b"b", b"two", ATTACHED))
    for original in (raw, raw.replace(b"\n", b"\r\n")):
        message = parse(original)
        text, attachment = message.text_parts[0], message.attachments[0]

        assert original[text.start : text.start + text.length].strip(b"\r\n") == b"one"
        assert original[attachment.start : attachment.start + attachment.length] == b"two"


def test_a_delimiter_is_a_whole_line() -> None:
    raw = multipart(b"mixed", b"b", part(b"b", b"--bc\nx --b\n --b\n--b \t"), part(b"b", b"y"))
    message = parse(raw)

    # The line with blanks behind the boundary is a delimiter (RFC 2046 section 5.1.1).
    assert message.text == "--bc\nx --b\n --b\n\ny"
    assert message.defects == []


def test_what_stands_around_the_parts_is_no_part() -> None:
    raw = MULTIPART % (b"mixed", b"b") + b"preamble\n" + part(b"b", b"x") + b"--b--\nepilogue\n"

    assert parse(raw).text == "x"


@pytest.mark.parametrize(
    ("raw", "text", "defect"),
    [
        (MULTIPART % (b"mixed", b"b") + part(b"b", b"x"), "x", "missing-closing-boundary"),
        (b"Content-Type: multipart/mixed\n\n" + part(b"b", b"x") + b"--b--", "x",
         "missing-boundary"),
        (b"Content-Type: multipart/mixed\n\njust text", "just text", "missing-boundary"),
        (MULTIPART % (b"mixed", b"b") + b"just text", "just text", "no-parts"),
        (b"Content-Transfer-Encoding: x-odd\n\nx", "x", "unknown-transfer-encoding"),
        (b"Content-Transfer-Encoding: base64\n\neA", "x", ""),
        (b"Content-Transfer-Encoding: base64\n\neHh4e", "xxx", "bad-base64"),
    ],
)  # fmt: skip
def test_broken_structure_is_read_as_far_as_it_goes(raw: bytes, text: str, defect: str) -> None:
    message = parse(raw)

    assert message.text == text
    assert message.defects == ([defect] if defect else [])


def test_an_outer_delimiter_closes_what_is_inside() -> None:
    inner = MULTIPART % (b"mixed", b"in") + part(b"in", b"inside")
    raw = multipart(b"mixed", b"out", wrapped(b"out", inner), part(b"out", b"outside"))
    message = parse(raw)

    assert sections(message.text_parts) == ["1.1", "2"]
    assert message.defects == ["missing-closing-boundary"]


def test_a_nested_message_is_one_attachment_named_after_its_subject() -> None:
    nested = b"Subject: Re: yes/no\n" + multipart(b"mixed", b"in", part(b"in", b"x"))
    raw = multipart(
        b"mixed",
        b"out",
        part(b"out", b"see below"),
        part(b"out", nested, b"Content-Type: message/rfc822"),
        part(b"out", b"Subject: x\n\n", b"Content-Type: message/rfc822; name=given.eml"),
        part(b"out", b"\nno subject", b"Content-Type: message/rfc822"),
    )
    message = parse(raw)

    assert message.text == "see below"
    assert [each.filename for each in message.attachments] == [
        "Re: yes-no.eml", "given.eml", "message.eml",
    ]  # fmt: skip
    first = message.attachments[0]
    assert raw[first.start : first.start + first.length] == nested


def test_parts_of_a_digest_are_messages() -> None:
    message = parse(multipart(b"digest", b"b", part(b"b", b"Subject: one\n\nx")))

    assert [(each.content_type, each.filename) for each in message.attachments] == [
        ("message/rfc822", "one.eml")
    ]


def test_a_footer_beside_html_does_not_hide_the_html() -> None:
    raw = multipart(b"mixed", b"b", part(b"b", b"<p>the mail</p>", HTML), part(b"b", b"a footer"))
    message = parse(raw)

    assert message.text == "the mail\n\na footer"
    assert message.text_source == "html"


def test_text_comes_from_plain_text_where_there_is_some() -> None:
    raw = multipart(b"alternative", b"b", part(b"b", b"plain", PLAIN), part(b"b", b"<p>html", HTML))
    message = parse(raw)

    assert (message.text, message.text_source) == ("plain", "plain")


def test_an_empty_alternative_does_not_hide_the_html() -> None:
    raw = multipart(b"alternative", b"b", part(b"b", b" \n", PLAIN), part(b"b", b"<p>html", HTML))
    message = parse(raw)

    assert (message.text, message.text_source) == ("html", "html")


def test_html_alone_stands_in_for_text_and_text_for_html() -> None:
    html, plain = parse(HTML + b"\n\n<p>x"), parse(b"\nx")

    assert html.text_parts == html.html_parts
    assert plain.text_parts == plain.html_parts
    assert (html.text, html.text_source) == ("x", "html")


def test_images_are_attachments_wherever_they_stand() -> None:
    related = multipart(
        b"related", b"r", part(b"r", b"<img src=cid:a>", HTML),
        part(b"r", b"png", PNG, b"Content-ID: <a@b>", b"Content-Disposition: inline"),
    )  # fmt: skip
    raw = multipart(b"alternative", b"a", part(b"a", b"plain", PLAIN), wrapped(b"a", related))
    message = parse(raw)

    assert sections(message.text_parts) == ["1"]
    assert sections(message.html_parts) == ["2.1"]
    assert [(each.content_id, each.disposition) for each in message.attachments] == [
        ("a@b", "inline")
    ]


def test_a_text_file_is_an_attachment_a_second_text_is_not() -> None:
    raw = multipart(
        b"mixed",
        b"b",
        part(b"b", b"one", PLAIN),
        part(b"b", b"two", PLAIN),
        part(b"b", b"three", b"Content-Type: text/plain; name=notes.txt"),
        part(b"b", b"four", PLAIN, ATTACHED),
    )
    message = parse(raw)

    assert message.text == "one\n\ntwo"
    assert [each.filename for each in message.attachments] == ["notes.txt", "a.txt"]


def test_two_delimiters_in_a_row_make_no_part() -> None:
    raw = MULTIPART % (b"mixed", b"b") + b"--b\n--b\n" + part(b"b", b"x")[4:] + b"--b--\n"

    assert len(parse(raw).text_parts) == 1
