"""Server and ledger compared completely: every mailbox, every message, nothing taken on trust.

It changes nothing on the server and no entry of the ledger. Where they differ in a way that no
mail that came or went since the last fetch explains, the next fetch is made to list that mailbox
as if for the first time, which mends the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..exceptions import AccountBusy, MailArchiveError, MailboxNotFound
from ..models import LedgerEntry, MailAccount, Mailbox
from ..models.account import MailboxChoice, Protocol
from ..sources.base import RemoteMailbox, Source
from ..sources.deadline import Deadline
from ..sources.open import open_source
from ..sources.pop3 import Pop3Source
from . import lease as leases
from .choice import mailboxes_to_archive
from .comparison import Comparison
from .credentials import endpoint_of
from .findings import Finding, Findings
from .lease import HeldLease
from .tally import THERE

SECONDS = 420.0
PATIENCE = 60.0  # seconds to wait for a fetch that is under way
_LOOK_EVERY = 2.0  # seconds


def reconcile(
    account: MailAccount, progress: Callable[[int, int], None] = lambda done, whole: None
) -> dict[str, Any]:
    """Return, ready for JSON, how server and ledger of `account` differ.

    "counts" holds a number for each `Finding`, "differences" the sum of those that are
    `DIFFERENCES`, "findings" the first 1,000, differences before others, "truncated" whether there
    are more, "compared" how many messages of the server were looked at, "mailboxes" each with what
    server and ledger hold. An error of ours ends it and is told in "error" beside what was found
    before; only without one it "is_complete".

    Args:
        progress: told now and then how many messages of how many are compared.
    """
    reconciliation = _Reconciliation(account, progress)
    error: MailArchiveError | None = None
    held = _await_turn(account)
    if held is None:
        # Else what the fetch brings or removes meanwhile would look like differences.
        error = AccountBusy(account=account.name)
    else:
        try:
            reconciliation.make(held)
        except MailArchiveError as problem:
            error = problem
        finally:
            held.release()
    return reconciliation.findings.result(error, compared=reconciliation.compared)


def _await_turn(account: MailAccount) -> HeldLease | None:
    """Return the account's lease; None if a fetch holds it for longer than it is waited for."""
    until = time.monotonic() + PATIENCE
    while (held := leases.acquire(account)) is None and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
    return held


class _Reconciliation:
    """All mailboxes of an account.

    Attributes:
        compared: messages of the server that were looked at.
    """

    def __init__(self, account: MailAccount, progress: Callable[[int, int], None]) -> None:
        self.findings = Findings()
        self.compared = 0
        self._account = account
        self._progress = progress
        self._whole = 0

    def make(self, held: HeldLease) -> None:
        """Compare every mailbox.

        Raises:
            MailArchiveError: what was found before stays.
        """
        account = self._account
        source = open_source(
            endpoint_of(account),
            account.protocol,
            until=Deadline(SECONDS),
            largest=account.largest_message(),
        )
        known = {
            each.name: each
            for each in Mailbox.objects.filter(account=account, server__in=["", account.server])
        }
        listed: list[RemoteMailbox] = []

        def ask() -> list[RemoteMailbox]:
            listed.extend(source.list_mailboxes())
            return listed

        with source:
            names = mailboxes_to_archive(account, ask)
            self._whole = sum(known[name].exists or 0 for name in names if name in known)
            for name in names:
                self._compare(source, name, known.get(name), held)
            if isinstance(source, Pop3Source):
                # No QUIT: some servers take it for "delete what was looked at".
                source.interrupt()
        if account.protocol == Protocol.IMAP and account.mailbox_choice == MailboxChoice.ALL:
            there = {*names, *(each.name for each in listed)}
            for name, mailbox in known.items():
                if mailbox.is_archived and name not in there:
                    self._tell_gone(mailbox)

    def _compare(self, source: Source, name: str, mailbox: Mailbox | None, held: HeldLease) -> None:
        try:
            Comparison(source, name, mailbox, self.findings, held, self._advance).make()
        except MailboxNotFound as error:
            # One that is left out and said to be is no news.
            if mailbox is None or not mailbox.problem_code:
                self._note_no_mailbox(name, error)

    def _tell_gone(self, mailbox: Mailbox) -> None:
        """Tell of a mailbox that the last fetch archived and the server has no more."""
        there = LedgerEntry.objects.filter(mailbox=mailbox, presence__in=THERE)
        self.findings.note_mailbox(mailbox.name, on_server=0, in_ledger=there.count())
        error = MailboxNotFound(mailbox=mailbox.name, host=self._account.host)
        self._note_no_mailbox(mailbox.name, error)

    def _note_no_mailbox(self, name: str, error: MailboxNotFound) -> None:
        self.findings.note(
            Finding.NO_MAILBOX, name, reason_code=error.code, reason_params=error.params
        )

    def _advance(self, number: int) -> None:
        self.compared += number
        self._progress(self.compared, max(self._whole, self.compared))
