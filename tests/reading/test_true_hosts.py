"""Links whose text names another place than they lead to."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.reading.true_hosts import true_place


@pytest.mark.parametrize(
    ("target", "text", "place"),
    [
        ("https://evil.example/x", "https://bank.example/login", "evil.example"),
        ("https://evil.example/", "Visit www.bank.example now", "evil.example"),
        ("https://bank.example.evil.example/", "bank.example", "bank.example.evil.example"),
        (
            "https://bank.example@evil.example/",
            "https://bank.example@evil.example/",
            "evil.example",
        ),
        ("https://evil.example\\@bank.example/", "bank.example", "evil.example"),
        ("https://ev%69l.example/", "bank.example", "evil.example"),
        ("https://evil.example/", "ba\u200bnk.example", "evil.example"),
        ("https://evil.example/", "ｂａｎｋ．example", "evil.example"),
        ("https://аррӏе.com/", "https://аррӏе.com/", "xn--80ak6aa92e.com"),
        ("https://xn--80ak6aa92e.com/", "аррӏе.com", "xn--80ak6aa92e.com"),
        ("https://☃.example/", "☃.example", "\\u2603.example"),
        ("http://elpmaxe.knab/", "\u202eknab.example", "elpmaxe.knab"),
        ("http://bank.example/", "\u202ebank.example", "bank.example"),
        ("mailto:evil@x.example", "support@bank.example", "evil@x.example"),
    ],
)
def test_a_text_that_lies_is_told_of(target: str, text: str, place: str) -> None:
    assert true_place(target, text) == place


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("https://evil.example/x", "click here"),
        ("https://www.bank.example/", "bank.example"),
        ("https://bank.example/a", "HTTPS://WWW.BANK.EXAMPLE."),
        ("https://example.org:8080/", "example.org:8080"),
        ("http://[::1]/", "http://[::1]/"),
        ("https://example.org/", "e.g. this"),
        ("mailto:Ada@example.org?subject=x", "ada@example.org"),
        ("mailto:ada@example.org", "Write to us"),
        ("tel:+4912345", "example.org"),
        ("https://аррӏе.com/", "Apple"),
    ],
)
def test_other_links_are_left_alone(target: str, text: str) -> None:
    assert true_place(target, text) == ""
