"""Finding a secret in what left the app, in whatever dress."""

from __future__ import annotations

import html
import json
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

_PLAIN_DRESS: tuple[Callable[[str], str], ...] = (
    str,
    repr,
    json.dumps,
    html.escape,
    quote,
    quote_plus,
    lambda secret: secret.encode().hex(),
)


def dresses(secret: str) -> frozenset[str]:
    """Return every way in which `secret` would be written, base64 within longer text included."""
    found = {dress(secret).strip("'\"") for dress in _PLAIN_DRESS}
    for encode in (b64encode, urlsafe_b64encode):
        # What stands before it decides how three bytes become four characters; what depends on
        # neighbours is cut off.
        for before in range(3):
            text = encode(b"\0" * before + secret.encode()).decode().rstrip("=")
            found.add(text[4 if before else 0 : -2])
    return frozenset(found)


class Finder:
    """Knows some secrets by name."""

    def __init__(self, **secrets: str) -> None:
        self._dresses = {name: dresses(secret) for name, secret in secrets.items()}

    def names_in(self, text: str | bytes) -> set[str]:
        """Return the names of the secrets that stand in `text`."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        return {
            name for name, dressed in self._dresses.items() if any(each in text for each in dressed)
        }

    def leaks(self, seen: Mapping[str, list[str | bytes]]) -> dict[str, set[str]]:
        """Return channel -> names of the secrets that were seen there, where there is one."""
        found = {
            channel: {name for text in texts for name in self.names_in(text)}
            for channel, texts in seen.items()
        }
        return {channel: names for channel, names in found.items() if names}


# What a server of the tests logs in this same process is no log of ours.
_SERVERS = "process_request_thread"


class _Everything(logging.Handler):
    def __init__(self, lines: list[str | bytes]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        if _SERVERS in str(record.threadName):
            return
        # The arguments too: handlers of other people send them along.
        self._lines.append(f"{self.format(record)} {record.args!r}")


@contextmanager
def everything_logged(lines: list[str | bytes]) -> Iterator[None]:
    """Append to `lines` what anybody logs at any level, whatever the site's own levels are."""
    handler = _Everything(lines)
    known = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    before: list[tuple[logging.Logger, Any]] = []
    for logger in known:
        before.append((logger, (logger.level, logger.propagate, logger.disabled)))
        logger.disabled = False
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    logging.root.setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        for logger, (level, propagate, disabled) in before:
            logger.setLevel(level)
            logger.propagate = propagate
            logger.disabled = disabled


PASSWORD = "hunter2 & <pass>+word/7f3a9c"
WRONG = "wrong & <pass>+word/0b51de"
REFRESH = "1//refresh-token.3c9e77b1"
ACCESS = "ya29.access-token_5d20aa4f"
CLIENT = "client-secret~91b6e0d2"
FINDER = Finder(password=PASSWORD, wrong=WRONG, refresh=REFRESH, access=ACCESS, client=CLIENT)

Seen = dict[str, list[str | bytes]]
