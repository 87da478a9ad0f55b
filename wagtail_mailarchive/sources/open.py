"""The source for an endpoint, by the protocol spoken there."""

from __future__ import annotations

from . import address
from .base import Endpoint
from .deadline import Deadline, Timeouts
from .imap import ImapSource
from .imap_changes import ChangingImapSource
from .pop3 import Pop3Source
from .pop3_changes import ChangingPop3Source
from .session import LARGEST, Observe

_SOURCES: dict[str, type[ImapSource | Pop3Source]] = {"imap": ImapSource, "pop3": Pop3Source}
_CHANGING: dict[str, type[ImapSource | Pop3Source]] = {
    "imap": ChangingImapSource,
    "pop3": ChangingPop3Source,
}


def open_source(
    endpoint: Endpoint,
    protocol: str,
    *,
    timeouts: Timeouts | None = None,
    until: Deadline | None = None,
    largest: int = LARGEST,
    lookup: address.Lookup | None = None,
    observe: Observe = lambda step, facts: None,
    may_change: bool = False,
) -> ImapSource | Pop3Source:
    """Return the source to enter `endpoint` with; nothing is connected before it is entered.

    Args:
        protocol: "imap" or "pop3".
        timeouts, until, largest, lookup, observe: see `session.Session`.
        may_change: whether it is one that can change what is on the server, too. Others have no
            way to, whatever they are asked.
    """
    sources = _CHANGING if may_change else _SOURCES
    return sources[protocol](
        endpoint,
        timeouts=timeouts,
        until=until,
        largest=largest,
        lookup=lookup,
        observe=observe,
    )
