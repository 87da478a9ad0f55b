"""What a server says about coming back later. Only a number is ever taken from its words."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORTEST = 60  # seconds
_LONGEST = 24 * 60 * 60

# Response codes that mean "not now" rather than "not you": of IMAP (RFC 5530; Gmail's OVERQUOTA
# for its bandwidth, Yahoo's THROTTLED) and of POP3 (RFC 2449 section 8.1, RFC 3206).
_NOT_NOW = frozenset(
    b"UNAVAILABLE INUSE LIMIT SERVERBUG THROTTLED OVERQUOTA IN-USE LOGIN-DELAY SYS/TEMP".split()
)
_CODE = re.compile(rb" {0,8}\[([A-Za-z/-]{1,40})[ \]]")
_EXCHANGE = re.compile(rb"Suggested Backoff Time: {0,8}(\d{1,15}) {0,8}milliseconds", re.IGNORECASE)
# Gmail gives it no code of its own; taken for a wrong password, it would hold the account.
_TOO_MANY = re.compile(rb" {0,8}\[ALERT\] {0,8}Too many simultaneous connections", re.IGNORECASE)


def response_code(words: bytes) -> bytes:
    """Return the code in brackets that `words` begin with, in upper case; b"" if there is none."""
    found = _CODE.match(words)
    return found.group(1).upper() if found else b""


def seconds_to_wait(refusals: Iterable[bytes], unsaid: int = SHORTEST) -> int | None:
    """Return how long a server wants to be left alone, None if it does not ask for that.

    Args:
        refusals: what it said after NO, BAD, BYE or -ERR.
        unsaid: what counts where it asks and names no time.
    """
    asked = False
    for words in refusals:
        if backoff := _EXCHANGE.search(words):
            return bounded(int(backoff.group(1)) // 1000)
        asked = asked or response_code(words) in _NOT_NOW or bool(_TOO_MANY.match(words))
    return bounded(unsaid) if asked else None


def bounded(seconds: int) -> int:
    """Return what we are willing to wait: from a minute to a day."""
    return max(SHORTEST, min(_LONGEST, seconds))
