"""One mailbox of a server, compared with the ledger message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models

from ..models import LedgerEntry, Mailbox, Outcome, Presence
from ..sources.base import MailboxState, RemoteMessage, Source
from ..sources.pop3 import Pop3Source
from .ahead import ahead
from .findings import LISTED, Finding, Findings
from .identity import AWAY, is_of_date
from .lease import RENEW_EVERY, HeldLease
from .tally import THERE

_DESCRIBED = 5_000  # sizes asked for at once


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: int
    outcome: str
    presence: str
    size: int | None
    received_at: datetime | None
    reason_code: str
    reason_params: dict[str, Any]


@dataclass(slots=True)
class _Listing:
    """What one pass over a mailbox saw.

    Attributes:
        number: messages that the server lists.
        missing: UIDs that the ledger has on the server and the server does not list.
    """

    number: int = 0
    missing: list[int] = field(default_factory=list)


class Comparison:
    """The comparison of a mailbox.

    Args:
        mailbox: None where the ledger does not know it yet.
        advance: told of messages, once they are compared.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        mailbox: Mailbox | None,
        findings: Findings,
        held: HeldLease,
        advance: Callable[[int], None],
    ) -> None:
        self._source = source
        self._name = name
        self._mailbox = mailbox
        self._findings = findings
        self._held = held
        self._advance = advance

    def make(self) -> None:
        """Compare all of it.

        Raises:
            MailboxNotFound: it cannot be opened.
            SourceError, LeaseLost: what was found before stays.
        """
        source, mailbox, findings = self._source, self._mailbox, self._findings
        state = source.open_mailbox(self._name)
        before = findings.differences
        in_ledger = 0
        if mailbox is not None:
            there = LedgerEntry.objects.filter(mailbox=mailbox, presence__in=THERE)
            in_ledger = there.count()
            if mailbox.uidvalidity not in (None, state.uidvalidity):
                findings.note(Finding.RENUMBERED, self._name)
        findings.note_mailbox(self._name, on_server=state.exists, in_ledger=in_ledger)
        rows = LedgerEntry.objects.filter(mailbox=mailbox, uidvalidity=state.uidvalidity)
        if isinstance(source, Pop3Source):
            listing = self._compare_maildrop(source, rows)
        else:
            listing = self._compare_uids(state, rows)
        if listing.missing or listing.number != state.exists:
            self._judge(listing, state, rows)
        if mailbox is not None and findings.differences > before:
            # The next fetch lists and compares all of it.
            Mailbox.objects.filter(pk=mailbox.pk).update(uidnext=None)

    def _judge(
        self, listing: _Listing, state: MailboxState, rows: models.QuerySet[LedgerEntry]
    ) -> None:
        """Tell what is missing and miscounted, unless mail came or went while it was compared."""
        is_as_before = self._source.open_mailbox(self._name) == state
        if is_as_before and listing.number != state.exists:
            self._findings.note(Finding.MISCOUNTED, self._name)
        # A maildrop is listed anew by every fetch: what went is known after the next one.
        is_lost = (
            is_as_before
            and self._mailbox is not None
            and not isinstance(self._source, Pop3Source)
            and _is_unchanged(self._mailbox, state)
        )
        finding = Finding.NOT_THERE if is_lost else Finding.LEFT
        told = _entries(rows.filter(uid__in=listing.missing[:LISTED])).values()
        for entry in told:
            gone = RemoteMessage(entry.uid, entry.size or 0, entry.received_at)
            self._tell(finding, gone)
        self._findings.count(finding, len(listing.missing) - len(told))

    def _compare_uids(self, state: MailboxState, rows: models.QuerySet[LedgerEntry]) -> _Listing:
        """Compare the open IMAP mailbox."""
        first_new = _first_new(self._mailbox, state, rows)
        listing, last = _Listing(), 0
        described = ahead(
            _described(self._source),
            idle=self._held.renew,
            every=RENEW_EVERY,
            wake=self._source.interrupt,
        )
        with closing(described):
            for window in described:
                self._held.renew()
                listing.number += len(window)
                highest = max(window)
                entries = _entries(rows.filter(uid__gt=last, uid__lte=highest))
                last = highest
                for uid, message in window.items():
                    if message is None:
                        # Gone since it was listed.
                        continue
                    entry = entries.pop(uid, None)
                    if entry is not None:
                        self._tell_known(message, entry)
                    else:
                        self._tell(Finding.NEW if uid >= first_new else Finding.NOT_HERE, message)
                listing.missing += _present(entries.values())
                self._advance(len(window))
        beyond = rows.filter(uid__gt=last, presence__in=THERE)
        listing.missing += beyond.values_list("uid", flat=True)
        return listing

    def _compare_maildrop(self, source: Pop3Source, rows: models.QuerySet[LedgerEntry]) -> _Listing:
        """Compare a POP3 maildrop by unique-ids."""
        listed = source.list_uidls()
        uids = dict(rows.filter(presence__in=THERE).values_list("uidl", "uid"))
        entries = _entries(rows.filter(presence__in=THERE))
        for each in listed:
            uid = uids.get(each.uidl) if each.uidl else None
            message = RemoteMessage(uid or each.number, each.size, None)
            entry = entries.pop(uid, None) if uid is not None else None
            if entry is None:
                self._tell(Finding.NEW, message)
            else:
                self._tell_known(message, entry)
        self._advance(len(listed))
        return _Listing(len(listed), _present(entries.values()))

    def _tell_known(self, message: RemoteMessage, entry: _Entry) -> None:
        """Tell of a message that is on the server and in the ledger."""
        if not is_of_date(entry.received_at, message):
            self._tell(Finding.OTHER, message)
        elif entry.presence in AWAY:
            self._tell(Finding.BACK, message)
        elif entry.presence == Presence.REMOVAL_PENDING:
            self._tell(Finding.PENDING, message)
        elif entry.outcome == Outcome.WAITING:
            self._tell(Finding.NOT_READ if entry.reason_code else Finding.WAITING, message, entry)
        elif entry.size is not None and entry.size != message.size:
            self._tell(Finding.SIZE, message)

    def _tell(self, finding: Finding, message: RemoteMessage, entry: _Entry | None = None) -> None:
        """Tell of a message, with the reason that `entry` has."""
        self._findings.note(
            finding,
            self._name,
            uid=message.uid,
            size=message.size,
            received_at=message.received_at,
            reason_code=entry.reason_code if entry else "",
            reason_params=entry.reason_params if entry else None,
        )


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


def _present(entries: Iterable[_Entry]) -> list[int]:
    return [each.uid for each in entries if each.presence in THERE]
