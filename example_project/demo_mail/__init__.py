"""The demo's mail: two mailboxes of an invented company, some 14 months of them.

Everything is written here; nothing is taken from real mail. The same `end` gives the same bytes.
"""

from __future__ import annotations

from datetime import datetime

from . import kinds, languages, newsletters, odd, recurring, signed, threads
from .message import ACCOUNTS, DOMAIN, Account, DemoMessage

__all__ = ["ACCOUNTS", "DOMAIN", "Account", "DemoMessage", "messages"]


def messages(end: datetime) -> list[DemoMessage]:
    """Return the demo's mail in the order of its arrival; all of it arrived before `end`.

    Args:
        end: aware; moments follow from its date and zone alone. Replies that would come after
            it are left out, so some days have one or two messages more than others.
    """
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    found = [
        *threads.conversations(midnight),
        *recurring.reports(midnight),
        *recurring.alarms(midnight),
        *recurring.registrations(midnight),
        *newsletters.letters(midnight),
        *languages.letters(midnight),
        *signed.messages(midnight),
        *kinds.messages(midnight),
        *odd.messages(midnight),
    ]
    arrived = [message for message in found if message.received_at < midnight]
    return sorted(arrived, key=lambda message: (message.received_at, message.raw))
