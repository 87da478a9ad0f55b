"""Keys of DKIM signatures, out of the DNS.

Each question tells whoever runs the domain that somebody looks at mail from there, so it is asked
only where the site allows it (`DKIM_LOOKUPS`), once for each key and run.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

LookUp = Callable[[str], str | None]

_SECONDS = 5.0
_CHARACTERS = 4_000  # a key of 4,096 bits has 740
_MOST = 10_000


class NoAnswer(Exception):
    """No name server answered in time, or what it said makes no sense."""


def is_available() -> bool:
    """Whether the extra [dkim] is installed."""
    return all(map(find_spec, ("dkim", "dns", "nacl")))


def look_up(name: str) -> str | None:
    """Return the TXT record at `name`; None where there is none.

    Raises:
        NoAnswer.
    """
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(f"{name}.", "TXT", lifetime=_SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    except dns.exception.DNSException as error:
        raise NoAnswer from error
    for record in answer:
        return b"".join(record.strings).decode("utf-8", "replace")[:_CHARACTERS]
    return None


class Remembering:
    """Asks `look_up` once for each name, also where nobody answers: that takes seconds."""

    def __init__(self, look_up: LookUp = look_up) -> None:
        self._look_up = look_up
        self._known: dict[str, str | NoAnswer | None] = {}

    def __call__(self, name: str) -> str | None:
        """Return the TXT record at `name`; errors as for `look_up`."""
        if name not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            try:
                self._known[name] = self._look_up(name)
            except NoAnswer as error:
                self._known[name] = error
        known = self._known[name]
        if isinstance(known, NoAnswer):
            raise NoAnswer from known
        return known
