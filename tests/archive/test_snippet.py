"""Lists show what the sender wrote, and not what they quoted."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.archive.snippet import LENGTH, snippet


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello\n\nworld", "Hello world"),
        ("On Wed, Bo wrote:\n> It was me.\n> Really.\n\nI knew.", "I knew."),
        ("On Wed, 18 Nov 2026,\nBo <bo@x.example> wrote:\n\n> It was me.\nI knew.", "I knew."),
        ("Thanks!\nOn Wed, Bo wrote:\n> It was me.\nBye.", "Thanks! Bye."),
        ("Am Mittwoch schrieb Bo:\n> Ich war es.\n\nAha: so.", "Aha: so."),
        ("> Only\n> quoted", "> Only > quoted"),
        ("Two things:\n\n- one\n- two", "Two things: - one - two"),
        ("", ""),
    ],
)
def test_snippet_begins_with_the_senders_own_words(text: str, shown: str) -> None:
    assert snippet(text) == shown


def test_snippet_is_cut() -> None:
    assert snippet("word " * 500).endswith("…")
    assert len(snippet("word " * 500)) == LENGTH


def test_snippet_of_hostile_text_is_quick() -> None:
    for text in (":\n" * 100_000, ">" * 100_000, "a:" * 100_000, "\n" * 100_000 + ">"):
        assert len(snippet(text)) <= LENGTH
