"""What benchmarks measure by: mail that is the same in each run, and times that mean something."""

from __future__ import annotations

from collections import Counter
from email import message_from_bytes
from email.message import Message

import pytest

from benchmarks import corpus, read, search
from benchmarks.timing import Series, measure


@pytest.fixture(scope="module")
def mail() -> list[Message]:
    return [message_from_bytes(raw) for raw in corpus.messages(1_000, "a")]


def test_the_corpus_is_the_same_in_each_run_and_other_mail_under_another_name() -> None:
    first, again, other = (list(corpus.messages(20, name)) for name in "aab")
    assert first == again
    assert not set(first) & set(other)


def test_a_tenth_of_the_corpus_is_one_thread_and_a_tenth_threads_of_fifty(
    mail: list[Message],
) -> None:
    roots: dict[str, str] = {}
    for each in mail:
        above = each["In-Reply-To"]
        roots[each["Message-ID"]] = roots[above] if above else each["Message-ID"]
    sizes = Counter(Counter(roots.values()).values())
    assert sizes[1_000 // corpus.LONG_SHARE] == 1
    assert sizes[corpus.THREAD] == 2
    assert 150 < sum(sizes.values()) < 300


def test_words_of_the_corpus_are_as_common_as_it_says() -> None:
    texts = [raw.decode() for raw in corpus.messages(1_000, "a")]
    for word in corpus.COMMON:
        assert 400 < sum(word in text for text in texts) < 600
    for phrase in corpus.PHRASES:
        assert sum(" ".join(phrase) in text for text in texts) == 20
        assert sum(all(word in text for word in phrase) for text in texts) > 300
    for word in corpus.rare_words(1_000):
        assert 40 <= sum(word in text.split() for text in texts) <= 60


def test_series_are_measured_in_turns_and_the_least_of_the_rounds_counts() -> None:
    now, asked = 0.0, []

    def call(name: str, *seconds: float) -> Series:
        left = list(seconds)

        def take() -> None:
            nonlocal now
            asked.append(name)
            now += left.pop(0)

        return Series([take])

    # Two calls fill caches, then come two rounds of two requests, the second the other way.
    times = measure(
        {"a": call("a", 9, 9, 5, 1, 2, 4), "b": call("b", 9, 9, 3, 3, 3, 3)},
        requests=2,
        rounds=2,
        now=lambda: now,
    )
    assert "".join(asked) == "ab" * 4 + "ba" * 2
    assert times["a"].p50 == pytest.approx(1_500)
    assert times["b"].p50 == times["b"].p95 == pytest.approx(3_000)


def test_a_page_above_what_is_allowed_is_told() -> None:
    def pages(above: float, vs_small: float, weight: float) -> dict[str, object]:
        page = {"above_empty_ms": above, "allowed_ms": 40.0, "vs_small": vs_small}
        return {"sqlite": {"pages": {"folder: threads": page}, "thread_page_kB": weight}}

    assert not read.missed(pages(39, 1.3, 150))
    assert len(read.missed(pages(41, 1.4, 151))) == 3


def test_a_search_that_takes_longer_than_is_wanted_is_told() -> None:
    def ratios(engine: float, wagtail: float) -> dict[str, object]:
        return {
            "ratios": {
                "rare_vs_engine": {"sqlite": engine},
                "common_vs_wagtail": {"sqlite": wagtail},
            }
        }

    assert not search.missed(ratios(2.0, 20.0))
    assert len(search.missed(ratios(2.1, 19.9))) == 2
