"""A note of three lines gets no frame of a whole screen."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.reading.frame_height import frame_height


@pytest.mark.parametrize(
    ("html", "height"),
    [
        ("<div><p>See you on Monday.</p><p>Ada</p></div>", "short"),
        ("<div>" + "<p>A paragraph.</p>" * 20 + "</div>", "medium"),
        ("<div>" + "<p>A paragraph.</p>" * 60 + "</div>", "tall"),
        ("<div>" + "word " * 2_000 + "</div>", "tall"),
        ('<div><img src="x" alt="Chart"></div>', "tall"),
        ("", "short"),
    ],
)
def test_height_follows_what_there_is_to_read(html: str, height: str) -> None:
    assert frame_height(html) == height


def test_hostile_markup_is_measured_quickly() -> None:
    assert frame_height("<" * 1_000_000) == "tall"
