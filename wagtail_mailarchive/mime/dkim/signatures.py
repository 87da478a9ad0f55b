"""What the DKIM-Signature fields of a header block say; nothing is verified."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..headers import read_fields

# Mailing lists leave some; each takes a question to the DNS.
SIGNATURES = 8
_TAG = re.compile(rb"(?:^|;)\s*([A-Za-z][A-Za-z0-9_]{0,20})\s*=\s*([^;]*)")
_DOMAIN = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,20}")
_SELECTOR = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,5}")
_DIGITS = re.compile(r"\d{1,12}")
_NAME = 253


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature.

    Attributes:
        domain, selector: d= and s= in lower case, "" where they name nothing that can be asked for.
        expires: x= in seconds since 1970; None without one.
        is_partial: it has an l= and may stand for the beginning of the body only.
    """

    domain: str
    selector: str
    expires: int | None
    is_partial: bool

    @property
    def key_name(self) -> str:
        """Where its key is published (RFC 6376 section 3.6.2.1); "" if nowhere."""
        name = f"{self.selector}._domainkey.{self.domain}"
        return name if self.domain and self.selector and len(name) <= _NAME else ""


def read_signatures(block: bytes) -> list[Signature]:
    """Return the first signatures of a header block, in its order; never raises."""
    values = read_fields(block, frozenset((b"dkim-signature",)), set()).get("dkim-signature", [])
    return [_signature(value) for value in values[:SIGNATURES]]


def _signature(value: bytes) -> Signature:
    tags = {name.lower(): b"".join(text.split()) for name, text in _TAG.findall(value)}
    texts = {name.decode("ascii"): text.decode("utf-8", "replace") for name, text in tags.items()}
    domain, selector = texts.get("d", "").lower(), texts.get("s", "").lower()
    expires = texts.get("x", "")
    return Signature(
        domain=domain if _DOMAIN.fullmatch(domain) else "",
        selector=selector if _SELECTOR.fullmatch(selector) else "",
        expires=int(expires) if _DIGITS.fullmatch(expires) else None,
        is_partial="l" in texts,
    )
