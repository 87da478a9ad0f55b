"""The people of the soak: users of the mail server, their accounts and email folders."""

from __future__ import annotations

from collections.abc import Iterator

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.models.account import AfterFetch
from wagtail_mailarchive.sources.base import Security

from .mailbags import TARGET, TRASH, Recipient

_INBOX = ("INBOX",)
_TWO = ("INBOX", "Projects")
# Two accounts share a folder each, of different kinds.
_KINDS = [
    ("imap", AfterFetch.LEAVE, _TWO),
    ("imap", AfterFetch.DELETE, _TWO),
    ("imap", AfterFetch.MOVE, _TWO),
    ("pop3", AfterFetch.DELETE, _INBOX),
    ("imap", AfterFetch.MARK_READ, _TWO),
    ("imap", AfterFetch.DELETE, _INBOX),
    ("imap", AfterFetch.MOVE, _TWO),
    ("pop3", AfterFetch.LEAVE, _INBOX),
]


def settle(dovecot: Dovecot, number: int) -> Iterator[Recipient]:
    """Yield `number` recipients, two for each email folder."""
    folder = factories.folder()
    for position in range(number):
        if position and position % 2 == 0:
            folder = factories.folder()
        protocol, action, mailboxes = _KINDS[position % len(_KINDS)]
        user = dovecot.create_user(f"soak{position}")
        for mailbox in (*mailboxes[1:], TRASH):
            dovecot.create_mailbox(user, mailbox)
        account = factories.account(
            folder,
            dovecot.endpoint(user, Security.PLAIN, protocol=protocol),
            protocol=protocol,
            mailboxes=list(mailboxes),
            after_fetch=action,
            move_to=TARGET if action == AfterFetch.MOVE else "",
            interval=1,
        )
        yield Recipient(user, account.pk, folder.pk, protocol, action, mailboxes)
