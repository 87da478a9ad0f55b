"""What servers say about coming back later, and how little of it is taken."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.sources.hints import seconds_to_wait


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (b"[UNAVAILABLE] later", 60),
        (b" [OVERQUOTA] Account exceeded command or bandwidth limits.", 60),
        (b"[throttled] slow down", 60),
        (b"[LIMIT]", 60),
        (b"[INUSE] x", 60),
        (b"[IN-USE] Do you have another POP session running?", 60),
        (b"[SYS/TEMP] x", 60),
        (b"Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299),
        (b"[UNAVAILABLE] suggested backoff time: 90000 milliseconds", 90),
        (b"Suggested Backoff Time: 5 milliseconds", 60),
        (b"Suggested Backoff Time: 999999999999999 milliseconds", 86_400),
        (b"Suggested Backoff Time: 9999999999999999999999 milliseconds", None),
        (b"Suggested Backoff Time: soon", None),
        (b"[ALERT] Too many simultaneous connections. (Failure)", 60),
        (b"[ALERT] Application-specific password required", None),
        (b"[AUTHENTICATIONFAILED] no", None),
        (b"[AUTH] no", None),
        (b"you said [LIMIT] yourself", None),
        (b"[LIMITED] no such code", None),
        (b"", None),
    ],
)
def test_only_known_hints_count_and_only_within_bounds(words: bytes, seconds: int | None) -> None:
    assert seconds_to_wait([b"nothing of interest", words]) == seconds


def test_a_delay_named_elsewhere_counts_where_the_refusal_names_none() -> None:
    assert seconds_to_wait([b"[LOGIN-DELAY] too early"], unsaid=900) == 900
    assert seconds_to_wait([b"[LOGIN-DELAY] too early"], unsaid=10**9) == 86_400
    assert seconds_to_wait([b"no"], unsaid=900) is None
