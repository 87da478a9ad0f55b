"""The process that verifies signatures: `python -m wagtail_mailarchive.mime.dkim.worker`.

Its caller's side is `process`. An item is a line of JSON, {name in the DNS: key}, and the original;
the answer is a list with "pass", "fail" or "unreadable" for each signature. The keys are
given, so that nothing here asks the network; the rest is as in `mime.worker`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from ..worker import main
from .signatures import SIGNATURES


def answer_to(item: bytes) -> bytes:
    head, _, raw = item.partition(b"\n")
    return json.dumps(verify(raw, json.loads(head))).encode("ascii")


def verify(raw: bytes, keys: Mapping[str, str]) -> list[str]:
    """Return the result for each DKIM-Signature field of `raw`, in order."""
    import dkim

    try:
        # Its log would quote the mail.
        message = dkim.DKIM(raw, logger=_silent())
    except dkim.DKIMException:
        return ["unreadable"] * SIGNATURES
    number = sum(1 for name, _ in message.headers if name.lower() == b"dkim-signature")
    return [_result(message, index, keys) for index in range(min(number, SIGNATURES))]


def _result(message: Any, index: int, keys: Mapping[str, str]) -> str:
    import dkim

    def key_of(name: bytes, timeout: float = 0) -> bytes:
        return keys[name.decode("ascii", "replace").rstrip(".").lower()].encode()

    try:
        return "pass" if message.verify(index, dnsfunc=key_of) else "fail"
    except dkim.ValidationError as error:
        # The one kind of it that says something about the message and not about the field.
        return "fail" if "body hash mismatch" in str(error) else "unreadable"
    except (dkim.DKIMException, LookupError, ValueError, TypeError, ArithmeticError):
        # What hostile fields and keys make of a foreign library; a name without a key, too. Beyond
        # these the process ends, and the message counts as unchecked.
        return "unreadable"


def _silent() -> logging.Logger:
    logger = logging.getLogger("dkim")
    logger.disabled = True
    return logger


if __name__ == "__main__":
    main(answer_to)
