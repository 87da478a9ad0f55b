"""What readers type always means something, and mistakes are said in words."""

from __future__ import annotations

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from wagtail_mailarchive.archive.search.query import (
    MAX_DEPTH,
    MAX_TERMS,
    And,
    Field,
    HasAttachment,
    Node,
    Not,
    Or,
    Term,
    parse,
)

BERLIN = ZoneInfo("Europe/Berlin")


def told(node: Node | None) -> str:
    """The tree in one line."""
    match node:
        case None:
            return ""
        case Term(words, field):
            return f"{field.value}{':' if field else ''}{'+'.join(words)}"
        case HasAttachment():
            return "attachment"
        case Not(inner):
            return f"-{told(inner)}"
        case And(nodes):
            return f"({' '.join(map(told, nodes))})"
        case Or(nodes):
            return f"({' | '.join(map(told, nodes))})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("Budget Paris", "(budget paris)"),
        ('"annual report" x', "(annual+report x)"),
        ("well-known", "well+known"),
        ("a OR b c", "(a | (b c))"),
        ("(a OR b) c", "((a | b) c)"),
        ("a AND b", "(a b)"),
        ("a or b", "(a or b)"),
        ("-draft -(a OR b)", "(-draft -(a | b))"),
        ('-"no way"', "-no+way"),
        ("from:ada -to:Bob@x.org", "(from:ada -to:bob+x+org)"),
        ('subject:"annual report"', "subject:annual+report"),
        (
            "FROM:Ada has:attachment filename:pdf list:a.b",
            "(from:ada attachment filename:pdf list:a+b)",
        ),
        ("-has:attachment", "-attachment"),
        ("https://x.org/a", "https+x+org+a"),
        ("note:this", "note+this"),
        ("Café", "cafe"),
        ("((a", "a"),
        ("a) b", "(a b)"),
        ("OR", ""),
        ("a OR", "a"),
        ('() -() "" -', ""),
        ('"open quote', "open+quote"),
    ],
)
def test_texts_mean_trees(text: str, tree: str) -> None:
    assert told(parse(text).tree) == tree


def test_dates_are_days_of_the_reader() -> None:
    query = parse("after:2024-03 before:2024-04-15 before:2025", BERLIN)
    assert query.since == datetime(2024, 3, 1, tzinfo=BERLIN)
    assert query.until == datetime(2024, 4, 15, tzinfo=BERLIN)
    assert query.notes == []
    assert query.tree is None
    assert not query.is_empty


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("larger:500k", 512_000),
        ("larger:1.5M", 1_572_864),
        ("larger:7", 7),
        ("larger:2MB", 2 << 20),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse(text).larger == size


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("before:tomorrow", "before: wants a date such as 2024-03-01; ignored here."),
        ("after:2024-02-30", "after: wants a date such as 2024-03-01; ignored here."),
        ("larger:huge", "larger: wants a size such as 500k or 2M; ignored here."),
        ("has:money", "has: knows only has:attachment; ignored here."),
        ("from:", "from: wants a word right behind the colon; ignored here."),
        ("in:", "in: wants a word right behind the colon; ignored here."),
        ("-before:2024", "-before: cannot be turned around; ignored."),
        ("(x before:2024)", "before: holds for the whole search."),
        ("!!!", "There is no word in this to look for."),
        ("w " * (MAX_TERMS + 1), f"Only the first {MAX_TERMS} words are looked for."),
    ],
)
def test_mistakes_are_explained(text: str, note: str) -> None:
    assert parse(text).notes == [note]


def test_depth_and_number_of_terms_are_bounded() -> None:
    deep = parse("(" * 200 + "a" + ")" * 200).tree
    assert told(deep) == "a"
    nested = "".join(f"-(x{number} " for number in range(100))
    depth = told(parse(nested).tree).count("-(")
    assert depth <= MAX_DEPTH
    tree = parse("w " * 250).tree
    assert isinstance(tree, And)
    assert len(tree.nodes) == MAX_TERMS


def test_any_text_is_read() -> None:
    """Nothing that can be typed is an error; a fixed seed, so that a failure comes again."""
    source = random.Random(5)
    pieces = ['"', "(", ")", "-", ":", "from:", "before:", "OR ", " ", "é", "東", "\x00", "\ud800"]
    pieces += ["0001", "9999-12-31", "larger:9" * 3, "*", "'", "\\", "NEAR(", "in:", "has:", "²"]
    for _ in range(300):
        parse("".join(source.choices(pieces, k=30)), BERLIN)


def test_what_is_shown_as_found_leaves_out_what_must_not_be_there() -> None:
    terms = list(parse("a -b (c OR -(d)) from:e").shown_terms())
    assert [(term.words, term.field) for term in terms] == [
        (("a",), Field.ANYWHERE),
        (("c",), Field.ANYWHERE),
    ]
