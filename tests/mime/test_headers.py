"""Fields, encoded words, identifiers."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.headers import list_id, message_ids
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.mime.words import decode_words


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?Q?caf=C3=A9_au_lait?=", "café au lait"),
        (b"=?ISO-8859-1?B?Y2Fm6Q==?=", "café"),
        (b"Re: =?utf-8?q?=C3=A9?= and more", "Re: é and more"),
        # RFC 2047 section 8
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"=?ISO-8859-1?Q?a_b?= c", "a b c"),
        # A character cut in two by the program that wrote it.
        (b"=?utf-8?B?ww==?= =?utf-8?Q?=A9?=", "é"),
        (b"=?utf-8?Q?=C3?= =?UTF-8?Q?=A9?=", "é"),
        (b"=?utf-8*en?Q?hello?=", "hello"),
        (b"a=?utf-8?Q?=C3=A9?=b", "aéb"),
        (b"=?utf-8?Q?a b?=", "a b"),
        (b"=?no-such-charset?Q?=C3=A9?=", "é"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=?utf-8?Q?never ends", "=?utf-8?Q?never ends"),
        (b"=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ"),
        ("grüße".encode(), "grüße"),
        ("grüße".encode("cp1252"), "grüße"),
        # A line break inside an encoded word must not become a line of its own.
        (b"=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x"),
        (b"=?utf-8?Q?a=00b?=", "a b"),
    ],
)
def test_encoded_words_become_one_line_of_text(raw: bytes, text: str) -> None:
    assert decode_words(raw) == text


def test_folded_fields_are_unfolded() -> None:
    message = parse(b"Subject: a\r\n long\r\n\tsubject\r\n\r\n")

    assert message.subject == "a long subject"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_will_do(line_end: bytes) -> None:
    raw = line_end.join([b"Subject: a", b"From: ada@example.org", b"", b"one", b"two"])
    message = parse(raw)

    assert message.subject == "a"
    assert message.text == "one\ntwo"
    assert raw[message.header_length :].startswith(b"one")


def test_the_first_of_two_subjects_counts_and_all_recipients_do() -> None:
    message = parse(b"Subject: one\nTo: a@x\nSubject: two\nTo: b@x\n\n")

    assert message.subject == "one"
    assert [each.address for each in message.to] == ["a@x", "b@x"]


def test_the_line_of_an_mbox_in_front_is_passed_over() -> None:
    message = parse(b"From ada@example.org Fri Oct  7 16:15:05 1994\nSubject: a\n\nbody")

    assert (message.subject, message.text, message.defects) == ("a", "body", [])


def test_text_among_the_fields_is_named_a_defect() -> None:
    message = parse(b"Subject: a\nthis is no field\n and belongs to none\nTo: b@x\n\nbody")

    assert message.subject == "a"
    assert message.to[0].address == "b@x"
    assert message.defects == ["bad-header-line"]


def test_a_message_may_have_no_body_and_no_header() -> None:
    assert parse(b"").text == ""
    assert parse(b"Subject: only a header").subject == "only a header"
    assert parse(b"\nonly a body").text == "only a body"


def test_sender_stands_in_for_a_missing_from() -> None:
    message = parse(b"Sender: Ada <ada@example.org>\n\n")

    assert message.from_ == []
    assert message.sender is not None
    assert message.sender.address == "ada@example.org"


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ([b"<a@b>"], ["a@b"]),
        ([b"<a@b> <c@d>", b"<e@f>"], ["a@b", "c@d", "e@f"]),
        ([b"<a@b><c@d>"], ["a@b", "c@d"]),
        ([b"Your message of Tuesday <a@b>"], ["a@b"]),
        ([b"a@b c@d"], ["a@b", "c@d"]),
        ([b"<a @b>"], ["a@b"]),
        ([b"<> <a@b"], []),
        ([b""], []),
    ],
)
def test_message_ids_are_found(values: list[bytes], ids: list[str]) -> None:
    assert message_ids(values) == ids


def test_message_ids_are_limited_in_number() -> None:
    assert len(message_ids([b"<a@b>" * 2_000])) == 1_000


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        (b"A list <list.example.org>", "list.example.org"),
        (b"list.example.org", "list.example.org"),
        (b'"a <b>" <list.example.org>', "list.example.org"),
        (b"", ""),
    ],
)
def test_a_list_is_known_by_its_identifier(value: bytes, identifier: str) -> None:
    assert list_id(value) == identifier
