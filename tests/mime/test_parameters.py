"""Parameters and file names, RFC 2231 and whatever is sent instead."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.parameters import clean_filename, read_parameters
from wagtail_mailarchive.mime.parser import parse


@pytest.mark.parametrize(
    ("raw", "value", "parameters"),
    [
        (b"text/plain", "text/plain", {}),
        (b"Text/PLAIN; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        (b'a/b; x="c; d=e"; y=f', "a/b", {"x": "c; d=e", "y": "f"}),
        (b'a/b; x="c \\"d\\""', "a/b", {"x": 'c "d"'}),
        (b"a/b;x = y ;", "a/b", {"x": "y"}),
        (b'a/b boundary="c"', "a/b", {"boundary": "c"}),
        (b"attachment; filename=my file.txt", "attachment", {"filename": "my file.txt"}),
        (b'a; filename="=?utf-8?Q?=C3=A9?="', "a", {"filename": "é"}),
        ('a; filename="é"'.encode(), "a", {"filename": "é"}),
        ('a; filename="é"'.encode("cp1252"), "a", {"filename": "é"}),
        (b"a; filename*=utf-8''%C3%A9%20x", "a", {"filename": "é x"}),
        (b"a; filename*=iso-8859-1'de'%E9", "a", {"filename": "é"}),
        (b"a; n*1=b; n*0=a", "a", {"n": "ab"}),
        (b"a; n*0*=utf-8''%C3; n*1*=%A9; n*2=%41", "a", {"n": "é%41"}),
        # RFC 6266: the encoded one is better.
        (b"a; filename=x; filename*=utf-8''y", "a", {"filename": "y"}),
        (b"a; filename*=no charset", "a", {"filename": "no charset"}),
        (b'a; x="never ends', "a", {"x": "never ends"}),
        (b"", "", {}),
    ],
)
def test_parameters_are_decoded(raw: bytes, value: str, parameters: dict[str, str]) -> None:
    assert read_parameters(raw) == (value, parameters)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\report.pdf", "report.pdf"),
        ("a\r\nb.txt", "a b.txt"),
        ("a\x00b\x1b.txt", "a b .txt"),
        ("invoice\u202egpj.exe", "invoice gpj.exe"),
        ("..", ""),
        ("/", ""),
        (" .hidden ", "hidden"),
        ("", ""),
    ],
)
def test_file_names_are_one_harmless_line(name: str, clean: str) -> None:
    assert clean_filename(name) == clean


def test_a_long_file_name_keeps_its_suffix() -> None:
    name = clean_filename("x" * 1_000 + ".pdf")

    assert len(name) == 255
    assert name.endswith("x.pdf")


def test_a_line_break_in_an_encoded_file_name_does_not_survive() -> None:
    message = parse(
        b"Content-Disposition: attachment; filename*=utf-8''a%0D%0ASet-Cookie%3A%20b%2Fc.txt\n\nx"
    )

    assert message.attachments[0].filename == "c.txt"
