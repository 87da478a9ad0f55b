"""Somebody else at work in the same mailboxes: mail is moved and expunged while it is fetched."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

from django.db import connections
from imapclient import IMAPClient  # type: ignore[import-untyped]
from imapclient.exceptions import IMAPClientError  # type: ignore[import-untyped]

from tests.servers.dovecot import PASSWORD, Dovecot
from wagtail_mailarchive.models import EmailMessagePage

from .mailbags import NUMBER, TRASH, Mailbags, Recipient

_HEADER = f"BODY.PEEK[HEADER.FIELDS ({NUMBER.upper()})]"
_ANSWER = _HEADER.replace(".PEEK", "").encode()
_MOST = 5  # messages at a time


class OtherClient:
    """Moves messages between archived mailboxes, files them in the trash, and expunges them.

    What is taken out of the archived mailboxes is looked up in the archive before: unless its
    folder holds it by then, nobody can be blamed for not archiving it.

    Attributes:
        moved, expunged: messages that it moved or expunged, or meant to while we did.
    """

    def __init__(
        self,
        dovecot: Dovecot,
        recipients: Sequence[Recipient],
        mailbags: Mailbags,
        rng: random.Random,
    ) -> None:
        self._dovecot = dovecot
        self._recipients = recipients
        self._mailbags = mailbags
        self._rng = rng
        self.moved = self.expunged = 0

    def work(self, every: float, ending: threading.Event) -> None:
        """Do something every so many seconds."""
        try:
            while not ending.wait(self._rng.uniform(0, 2) * every):
                self._act(self._rng.choice(self._recipients))
        finally:
            connections.close_all()

    def _act(self, recipient: Recipient) -> None:
        rng = self._rng
        mailbox = rng.choice(recipient.mailboxes)
        with IMAPClient("127.0.0.1", port=self._dovecot.imap, ssl=False) as client:
            client.login(recipient.user, PASSWORD)
            client.select_folder(mailbox)
            uids = sorted(client.search())
            if not uids:
                return
            most = rng.randint(1, _MOST)
            # The newest, which may not be fetched yet, or any.
            chosen = uids[-most:] if rng.random() < 0.5 else rng.sample(uids, min(most, len(uids)))
            fetched = client.fetch(chosen, [_HEADER])
            numbers = {uid: _number(answer[_ANSWER]) for uid, answer in fetched.items()}
            if not numbers:
                return
            try:
                self._change(client, recipient, mailbox, numbers)
            except IMAPClientError:
                # Somebody was faster: we were, if we may take mail away.
                if not recipient.removes:
                    raise

    def _change(
        self, client: IMAPClient, recipient: Recipient, mailbox: str, numbers: dict[int, int]
    ) -> None:
        others = [each for each in recipient.mailboxes if each != mailbox]
        chance = self._rng.random()
        if others and chance < 0.4:
            self.moved += len(numbers)
            client.move(list(numbers), self._rng.choice(others))
            return
        self._note_what_is_not_archived(recipient, list(numbers.values()))
        if chance < 0.7:
            self.moved += len(numbers)
            client.move(list(numbers), TRASH)
            return
        for number in numbers.values():
            self._mailbags.note_expunged(recipient, number)
        self.expunged += len(numbers)
        client.delete_messages(list(numbers))
        client.uid_expunge(list(numbers))

    def _note_what_is_not_archived(self, recipient: Recipient, numbers: Sequence[int]) -> None:
        letters = self._mailbags.letters
        pages = EmailMessagePage.objects.filter(
            folder=recipient.folder_id,
            original__sha256__in=[letters[number].digest for number in numbers],
        )
        archived = set(pages.values_list("original__sha256", flat=True))
        for number in numbers:
            if letters[number].digest not in archived:
                self._mailbags.note_withdrawn(recipient, number)


def _number(header: bytes) -> int:
    return int(header.partition(b":")[2])
