"""What the next fetch would do with each message, without doing any of it.

It reads the server's listing and compares it with the ledger as a fetch does, and writes nothing:
no row of ours, no flag of theirs. Whether a message is a duplicate is known only by its bytes,
which are not read; such a message is among those that would be archived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..archive.dates import showable
from ..exceptions import (
    ArchivedAlready,
    ArchivedLongEnough,
    LeftByLimit,
    MailArchiveError,
    MailboxNotFound,
    MessageError,
    StaysForItsSize,
)
from ..mime.process import ParserProcess
from ..models import LedgerEntry, MailAccount, Outcome, Presence
from ..models.account import AfterFetch
from ..sources.base import RemoteMessage, Source
from ..sources.deadline import Deadline
from ..sources.open import open_source
from ..sources.pop3 import Pop3Source
from .afterwards import why_not, why_not_from
from .choice import mailboxes_to_archive
from .credentials import endpoint_of
from .selection import Criterion, criteria
from .treatment import MOST_DAYS, REMOVALS, concerned

SECONDS = 240.0
# Messages told one by one, those to be archived first; of the others there are numbers only.
LISTED = 200
_SHOWN = 200  # characters of a subject or name
_MEGABYTE = 1024 * 1024

# What the ledger has decided for good.
_DECIDED = (Outcome.ARCHIVED, Outcome.DUPLICATE, Outcome.QUARANTINED, Outcome.ERASED)


class Fate(models.TextChoices):
    """What the next fetch would do with a message."""

    ARCHIVE = "archive", _("would be archived")
    MARK_READ = AfterFetch.MARK_READ.value, _("would be marked as read")
    MOVE = AfterFetch.MOVE.value, _("would be moved")
    DELETE = AfterFetch.DELETE.value, _("would be deleted")
    KNOWN = "known", _("already here")
    EXCLUDED = "excluded", _("excluded")
    TOO_LARGE = "too_large", _("too large")
    WAITING = "waiting", _("waits for a later fetch")


# What would be done on the server with what is archived.
TREATMENTS = (Fate.MARK_READ, Fate.MOVE, Fate.DELETE)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger says of a message.

    Attributes:
        is_due: the next fetch would treat it on the server as the account says.
    """

    outcome: str
    is_wanted: bool
    is_due: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """A message to be told of one by one."""

    mailbox: str
    message: RemoteMessage
    fate: Fate
    reason: MailArchiveError | None


def dry_run(account: MailAccount) -> dict[str, Any]:
    """Return, ready for JSON, what the next fetch of `account` would do.

    "counts" holds a number for each `Fate`, "messages" the first 200 but those already here,
    "truncated" whether there are more. "refusal" says why nothing would be done on the server with
    archived mail. An error of ours ends it and is told in "error" beside what was found before.
    """
    survey = _Survey(account)
    error: MailArchiveError | None
    try:
        survey.make()
        error = survey.missing
    except MailArchiveError as problem:
        error = problem
    return {
        "error": _stored(error),
        "refusal": _stored(survey.refusal),
        "counts": {fate.value: survey.counts[fate] for fate in Fate},
        "messages": survey.listed[:LISTED],
        "truncated": survey.counts.total() - survey.counts[Fate.KNOWN] > LISTED,
    }


def _stored(error: MailArchiveError | None) -> dict[str, Any] | None:
    return {"code": error.code, "params": error.params} if error else None


class _Survey:
    """One look at all mailboxes of an account.

    Attributes:
        listed: messages ready for JSON, those to be archived before the others, and those to be
            treated on the server before what is left alone.
        refusal: why nothing would be done on the server with archived mail.
        missing: told of a mailbox that is not there; the others are looked at all the same.
    """

    def __init__(self, account: MailAccount) -> None:
        self.counts: Counter[Fate] = Counter()
        self.missing: MailboxNotFound | None = None
        self.refusal: MailArchiveError | None = None
        self._archived: list[dict[str, Any]] = []
        self._others: list[dict[str, Any]] = []
        self._account = account
        self._stays = False
        self._largest = account.largest_message()
        self._before = timezone.now() - timedelta(days=min(account.after_fetch_days, MOST_DAYS))

    @property
    def listed(self) -> list[dict[str, Any]]:
        return self._archived + self._others

    def make(self) -> None:
        """Look at every mailbox.

        Raises:
            MailArchiveError: what was found before stays.
        """
        source = open_source(
            endpoint_of(self._account),
            self._account.protocol,
            until=Deadline(SECONDS),
            largest=self._largest,
        )
        with ParserProcess() as parser, source:
            if self._account.after_fetch != AfterFetch.LEAVE:
                self.refusal = why_not(self._account, source)
            listed = source.list_mailboxes() if self._account.after_fetch in REMOVALS else []
            for name in mailboxes_to_archive(self._account, source.list_mailboxes):
                self._stays = bool(why_not_from(self._account, source, name, listed))
                try:
                    self._look_at(source, parser, name)
                except MailboxNotFound as error:
                    self.missing = self.missing or error
            if isinstance(source, Pop3Source):
                # No QUIT: some servers take it for "delete what was looked at".
                source.interrupt()

    def _look_at(self, source: Source, parser: ParserProcess, name: str) -> None:
        found: dict[Fate, list[_Told]] = {fate: [] for fate in Fate}
        for message, fate, reason in self._fates(source, name):
            self.counts[fate] += 1
            if len(found[fate]) < LISTED:
                found[fate].append(_Told(name, message, fate, reason))
        wanted = found.pop(Fate.ARCHIVE)[: LISTED - len(self._archived)]
        del found[Fate.KNOWN]
        others = [told for tolds in found.values() for told in tolds]
        others = others[: max(0, LISTED - len(self.listed) - len(wanted))]
        for told in _with_headers(source, parser, [*wanted, *others]):
            (self._archived if told["outcome"] == Fate.ARCHIVE else self._others).append(told)

    def _fates(
        self, source: Source, name: str
    ) -> Iterator[tuple[RemoteMessage, Fate, MailArchiveError | None]]:
        for message, known, unfulfilled in self._messages(source, name):
            if known and known.outcome in _DECIDED:
                yield message, *self._afterwards(known)
            elif unfulfilled is not None:
                yield message, Fate.EXCLUDED, unfulfilled
            elif message.size > self._largest and not (known and known.is_wanted):
                yield message, Fate.TOO_LARGE, _too_large(message.size, self._largest)
            elif (most := self._account.message_limit) and self.counts[Fate.ARCHIVE] >= most:
                yield message, Fate.WAITING, LeftByLimit(limit=most)
            else:
                yield message, Fate.ARCHIVE, None

    def _afterwards(self, known: _Known) -> tuple[Fate, MailArchiveError | None]:
        """Return what would be done on the server with a message that is decided on, and why."""
        if not known.is_due or self._stays or self.refusal is not None:
            return Fate.KNOWN, None
        days = self._account.after_fetch_days
        reason = ArchivedLongEnough(days=days) if days else ArchivedAlready()
        return Fate(self._account.after_fetch), reason

    def _messages(
        self, source: Source, name: str
    ) -> Iterator[tuple[RemoteMessage, _Known | None, MailArchiveError | None]]:
        """Yield each message with what the ledger knows and the reason to exclude it, if any."""
        uidvalidity = source.open_mailbox(name).uidvalidity
        rows = LedgerEntry.objects.filter(
            mailbox__account=self._account,
            mailbox__name=name,
            mailbox__server__in=["", self._account.server],
            uidvalidity=uidvalidity,
            presence__in=[Presence.PRESENT, Presence.REMOVAL_PENDING],
        )
        if isinstance(source, Pop3Source):
            yield from _in_maildrop(source, self._known(rows, "uidl"))
            return
        chosen = [(each, _chosen(source, each)) for each in criteria(self._account, name)]
        for window in source.list_uids():
            within = rows.filter(uid__gte=window[0], uid__lte=window[-1])
            known = self._known(within, "uid")
            for message in source.describe(window):
                reasons = (each.reason for each, uids in chosen if message.uid not in uids)
                yield message, known.get(message.uid), next(reasons, None)

    def _known(self, rows: QuerySet[LedgerEntry], key: str) -> dict[Any, _Known]:
        """Return what the ledger says in `rows`, by their field `key`."""
        action = self._account.after_fetch
        due: set[Any] = set()
        if action != AfterFetch.LEAVE:
            waited = concerned(rows, action).filter(decided_at__lte=self._before)
            due = set(waited.values_list(key, flat=True))
        return {
            name: _Known(outcome, is_wanted, is_due=name in due)
            for name, outcome, is_wanted in rows.values_list(key, "outcome", "is_wanted")
        }


def _chosen(source: Source, criterion: Criterion) -> set[int]:
    return {uid for window in source.select_uids(criterion.selected) for uid in window}


def _in_maildrop(
    source: Pop3Source, known: dict[str, _Known]
) -> Iterator[tuple[RemoteMessage, _Known | None, None]]:
    """Yield the messages of a POP3 maildrop; they go by their numbers here."""
    listed = source.list_uidls()
    source.assign({each.number: each.number for each in listed})
    for each in listed:
        message = RemoteMessage(uid=each.number, size=each.size, received_at=None)
        yield message, known.get(each.uidl) if each.uidl else None, None


def _too_large(size: int, limit: int) -> StaysForItsSize:
    return StaysForItsSize(megabytes=-(-size // _MEGABYTE), limit=limit // _MEGABYTE)


def _with_headers(
    source: Source, parser: ParserProcess, tolds: Sequence[_Told]
) -> Iterable[dict[str, Any]]:
    """Return `tolds` ready for JSON, with what their headers say."""
    headers = {each.uid: each.header for each in source.headers([t.message.uid for t in tolds])}
    parsed = parser.parse_many([[headers.get(told.message.uid, b"")] for told in tolds])
    for told, header in zip(tolds, parsed, strict=True):
        reason = told.reason
        read = None if isinstance(header, MessageError) else header
        sender = read.sender if read else None
        sent_at = read.sent_at if read else None
        yield {
            "mailbox": told.mailbox,
            "subject": read.subject[:_SHOWN] if read else "",
            "sender": (sender.name or sender.address)[:_SHOWN] if sender else "",
            "date": _iso(sent_at or told.message.received_at),
            "size": told.message.size,
            "outcome": told.fate.value,
            "reason_code": reason.code if reason else "",
            "reason_params": reason.params if reason else {},
        }


def _iso(moment: datetime | None) -> str | None:
    shown = showable(moment)
    return shown.isoformat() if shown else None
