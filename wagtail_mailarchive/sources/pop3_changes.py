"""A POP3 maildrop from which messages can be deleted.

DELE only marks; what is marked goes at QUIT, all of it (RFC 1939 section 6). Until then ending the
connection in any other way undoes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from wagtail_mailarchive.exceptions import ChangeRefused, SourceError

from .pop3 import INBOX, Pop3Source
from .pop3_client import Refused
from .session import own_errors_only


class ChangingPop3Source(Pop3Source):
    """A `Pop3Source` that can also delete."""

    @property
    def is_open(self) -> bool:
        """Whether the connection has not ended yet."""
        return self._client is not None

    @own_errors_only
    def delete(self, uids: Sequence[int]) -> None:
        """Mark those of `uids` that are assigned; `quit` removes them.

        Raises:
            ChangeRefused: the server does not delete one of them.
        """
        with self._changing():
            for _, number in self._assigned(uids):
                self._say(f"DELE {number}")

    @own_errors_only
    def quit(self) -> None:
        """End the connection and have the server remove what is marked.

        Once this returns it has said that it did. Where it raises, nobody knows.

        Raises:
            ChangeRefused: the server could not remove everything.
        """
        try:
            with self._changing():
                self._say("QUIT")
        finally:
            self._abandon()

    def withdraw(self) -> None:
        """End the connection without QUIT, so that nothing is removed."""
        self._abandon()

    def _say(self, command: str) -> None:
        try:
            self._connected.command(command)
        except Refused as refused:
            raise self._not_done(refused) from None

    def _not_done(self, refused: Refused) -> SourceError:
        if refused.seconds is not None:
            return self._understood(refused)
        return ChangeRefused(host=self.endpoint.host, mailbox=INBOX)
