"""The document around sanitised mail, and its headers."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from wagtail_mailarchive.reading.html_document import document, frame_headers

SOURCE = "https://wiki.example.org/mail/7/inline/"


def test_document_says_its_language_direction_title_and_charset() -> None:
    html = document("<div>x</div>", title="Re: <b>&", lang="ar", direction="rtl")
    parser = LexborHTMLParser(html)
    assert parser.root is not None
    assert parser.body is not None
    assert html.startswith("<!DOCTYPE html>")
    assert parser.root.attributes == {"lang": "ar"}
    # Not on the root: there "auto" would read the title, which is not the mail's text.
    assert parser.body.attributes == {"dir": "rtl"}
    assert [each.text() for each in parser.css("title")] == ["Re: <b>&"]
    assert [each.attributes for each in parser.css("meta[charset]")] == [{"charset": "utf-8"}]
    assert parser.body.inner_html == "<div>x</div>\n\n"


def test_language_cannot_leave_its_attribute() -> None:
    html = document("", lang='"><script>')
    assert LexborHTMLParser(html).css("script") == []


@pytest.mark.parametrize(
    "hint", ["<link rel=preconnect>", "<LiNk>", "<iframe srcdoc='&lt;link&gt;'>", "<svg><link/>"]
)
def test_what_makes_a_browser_connect_ahead_is_text_even_unsanitised(hint: str) -> None:
    parser = LexborHTMLParser(document(hint))
    assert parser.css("link, iframe") == []


def test_headers_forbid_everything_but_inline_images_and_styles() -> None:
    assert frame_headers([SOURCE]) == {
        "Content-Security-Policy": (
            f"default-src 'none'; img-src {SOURCE} data:; style-src 'unsafe-inline'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
            "sandbox allow-popups allow-popups-to-escape-sandbox"
        ),
        "X-Frame-Options": "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        "X-DNS-Prefetch-Control": "off",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }


def test_remote_images_are_the_only_thing_a_reader_can_add() -> None:
    asked = frame_headers([], remote_images=True)["Content-Security-Policy"]
    plain = frame_headers([])["Content-Security-Policy"]
    assert asked.replace("img-src data: https: http:;", "img-src data:;") == plain


@pytest.mark.parametrize(
    "source", ["https://a.example/; script-src *", "https://a.example/\r\nX: y", "*", "'self'", ""]
)
def test_sources_that_would_say_more_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="Not a source"):
        frame_headers([source])
