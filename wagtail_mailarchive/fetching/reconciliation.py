"""Server and ledger compared completely: every mailbox, every message, nothing taken on trust.

It changes nothing on the server and no entry of the ledger. Where they differ in a way that no
mail that came or went since the last fetch explains, the next fetch is made to list that mailbox
as if for the first time, which mends the ledger.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..archive.dates import showable
from ..exceptions import AccountBusy, MailArchiveError, MailboxNotFound
from ..models import LedgerEntry, MailAccount, Mailbox, Outcome, Presence
from ..sources.base import MailboxState, RemoteMessage, Source
from ..sources.deadline import Deadline
from ..sources.open import open_source
from ..sources.pop3 import Pop3Source
from . import lease as leases
from .ahead import ahead
from .choice import mailboxes_to_archive
from .credentials import endpoint_of
from .identity import AWAY, is_of_date
from .lease import RENEW_EVERY, HeldLease
from .tally import THERE

SECONDS = 420.0
PATIENCE = 60.0  # seconds to wait for a fetch that is under way
_LOOK_EVERY = 2.0  # seconds
# Findings told one by one; of the others there are numbers only.
LISTED = 1_000
_MOST_MAILBOXES = 1_000
_DESCRIBED = 5_000  # sizes asked for at once


class Finding(models.TextChoices):
    """What a message is, where server and ledger are not simply the same."""

    NOT_HERE = "not_here", _("on the server, and not in the ledger")
    NOT_THERE = "not_there", _("in the ledger, and not on the server")
    OTHER = "other", _("another message under the same number")
    BACK = "back", _("on the server, although the ledger says that it went")
    RENUMBERED = "renumbered", _("mailbox whose messages have new numbers (UIDVALIDITY)")
    MISCOUNTED = "miscounted", _("mailbox of which the server lists other than it counts")
    NO_MAILBOX = "no_mailbox", _("mailbox that cannot be opened")
    NEW = "new", _("came since the last fetch")
    LEFT = "left", _("went since the last fetch")
    PENDING = "pending", _("is about to be removed by us, and still there")
    WAITING = "waiting", _("waits to be fetched")
    NOT_READ = "not_read", _("waits, because it could not be read")
    SIZE = "size", _("the server counts its size otherwise than it was read")


# What no fetch of the past should have left behind; the rest is as it may be.
DIFFERENCES = (
    *(Finding.NOT_HERE, Finding.NOT_THERE, Finding.OTHER, Finding.BACK),
    *(Finding.RENUMBERED, Finding.MISCOUNTED, Finding.NO_MAILBOX),
)


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: int
    outcome: str
    presence: str
    size: int | None
    received_at: datetime | None
    reason_code: str
    reason_params: dict[str, Any]


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
    comparison = _Comparison(account, progress)
    error: MailArchiveError | None = None
    held = _await_turn(account)
    if held is None:
        # Else what the fetch brings or removes meanwhile would look like differences.
        error = AccountBusy(account=account.name)
    else:
        try:
            comparison.make(held)
        except MailArchiveError as problem:
            error = problem
        finally:
            held.release()
    return comparison.result(error)


def _await_turn(account: MailAccount) -> HeldLease | None:
    """Return the account's lease; None if a fetch holds it for longer than it is waited for."""
    until = time.monotonic() + PATIENCE
    while (held := leases.acquire(account)) is None and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
    return held


def nothing_compared(error: MailArchiveError) -> dict[str, Any]:
    """Return the result of a reconciliation that `error` kept from beginning or ending."""
    return {
        "error": {"code": error.code, "params": error.params},
        "is_complete": False,
        "counts": {},
        "differences": 0,
        "findings": [],
        "truncated": False,
        "compared": 0,
        "mailboxes": [],
    }


class _Comparison:
    def __init__(self, account: MailAccount, progress: Callable[[int, int], None]) -> None:
        self._account = account
        self._progress = progress
        self._counts: Counter[Finding] = Counter()
        self._differences: list[dict[str, Any]] = []
        self._others: list[dict[str, Any]] = []
        self._mailboxes: list[dict[str, Any]] = []
        self._compared = 0
        self._whole = 0

    def make(self, held: HeldLease) -> None:
        """Compare every mailbox.

        Raises:
            MailArchiveError: what was found before stays.
        """
        source = open_source(
            endpoint_of(self._account),
            self._account.protocol,
            until=Deadline(SECONDS),
            largest=self._account.largest_message(),
        )
        with source:
            names = mailboxes_to_archive(self._account, source.list_mailboxes)
            known = {
                each.name: each
                for each in Mailbox.objects.filter(
                    account=self._account, server__in=["", self._account.server]
                )
            }
            self._whole = sum(known[name].exists or 0 for name in names if name in known)
            for name in names:
                self._compare(source, name, known.get(name), held)
            if isinstance(source, Pop3Source):
                # No QUIT: some servers take it for "delete what was looked at".
                source.interrupt()

    def result(self, error: MailArchiveError | None) -> dict[str, Any]:
        findings = (self._differences + self._others)[:LISTED]
        return {
            "error": {"code": error.code, "params": error.params} if error else None,
            "is_complete": error is None,
            "counts": {each.value: self._counts[each] for each in Finding},
            "differences": sum(self._counts[each] for each in DIFFERENCES),
            "findings": findings,
            "truncated": self._counts.total() > len(findings),
            "compared": self._compared,
            "mailboxes": self._mailboxes[:_MOST_MAILBOXES],
        }

    def _compare(self, source: Source, name: str, mailbox: Mailbox | None, held: HeldLease) -> None:
        try:
            state = source.open_mailbox(name)
        except MailboxNotFound as error:
            # One that is left out and said to be is no news.
            if mailbox is None or not mailbox.problem_code:
                self._note(Finding.NO_MAILBOX, name, reason=error)
            return
        before = self._found()
        rows = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
        told = {"name": name, "on_server": state.exists, "in_ledger": 0}
        self._mailboxes.append(told)
        if mailbox is not None:
            told["in_ledger"] = LedgerEntry.objects.filter(
                mailbox=mailbox, presence__in=THERE
            ).count()
            if mailbox.uidvalidity not in (None, state.uidvalidity):
                self._note(Finding.RENUMBERED, name)
        if isinstance(source, Pop3Source):
            listed = self._compare_maildrop(source, name, rows)
        else:
            listed = self._compare_uids(source, state, mailbox, rows, held)
        if listed != state.exists:
            self._note(Finding.MISCOUNTED, name)
        if mailbox is not None and self._found() > before:
            # The next fetch lists and compares all of it.
            Mailbox.objects.filter(pk=mailbox.pk).update(uidnext=None)

    def _found(self) -> int:
        return sum(self._counts[each] for each in DIFFERENCES)

    def _compare_uids(
        self,
        source: Source,
        state: MailboxState,
        mailbox: Mailbox | None,
        rows: models.QuerySet[LedgerEntry],
        held: HeldLease,
    ) -> int:
        """Compare the open IMAP mailbox; return how many messages it lists."""
        first_new = _first_new(mailbox, state, rows)
        is_unchanged = mailbox is not None and _is_unchanged(mailbox, state)
        listed, last = 0, 0
        described = ahead(
            _described(source), idle=held.renew, every=RENEW_EVERY, wake=source.interrupt
        )
        with closing(described):
            for window in described:
                held.renew()
                listed += len(window)
                highest = max(window)
                entries = _entries(rows.filter(uid__gt=last, uid__lte=highest))
                last = highest
                for uid, message in window.items():
                    if message is None:
                        # Gone since it was listed.
                        continue
                    entry = entries.pop(uid, None)
                    if entry is not None:
                        self._tell_known(state.name, message, entry)
                    else:
                        finding = Finding.NEW if uid >= first_new else Finding.NOT_HERE
                        self._tell(finding, state.name, message)
                self._tell_missing(state.name, entries.values(), is_unchanged=is_unchanged)
                self._advance(len(window))
        beyond = _entries(rows.filter(uid__gt=last, presence__in=THERE))
        self._tell_missing(state.name, beyond.values(), is_unchanged=is_unchanged)
        return listed

    def _compare_maildrop(
        self, source: Pop3Source, name: str, rows: models.QuerySet[LedgerEntry]
    ) -> int:
        """Compare a POP3 maildrop by unique-ids; return how many messages it lists.

        Every fetch lists a maildrop anew, so whatever came or went is known after the next one.
        """
        listed = source.list_uidls()
        uids = dict(rows.filter(presence__in=THERE).values_list("uidl", "uid"))
        entries = _entries(rows.filter(presence__in=THERE))
        for each in listed:
            uid = uids.get(each.uidl) if each.uidl else None
            message = RemoteMessage(uid or each.number, each.size, None)
            entry = entries.pop(uid, None) if uid is not None else None
            if entry is None:
                self._tell(Finding.NEW, name, message)
            else:
                self._tell_known(name, message, entry)
        self._tell_missing(name, entries.values(), is_unchanged=False)
        self._advance(len(listed))
        return len(listed)

    def _tell_known(self, name: str, message: RemoteMessage, entry: _Entry) -> None:
        """Tell of a message that is on the server and in the ledger."""
        if not is_of_date(entry.received_at, message):
            self._tell(Finding.OTHER, name, message)
        elif entry.presence in AWAY:
            self._tell(Finding.BACK, name, message)
        elif entry.presence == Presence.REMOVAL_PENDING:
            self._tell(Finding.PENDING, name, message)
        elif entry.outcome == Outcome.WAITING:
            finding = Finding.NOT_READ if entry.reason_code else Finding.WAITING
            self._tell(finding, name, message, entry)
        elif entry.size is not None and entry.size != message.size:
            self._tell(Finding.SIZE, name, message)

    def _tell_missing(self, name: str, entries: Iterable[_Entry], *, is_unchanged: bool) -> None:
        """Tell of what is in the ledger only.

        Args:
            is_unchanged: whether nothing can have gone since the last listing.
        """
        for entry in entries:
            if entry.presence not in THERE:
                continue
            finding = Finding.NOT_THERE if is_unchanged else Finding.LEFT
            gone = RemoteMessage(entry.uid, entry.size or 0, entry.received_at)
            self._tell(finding, name, gone)

    def _tell(
        self, finding: Finding, name: str, message: RemoteMessage, entry: _Entry | None = None
    ) -> None:
        self._note(
            finding,
            name,
            uid=message.uid,
            size=message.size,
            received_at=message.received_at,
            entry=entry,
        )

    def _note(
        self,
        finding: Finding,
        name: str,
        *,
        uid: int | None = None,
        size: int | None = None,
        received_at: datetime | None = None,
        entry: _Entry | None = None,
        reason: MailArchiveError | None = None,
    ) -> None:
        self._counts[finding] += 1
        listed = self._differences if finding in DIFFERENCES else self._others
        if len(listed) >= LISTED:
            return
        moment = showable(received_at)
        listed.append(
            {
                "finding": finding.value,
                "mailbox": name,
                "uid": uid,
                "size": size,
                "date": moment.isoformat() if moment else None,
                "reason_code": entry.reason_code if entry else reason.code if reason else "",
                "reason_params": entry.reason_params if entry else reason.params if reason else {},
            }
        )

    def _advance(self, number: int) -> None:
        self._compared += number
        self._progress(self._compared, max(self._whole, self._compared))


def _described(source: Source) -> Iterator[dict[int, RemoteMessage | None]]:
    """Yield every UID of the open mailbox with its message, in bounded portions."""
    for window in source.list_uids():
        for start in range(0, len(window), _DESCRIBED):
            some = window[start : start + _DESCRIBED]
            found = {each.uid: each for each in source.describe(some)}
            yield {uid: found.get(uid) for uid in some}


def _first_new(
    mailbox: Mailbox | None, state: MailboxState, rows: models.QuerySet[LedgerEntry]
) -> int:
    """Return the UID from which on messages came after the last listing.

    New ones never have a lower one (RFC 3501 section 2.3.1.1).
    """
    if mailbox is None or mailbox.uidvalidity != state.uidvalidity:
        return 0
    if mailbox.uidnext is not None:
        return mailbox.uidnext
    highest = rows.aggregate(highest=models.Max("uid"))["highest"]
    return (highest or 0) + 1


def _is_unchanged(mailbox: Mailbox, state: MailboxState) -> bool:
    """Whether nothing came and nothing went since the last listing, as far as the server says."""
    return (
        mailbox.uidvalidity == state.uidvalidity
        and mailbox.exists == state.exists
        and mailbox.uidnext in (None, state.uidnext)
    )


def _entries(rows: models.QuerySet[LedgerEntry]) -> dict[int, _Entry]:
    fields = ("uid", "outcome", "presence", "size", "received_at", "reason_code", "reason_params")
    return {values[0]: _Entry(*values) for values in rows.values_list(*fields)}
