"""Initials and colours of people."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.reading.authors import COLOURS, author, initials


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "AL"),
        ("  ada   king lovelace ", "AL"),
        ("Lovelace, Ada", "LA"),
        ("noreply@example.org", "N"),
        ("grace.hopper@example.org", "GH"),
        ("山田太郎", "山"),
        ("مريم حسن", "مح"),
        ("Ünal Ökten", "ÜÖ"),
        ("ﬁsh ßen", "FS"),
        ("", ""),
        ("42 !? 😀", ""),
        ("a " * 100_000, "AA"),
    ],
)
def test_initials_are_letters_of_the_first_and_the_last_word(name: str, expected: str) -> None:
    assert initials(name).replace("\u200c", "") == expected


def test_an_address_has_one_colour_whatever_name_it_comes_with() -> None:
    colours = {author(name, "Ada@Example.org").colour for name in ("Ada", "", "A. Lovelace")}
    assert colours == {author("", "ada@example.org").colour}
    assert {author("", f"{number}@x").colour for number in range(200)} == set(range(COLOURS))
