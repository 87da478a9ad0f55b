"""Mail comes: by delivery into the Maildir, and by IMAP APPEND."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from imapclient import IMAPClient  # type: ignore[import-untyped]

from tests.servers.dovecot import PASSWORD, Dovecot

from .mailbags import Letter, Mailbags, Recipient, Writer


class Postman:
    """Delivers `total` messages: a part at once, the others over the time there is."""

    def __init__(
        self,
        dovecot: Dovecot,
        recipients: Sequence[Recipient],
        mailbags: Mailbags,
        rng: random.Random,
        total: int,
    ) -> None:
        self._dovecot = dovecot
        self._recipients = recipients
        self._mailbags = mailbags
        self._rng = rng
        self._writer = Writer(rng)
        self._total = total
        self._delivered = 0

    def fill(self, share: float) -> None:
        """Deliver what is there before anybody looks."""
        self._deliver_up_to(int(self._total * share))

    def work(self, seconds: float, ending: threading.Event) -> None:
        """Deliver the rest evenly over `seconds`, in bursts."""
        begun, before = time.monotonic(), self._delivered
        while self._delivered < self._total and not ending.is_set():
            share = min(1.0, (time.monotonic() - begun) / seconds)
            self._deliver_up_to(before + int((self._total - before) * share))
            ending.wait(self._rng.uniform(0.05, 1))

    def _deliver_up_to(self, number: int) -> None:
        while self._delivered < number:
            recipient = self._rng.choice(self._recipients)
            burst = min(self._rng.randint(1, 30), number - self._delivered)
            letters = [self._writer.write() for _ in range(burst)]
            mailbox = self._mailbox(recipient)
            if self._rng.random() < 0.3:
                self._append(recipient, mailbox, letters)
            else:
                for letter in letters:
                    self._deliver(recipient, mailbox, letter)
            self._copy(recipient, letters)

    def _copy(self, recipient: Recipient, letters: Sequence[Letter]) -> None:
        """Deliver some of them again: to the same user, to its folder's other one, to anybody."""
        rng = self._rng
        colleagues = [each for each in self._recipients if each.folder_id == recipient.folder_id]
        for letter in letters:
            chance = rng.random()
            if chance < 0.03:
                self._deliver(recipient, self._mailbox(recipient), letter)
            elif chance < 0.08:
                other = rng.choice(colleagues)
                self._deliver(other, self._mailbox(other), letter)
            elif chance < 0.1:
                other = rng.choice(self._recipients)
                self._deliver(other, self._mailbox(other), letter)

    def _deliver(self, recipient: Recipient, mailbox: str, letter: Letter) -> None:
        # Noted first, because it may be archived before the next line.
        self._note(recipient, letter)
        self._dovecot.deliver(recipient.user, letter.raw, mailbox=mailbox)

    def _append(self, recipient: Recipient, mailbox: str, letters: Sequence[Letter]) -> None:
        with IMAPClient("127.0.0.1", port=self._dovecot.imap, ssl=False) as client:
            client.login(recipient.user, PASSWORD)
            for letter in letters:
                self._note(recipient, letter)
                client.append(mailbox, letter.raw)

    def _note(self, recipient: Recipient, letter: Letter) -> None:
        self._mailbags.note_delivery(recipient, letter)
        self._delivered += 1

    def _mailbox(self, recipient: Recipient) -> str:
        first, *others = recipient.mailboxes
        return self._rng.choice(others) if others and self._rng.random() < 0.3 else first
