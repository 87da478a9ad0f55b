"""The source for an endpoint, by the protocol spoken there."""

from __future__ import annotations

from . import address
from .base import Endpoint
from .deadline import Deadline, Timeouts
from .imap import ImapSource
from .pop3 import Pop3Source
from .session import LARGEST, Observe

_SOURCES: dict[str, type[ImapSource | Pop3Source]] = {"imap": ImapSource, "pop3": Pop3Source}


def open_source(
    endpoint: Endpoint,
    protocol: str,
    *,
    timeouts: Timeouts | None = None,
    until: Deadline | None = None,
    largest: int = LARGEST,
    lookup: address.Lookup | None = None,
    observe: Observe = lambda step, facts: None,
) -> ImapSource | Pop3Source:
    """Return the source to enter `endpoint` with; nothing is connected before it is entered.

    Args:
        protocol: "imap" or "pop3".
        timeouts, until, largest, lookup, observe: see `session.Session`.
    """
    return _SOURCES[protocol](
        endpoint,
        timeouts=timeouts,
        until=until,
        largest=largest,
        lookup=lookup,
        observe=observe,
    )
