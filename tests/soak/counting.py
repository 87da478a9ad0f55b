"""Is every message delivered in the archive, once per folder, and does all add up?"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.core.management import CommandError, call_command
from wagtail.models import Page

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.tally import tally
from wagtail_mailarchive.fetching.treatment import concerned
from wagtail_mailarchive.models import (
    ChainEntry,
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Outcome,
    Presence,
)
from wagtail_mailarchive.models.account import AfterFetch
from wagtail_mailarchive.models.run import ACTIVE, RunStatus

from .mailbags import TARGET, TRASH, Mailbags, Recipient


@dataclass(frozen=True)
class Count:
    """What the soak ends with.

    Attributes:
        delivered: messages that have to be archived: different bytes, for each email folder.
        archived: how many of them are.
        twice: pages beyond the first of a message in its folder.
        problems: whatever else is not as it has to be.
    """

    delivered: int
    archived: int
    twice: int
    problems: Sequence[str]

    @property
    def lost(self) -> int:
        return self.delivered - self.archived

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.twice or self.problems)


def rest(recipient: Recipient, since: int = 0) -> str:
    """Return what is left to do for an account; "" if nothing is.

    Args:
        since: the id of a run, after which there has to be another.
    """
    account = MailAccount.objects.get(pk=recipient.account_id)
    if FetchRun.objects.filter(account=account, status__in=ACTIVE).exists():
        return f"{recipient.user}: a run is under way"
    latest = FetchRun.objects.filter(account=account).order_by("-pk").first()
    if latest is None or latest.pk <= since:
        return f"{recipient.user}: not fetched"
    if latest.status != RunStatus.SUCCEEDED or latest.anomaly_code:
        said = latest.error_code or latest.anomaly_code or latest.status
        return f"{recipient.user}: the last run did not end well: {said}"
    rows = LedgerEntry.objects.filter(mailbox__account=account)
    waiting = rows.filter(presence=Presence.PRESENT, outcome=Outcome.WAITING).count()
    pending = rows.filter(presence=Presence.REMOVAL_PENDING).count()
    left = 0
    if account.after_fetch != AfterFetch.LEAVE:
        left = concerned(rows, account.after_fetch).count()
    if waiting or pending or left:
        return f"{recipient.user}: {waiting} waiting, {pending} pending, {left} to be treated"
    return ""


def removed_nothing(recipient: Recipient) -> bool:
    """Whether nothing was taken from the server for an account that is to take mail away."""
    rows = LedgerEntry.objects.filter(mailbox__account=recipient.account_id)
    return recipient.removes and not rows.filter(presence=Presence.REMOVED).exists()


def count(dovecot: Dovecot, recipients: Sequence[Recipient], mailbags: Mailbags) -> Count:
    """Look at all that is in the archive and on the server, when both are at rest."""
    pages = _pages()
    wanted = mailbags.wanted()
    problems = [*_archive_problems(pages, mailbags)]
    for recipient in recipients:
        problems += _account_problems(recipient)
        problems += _server_problems(dovecot, recipient, mailbags, pages)
    return Count(
        delivered=len(wanted),
        archived=len(wanted & pages.keys()),
        twice=sum(pages.values()) - len(pages),
        problems=problems,
    )


def _pages() -> Counter[tuple[int, str]]:
    """Return the number of pages by folder and SHA-256."""
    return Counter(EmailMessagePage.objects.values_list("folder_id", "original__sha256"))


def _archive_problems(pages: Counter[tuple[int, str]], mailbags: Mailbags) -> Iterator[str]:
    if foreign := pages.keys() - mailbags.known():
        yield f"archived, but never delivered so: {sorted(foreign)}"
    if pages != Counter(ChainEntry.objects.values_list("folder_id", "sha256")):
        yield "the chains do not hold what is archived"
    if any(found := Page.find_problems()):
        yield f"the tree is broken: {found}"
    for command in ("mailarchive_verify", "mailarchive_reconcile"):
        told = io.StringIO()
        try:
            call_command(command, stdout=told, stderr=told)
        except (SystemExit, CommandError):
            yield f"{command} finds fault: {told.getvalue()}"


def _account_problems(recipient: Recipient) -> Iterator[str]:
    if left := rest(recipient):
        yield left
    account = MailAccount.objects.get(pk=recipient.account_id)
    if not (counted := tally(account)).adds_up:
        yield f"{recipient.user}: the ledger does not add up: {counted}"
    unexpected = FetchRun.objects.filter(account=account, error_code="UnexpectedFetchError")
    if number := unexpected.count():
        yield f"{recipient.user}: {number} fetches ended with an error that nobody foresaw"
    # Of mail that is taken away, a copy moved by hand under our eyes can be there no more.
    odd = LedgerEntry.objects.filter(mailbox__account=account, presence=Presence.PRESENT).exclude(
        outcome__in=[Outcome.ARCHIVED, Outcome.DUPLICATE]
    )
    if odd.exists():
        yield f"{recipient.user}: {list(odd.values_list('outcome', 'reason_code').distinct())}"


def _server_problems(
    dovecot: Dovecot, recipient: Recipient, mailbags: Mailbags, pages: Counter[tuple[int, str]]
) -> Iterator[str]:
    user, folder = recipient.user, recipient.folder_id
    left = mailbags.left_to(user)
    numbers = {letter.digest: letter.number for letter in mailbags.letters.values()}
    there: Counter[int] = Counter()
    for mailbox in (*recipient.mailboxes, TRASH, TARGET):
        files = _files(dovecot, user, mailbox)
        if files and recipient.removes and mailbox in recipient.mailboxes:
            yield f"{user}: still in {mailbox}: {_ledger_of(recipient, mailbox, files)}"
        for file in files:
            number = numbers.get(_digest(file))
            if number is None or number not in left:
                yield f"{user}: {file.name} in {mailbox} was never delivered so"
                continue
            there[number] += 1
        yield from _wrongly_read(recipient, mailbox, files)
    for number, kept in left.items():
        is_archived = (folder, mailbags.letters[number].digest) in pages
        if there[number] < kept and not (is_archived and recipient.action == AfterFetch.DELETE):
            yield f"{user}: letter {number} is gone from the server, and nobody expunged it"
        # Where we take mail away as well, whoever was faster did what another meant to do, and of
        # a message that two move at the same moment Dovecot may keep both copies.
        if there[number] > kept and not recipient.removes:
            yield f"{user}: letter {number} is there {there[number]} times, not {kept}"


def _ledger_of(recipient: Recipient, mailbox: str, files: Sequence[Path]) -> list[object]:
    """Return what the ledger says of messages that should not be there."""
    rows = LedgerEntry.objects.filter(
        mailbox__account=recipient.account_id,
        mailbox__name=mailbox,
        original__sha256__in=[_digest(file) for file in files],
    )
    told = rows.values("uid", "uidl", "outcome", "presence", "treated", "treated_at", "reason_code")
    return [[file.name for file in files], *told]


def _wrongly_read(recipient: Recipient, mailbox: str, files: Sequence[Path]) -> Iterator[str]:
    """Yield what was marked as read although nobody did, or not although it was to be.

    Reading by POP3 marks, as the server pleases.
    """
    if mailbox not in recipient.mailboxes or recipient.protocol == "pop3" or recipient.removes:
        return
    wanted = recipient.action == AfterFetch.MARK_READ
    wrong = [file for file in files if ("S" in file.name.partition(":2,")[2]) is not wanted]
    if wrong:
        said = "unread" if wanted else "read"
        yield f"{recipient.user}: {len(wrong)} messages in {mailbox} are {said}"


def _files(dovecot: Dovecot, user: str, mailbox: str) -> list[Path]:
    if not (dovecot.maildir(user, mailbox) / "new").is_dir():
        return []
    return dovecot.message_files(user, mailbox)


def _digest(file: Path) -> str:
    """Return the digest of a message as it is served: Dovecot stores what is appended with LF."""
    raw = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return hashlib.sha256(raw).hexdigest()
