"""Authentication-Results."""

from __future__ import annotations

from time import process_time

import pytest

from wagtail_mailarchive.mime.authentication import FIELDS, RESULTS, read_results
from wagtail_mailarchive.mime.parser import parse


def results(*values: str) -> list[tuple[str, str, str, str]]:
    found = read_results([value.encode() for value in values])
    return [(each.server, each.method, each.result, each.about) for each in found]


def test_the_results_of_google() -> None:
    value = (
        "mx.google.com;       dkim=pass header.i=@example.org header.s=s1 header.b=abc;"
        "       spf=pass (google.com: domain of ada@example.org designates 192.0.2.1 as permitted;"
        " really) smtp.mailfrom=ada@example.org;"
        "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.org"
    )
    assert results(value) == [
        ("mx.google.com", "dkim", "pass", "example.org"),
        ("mx.google.com", "spf", "pass", "ada@example.org"),
        ("mx.google.com", "dmarc", "pass", "example.org"),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("example.org 1; none", []),
        ("example.org", []),
        ("", []),
        (";", []),
        ('"mx; a.example" 1; spf=fail', [("mx; a.example", "spf", "fail", "")]),
        ("a (comment (nested) ; dkim=pass) ; spf=none", [("a", "spf", "none", "")]),
        ("a; dkim / 1 = FAIL reason=\"bad; signature\" header.d=x.example",
         [("a", "dkim", "fail", "x.example")]),
        ("a; spf=softfail reason=\"dkim=pass; dkim=pass\"", [("a", "spf", "softfail", "")]),
        ("a; dkim=pass header.d=\"evil header.d=bank.example\"",
         [("a", "dkim", "pass", "evil header.d=bank.example")]),
    ],
)  # fmt: skip
def test_the_grammar(value: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert results(value) == expected


def test_a_message_keeps_them_in_order_and_bounded() -> None:
    fields = "".join(
        f"Authentication-Results: s{number}.example; spf=pass\n" for number in range(FIELDS + 5)
    )
    servers = [each.server for each in parse(f"{fields}\nx".encode()).details.authentication]
    assert servers == [f"s{number}.example" for number in range(FIELDS)]
    many = "a; " + "; ".join(["spf=pass"] * 500)
    assert len(results(many)) == RESULTS


@pytest.mark.parametrize(
    "hostile",
    [
        *("(" * 100_000, '"' * 100_000, "\\" * 100_000, "a.b=" * 30_000, "; " * 60_000),
        *("a;" + "x=y " * 30_000, "-" * 120_000),
    ],
)
def test_hostile_fields_take_linear_time(hostile: str) -> None:
    begin = process_time()
    results("a; spf=pass " + hostile)
    assert process_time() - begin < 2
