"""Address lists as RFC 5322 wants them, and as they come."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.addresses import read_addresses


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"ada@example.org", [("", "ada@example.org")]),
        (b"<ada@example.org>", [("", "ada@example.org")]),
        (b"Ada Lovelace <ada@example.org>", [("Ada Lovelace", "ada@example.org")]),
        (b'"Lovelace, Ada" <ada@example.org>', [("Lovelace, Ada", "ada@example.org")]),
        (b'"a \\"b\\" c" <d@e>', [('a "b" c', "d@e")]),
        (b"a@b, c@d", [("", "a@b"), ("", "c@d")]),
        (b"ada@example.org (Ada Lovelace)", [("Ada Lovelace", "ada@example.org")]),
        (b"Ada (the (first) one) <a@b>", [("Ada", "a@b")]),
        # Groups (section 3.4) are flattened.
        (b"Team: a@b, C <c@d>; e@f", [("", "a@b"), ("C", "c@d"), ("", "e@f")]),
        (b"undisclosed-recipients:;", []),
        # Obsolete forms (section 4.4).
        (b"Ada <@relay,@other:ada@example.org>", [("Ada", "ada@example.org")]),
        (b"a . b @ example . org", [("", "a.b@example.org")]),
        (b",, a@b,,", [("", "a@b")]),
        (b'"john smith"@example.org', [("", '"john smith"@example.org')]),
        (b"a@[192.0.2.1]", [("", "a@[192.0.2.1]")]),
        # Encoded words, where they belong and where not.
        (b"=?utf-8?Q?J=C3=BCrgen?= <j@x>", [("Jürgen", "j@x")]),
        (b'"=?utf-8?Q?J=C3=BCrgen?=" <j@x>', [("Jürgen", "j@x")]),
        (b"=?utf-8?Q?Doe,_Jane?= <j@x>", [("Doe, Jane", "j@x")]),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?= <j@x>", [("ab", "j@x")]),
        ("Jürgen <j@x>".encode(), [("Jürgen", "j@x")]),
        ("Jürgen <j@x>".encode("cp1252"), [("Jürgen", "j@x")]),
        ("<jürgen@exämple.org>".encode(), [("", "jürgen@exämple.org")]),
        # Broken.
        (b'"Ada <ada@example.org>', [("Ada", "ada@example.org")]),
        (b"Ada (open <ada@example.org>", [("Ada open", "ada@example.org")]),
        (b"Ada <ada@example.org", [("Ada", "ada@example.org")]),
        (b"Ada <a@b, Bob <c@d>", [("Ada", "a@b"), ("Bob", "c@d")]),
        (b"Ada <a@b> Bob <c@d>", [("Ada", "a@b"), ("Bob", "c@d")]),
        (b"Ada ada@example.org", [("Ada", "ada@example.org")]),
        (b"Ada <mailto:ada@example.org>", [("Ada", "ada@example.org")]),
        (b"MAILER-DAEMON", [("MAILER-DAEMON", "")]),
        (b"", []),
        (b"<>", []),
    ],
)
def test_mailboxes_are_read(raw: bytes, expected: list[tuple[str, str]]) -> None:
    found = read_addresses([raw], set())

    assert [(each.name, each.address) for each in found] == expected


def test_a_name_is_one_line() -> None:
    (address,) = read_addresses([b"=?utf-8?Q?a=0D=0Ab?= <c@d>"], set())

    assert address.name == "a b"


def test_too_many_addresses_are_cut_and_said_so() -> None:
    defects: set[str] = set()

    assert len(read_addresses([b"a@b," * 6_000], defects)) == 5_000
    assert defects == {"too-many-addresses"}
