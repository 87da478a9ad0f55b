"""Transfer encodings, charsets, flowed text."""

from __future__ import annotations

import base64
import random

import pytest

from wagtail_mailarchive.mime.charset import codec_for, decode
from wagtail_mailarchive.mime.decode import decode_body, decode_text
from wagtail_mailarchive.mime.message import Part


def text_part(**declared: str | bool) -> Part:
    part = Part("1", "text/plain", "", "7bit", "", "", "", 0, 0, 0, "")
    for name, value in declared.items():
        setattr(part, name, value)
    return part


@pytest.mark.parametrize(
    ("encoded", "content"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"a G*V-s!b\xffG8=", b"hello"),
        (b"aGVsbG8=\n_______\nfooter of a list", b"hello"),
        (b"aGVsbG8AA", b"hello\x00"),
        (b"", b""),
        (b"=", b""),
    ],
)
def test_base64_is_read_whatever_is_in_it(encoded: bytes, content: bytes) -> None:
    assert decode_body(encoded, "base64") == content


@pytest.mark.parametrize(
    ("encoded", "content"),
    [
        (b"caf=C3=A9", "café".encode()),
        (b"soft=\nbreak", b"softbreak"),
        (b"soft=\r\nbreak", b"softbreak"),
        (b"soft=  \r\nbreak", b"softbreak"),
        (b"soft= \nbreak", b"softbreak"),
        (b"blanks at the end\t \r\nx", b"blanks at the end\r\nx"),
        (b"kept=20\nx", b"kept \nx"),
        (b"=ZZ and =", b"=ZZ and "),
        (b"old=\rMac\rlines", b"oldMac\nlines"),
        (b"lower =c3=a9", "lower é".encode()),
    ],
)
def test_quoted_printable_is_read_whatever_is_in_it(encoded: bytes, content: bytes) -> None:
    assert decode_body(encoded, "quoted-printable") == content


def test_uuencode_is_read() -> None:
    assert decode_body(b"begin 644 a.txt\n%:&5L;&\\\n`\nend\nfooter", "x-uuencode") == b"hello"


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary", "x-unknown"])
def test_anything_else_is_no_encoding(encoding: str) -> None:
    assert decode_body(b"=C3=A9\xff\x00", encoding) == b"=C3=A9\xff\x00"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_large_bodies_are_the_same_in_pieces(line_end: bytes) -> None:
    content = random.Random(1).randbytes(3_000_000)
    encoded = base64.encodebytes(content).replace(b"\n", line_end)

    assert decode_body(encoded, "base64") == content
    assert decode_body(memoryview(encoded), "base64") == content
    # One line without end, escapes at every offset of a piece.
    for shift in range(3):
        assert decode_body(b"x" * shift + b"=41" * 700_000, "quoted-printable") == (
            b"x" * shift + b"A" * 700_000
        )


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("é".encode(), "utf-8", "é"),
        ("é".encode(), "UTF8", "é"),
        (b"\xef\xbb\xbfx", "utf-8", "x"),
        (b"\xe9", "iso-8859-1", "é"),
        (b"\x80 \x93x\x94", "iso-8859-1", "€ “x”"),
        (b"\xa4", "iso-8859-15", "€"),
        (b"\xe0", "iso-8859-8-i", "א"),
        (b"\xca\xe4", "gb2312", "输"),
        (b"\x82\xa0", "x-sjis", "あ"),
        (b"\xb0\xa1", "ks_c_5601-1987", "가"),
        (b"\xa1", "windows-874", "ก"),
        (b"\x8e", "macintosh", "é"),
        (b"\xc1", "koi8-r", "а"),
        (b"\x1b$B$3\x1b(B", "iso-2022-jp", "こ"),
        (b"+AOk-", "utf-7", "é"),
        ("é".encode("utf-16"), "utf-16", "é"),
        ("é".encode("utf-16-be"), "utf-16", "é"),
        # Without a charset, or with a wrong one.
        ("é".encode(), "", "é"),
        ("é".encode(), "us-ascii", "é"),
        (b"caf\xe9", "us-ascii", "café"),
        (b"caf\xe9", "utf-8", "café"),
        (b"caf\xe9", "no-such-charset", "café"),
        ("größe".encode()[:-1] + b"\xc3", "utf-8", "größ\ufffd"),
        ("あいう".encode(), "iso-2022-jp", "あいう"),
        (b"\x81", "windows-1252", "\ufffd"),
        (b"+2AA-", "utf-7", "\ufffd"),
        (b"+2D3cqQ-", "utf-7", "\U0001f4a9"),
    ],
)
def test_charsets_of_real_mail_are_understood(data: bytes, charset: str, text: str) -> None:
    assert decode(data, charset) == text


@pytest.mark.parametrize(
    "name", ["zlib", "bz2", "hex", "rot13", "rot_13", "base64", "uu", "quopri", "unicode_escape",
             "raw_unicode_escape", "idna", "punycode", "mbcs", "undefined", "", "../utf_8"]
)  # fmt: skip
def test_codecs_that_are_no_charsets_are_out_of_reach(name: str) -> None:
    assert codec_for(name) in ("", "utf-8")
    assert decode(b"\\ud800", name) == "\\ud800"


def test_lines_end_in_newlines() -> None:
    assert decode_text(text_part(), b"a\r\nb\rc\n") == "a\nb\nc\n"


def test_flowed_lines_are_joined() -> None:
    encoded = b"one \nparagraph\n\n> quoted \n> text\n>> deeper \n> less\n  stuffed\n-- \nAda \nL."
    part = text_part(format_flowed=True)

    assert decode_text(part, encoded) == (
        "one paragraph\n\n> quoted text\n>> deeper \n> less\n stuffed\n-- \nAda L."
    )


def test_delsp_takes_the_space_that_marks_the_flow() -> None:
    part = text_part(format_flowed=True, delsp=True)

    assert decode_text(part, b"wo \nrd") == "word"


def test_html_tells_its_charset_where_the_header_does_not() -> None:
    html = b'<html><meta charset="iso-8859-2">\xb1'

    assert decode_text(text_part(content_type="text/html"), html).endswith("ą")
    assert decode_text(text_part(content_type="text/html", charset="cp1252"), html).endswith("±")
