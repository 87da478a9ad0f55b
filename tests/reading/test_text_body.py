"""Plain text as HTML."""

from __future__ import annotations

import re
import time

import pytest

from wagtail_mailarchive.reading.text_body import text_as_html


def links(text: str) -> list[str]:
    return re.findall(r'<a href="([^"]*)"', text_as_html(text))


def test_markup_in_text_is_text() -> None:
    assert "&lt;script&gt;" in text_as_html("<script>alert(1)</script>")
    assert "<script" not in text_as_html('<script> https://x.example/"><script>')


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("see https://example.org/a?b=1&c=2.", "https://example.org/a?b=1&amp;c=2"),
        ("(https://example.org/a_(b))", "https://example.org/a_(b)"),
        ("<https://example.org/a>", "https://example.org/a"),
        ("HTTP://example.org, or so", "HTTP://example.org"),
        ("https://例え.jp/道", "https://例え.jp/道"),
        ("write to ada@example.org.", "mailto:ada@example.org"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
    ],
)
def test_addresses_become_links(text: str, target: str) -> None:
    assert links(text) == [target]


@pytest.mark.parametrize(
    "text", ["report.com", "javascript:alert(1)", "data:text/html,x", "ftp://x", "a@b", "xhttp://a"]
)
def test_nothing_else_becomes_a_link(text: str) -> None:
    assert links(text) == []


def test_a_mark_of_direction_ends_an_address() -> None:
    assert links("https://example.org/\u202egpj.exe") == ["https://example.org/"]


def test_text_is_kept_to_the_last_character() -> None:
    text = "One https://example.org/).\n> two a@b.example\n>> three\n\nfour <&>\n-- \nfive\n"
    shown = re.sub(r"<summary>.*?</summary>|<[^>]*>", "", text_as_html(text))
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_quotations_are_folded_with_their_depths_marked() -> None:
    assert text_as_html("a\n> b\n> c\n>> d\n") == (
        'a\n<details class="mailarchive-fold"><summary>Quoted text (3 lines)</summary>'
        '<div class="mailarchive-fold__inside">'
        '<span class="mailarchive-quote mailarchive-quote--1" dir="auto">&gt; b\n&gt; c\n</span>'
        '<span class="mailarchive-quote mailarchive-quote--2" dir="auto">&gt;&gt; d\n</span>'
        "</div></details>"
    )


def test_a_signature_is_folded() -> None:
    assert "<summary>Signature</summary>" in text_as_html("Hi\n-- \nAda\n")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://bank.example@evil.example/login", "evil.example"),
        ("https://аррӏе.com/", "xn--80ak6aa92e.com"),
        ("https://bank.example/?a=b@c", ""),
        ("ada@example.org", ""),
    ],
)
def test_an_address_that_reads_as_another_tells_its_host(text: str, place: str) -> None:
    found = re.findall(r'<span class="mailarchive-place">leads to ([^<]*)<', text_as_html(text))
    assert found == ([place] if place else [])


@pytest.mark.parametrize(
    "text",
    [
        "a" * 500_000,
        "a@" * 250_000,
        "a.a@a.a." * 60_000,
        "http://" + ")" * 500_000,
        "http://" + "()" * 250_000,
        "https://" * 60_000,
        "mailto:" * 70_000,
        "> \n" * 160_000,
    ],
)
def test_hostile_text_takes_no_longer_than_other_text(text: str) -> None:
    begin = time.process_time()
    text_as_html(text)
    assert time.process_time() - begin < 2
