"""What marking the notes of a message costs, in milliseconds of processor time.

    python -m benchmarks.notes [--notes 100] [--size 500000]

A text of that many characters, and the same text as HTML: with a link in each paragraph, and as a
table with a tag every forty characters, cut to that size. The least of the rounds counts.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

ROUNDS = 7
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notes", type=int, default=100)
    parser.add_argument("--size", type=int, default=500_000)
    chosen = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from wagtail_mailarchive.reading.notes import html_with_notes, text_with_notes
    from wagtail_mailarchive.reading.text_body import text_as_html

    paragraphs = _paragraphs(chosen.size, random.Random(1))
    text = "\n\n".join(paragraphs)
    notes = _notes(text, chosen.notes, random.Random(2))
    shown = text_as_html(text)
    linked = "".join(
        f'<p>{each} <a href="https://example.org/">here</a></p>' for each in paragraphs
    )
    cells = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(each))}</tr>" for each in paragraphs
    )
    table = f"<table>{cells}"[: chosen.size].rpartition("<td>")[0]
    for name, work in (
        ("text", lambda: text_with_notes(shown, text, notes)),
        ("HTML", lambda: html_with_notes(linked, notes)),
        ("HTML, a table", lambda: html_with_notes(table, notes)),
    ):
        print(f"{name:14} {_milliseconds(work):8.1f} ms")


def _paragraphs(size: int, chance: random.Random) -> list[str]:
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 9))) for _ in range(5_000)]
    found: list[str] = []
    length = 0
    while length < size:
        found.append(" ".join(chance.choices(words, k=60)))
        length += len(found[-1]) + 2
    return found


def _cells(paragraph: str) -> list[str]:
    words = paragraph.split()
    return [" ".join(words[start : start + 6]) for start in range(0, len(words), 6)]


def _notes(text: str, number: int, chance: random.Random) -> Sequence[Any]:
    from wagtail_mailarchive.archive.quotations import quote
    from wagtail_mailarchive.models import Annotation
    from wagtail_mailarchive.reading.notes import Note

    found: list[Note] = []
    for start in sorted(chance.sample(range(len(text) - 200), number)):
        passage = quote(text, start, start + chance.randint(5, 200))
        assert passage is not None
        kept = Annotation(
            pk=start,
            exact=passage.exact,
            prefix=passage.prefix,
            suffix=passage.suffix,
            start=passage.start,
            end=passage.end,
        )
        found.append(Note(len(found) + 1, kept, [], ""))
    return found


def _milliseconds(work: Callable[[], object]) -> float:
    least = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        least = min(least, time.process_time() - begun)
    return least * 1000


if __name__ == "__main__":
    main()
