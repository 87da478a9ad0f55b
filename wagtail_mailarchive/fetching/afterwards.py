"""After the fetch: what the account has done on the server with messages that are archived.

It begins when all mailboxes of the run are fetched, and goes on in as many tasks as it takes. Where
the run saw an anomaly, nothing is done, not even marking as read: whether the server's UIDs mean
what the ledger takes them to mean is in doubt then. What is not done today is due at the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.utils import timezone

from ..crossings import Crossing, cross
from ..exceptions import (
    ChangeRefused,
    GmailKeepsMail,
    MailArchiveError,
    MailboxNotFound,
    MessagesLeft,
    MoveTargetArchived,
    NoMove,
    NotWithPop3,
    NoUidPlus,
    ServerDeletionForbidden,
    SourceError,
    StorageError,
)
from ..models import MailAccount, Mailbox
from ..models.account import AfterFetch, MailboxChoice, Protocol
from ..models.site_settings import effective_settings
from ..sources.base import RemoteMailbox, Source, SpecialUse
from ..sources.imap import ImapSource
from ..sources.imap_changes import ChangingImapSource
from ..sources.pop3_changes import ChangingPop3Source
from .choice import is_alike
from .durability import why_not_durable
from .health import note_treatment
from .imap_treatment import ImapTreatment
from .maildrop import update_ledger
from .pop3_removal import Pop3Removal
from .treatment import (
    REMOVALS,
    Doubtful,
    Treatment,
    given_up,
    is_as_it_was,
    note_given_up,
    number_left_alone,
    require_as_it_was,
)
from .under_way import TimeIsUp, UnderWay

logger = logging.getLogger("wagtail_mailarchive.fetching")

_INBOX = "INBOX"


def is_wanted(under_way: UnderWay) -> bool:
    """Whether anything may have to be done on the server; no query."""
    return under_way.account.after_fetch != AfterFetch.LEAVE or under_way.has_pending


class Afterwards:
    """What one task does on the server after the fetch, over one connection."""

    def __init__(self, under_way: UnderWay, source: Source, *, is_listed: bool) -> None:
        """
        Args:
            is_listed: whether the mailboxes were listed over this connection.
        """
        self._under_way = under_way
        self._source = source
        self._is_listed = is_listed
        self._action = AfterFetch(under_way.account.after_fetch)
        self._problem: MailArchiveError | None = None

    def work(self) -> None:
        """Treat what is due, mailbox by mailbox.

        Raises:
            TimeIsUp, Unwanted, MailArchiveError: what the ledger notes as pending is finished by a
                later run.
        """
        under_way, account = self._under_way, self._under_way.account
        if under_way.run.fetched_at is None:
            with under_way.fenced():
                under_way.note(fetched_at=timezone.now(), current_mailbox="")
            cross(Crossing.FETCHING_NOTED)
            if under_way.is_over():
                # A change takes time, and is not to be broken off.
                raise TimeIsUp
        if not is_as_it_was(under_way):
            return
        # UIDs of another server, or user there, mean nothing any more.
        servers = ["", account.server]
        mailboxes = Mailbox.objects.filter(account=account, server__in=servers).order_by("pk")
        again = False
        try:
            for mailbox in mailboxes:
                self._give_up(mailbox)
            if self._action == AfterFetch.LEAVE:
                return
            if reason := why_not(account, self._source):
                self._note(reason)
            else:
                # What went wrong before may do so again, so all the others come first.
                for again in (False, True):
                    for mailbox in mailboxes.filter(is_archived=True):
                        self._treat(mailbox, again=again)
        except Doubtful:
            if not again and self._problem is None:
                # What would have come of the rest nobody knows.
                return
        except (SourceError, StorageError) as error:
            # The fetch went well. What is not done is due at the next one.
            under_way.saw(error)
            self._note(error)
        self._tell()

    def _give_up(self, mailbox: Mailbox) -> None:
        """Have stay what was about to be removed, and is not to be any more."""
        uids = given_up(mailbox, self._action if mailbox.is_archived else AfterFetch.LEAVE)
        if not uids:
            return
        source = self._source
        if isinstance(source, ChangingImapSource):
            with self._refusals():
                try:
                    there = ImapTreatment(self._under_way, source, mailbox).give_up(uids)
                except MailboxNotFound:
                    if mailbox.is_archived:
                        raise
                    # Nobody misses it, and nothing can be undone there.
                    there = uids
                note_given_up(self._under_way, mailbox, there)
        elif self._is_listed:
            # What this session has a number for; nothing is left there of what was begun.
            there = [each.uid for each in source.describe(uids)]
            note_given_up(self._under_way, mailbox, there)

    def _treat(self, mailbox: Mailbox, *, again: bool) -> None:
        under_way, source, action = self._under_way, self._source, self._action
        treatment = Treatment(under_way, mailbox, action)
        if _is_target(under_way.account, mailbox.name) or not treatment.is_due(again=again):
            return
        if isinstance(source, ChangingPop3Source):
            if not source.is_open:
                if self._problem is not None:
                    return
                # It was ended to have deleted what is proven; this takes another one.
                raise TimeIsUp
            if not self._is_listed:
                update_ledger(under_way, source, mailbox)
                self._is_listed = True
                # It may have seen something that is in the way.
                require_as_it_was(under_way)
            with self._refusals():
                Pop3Removal(under_way, source, treatment).work(again=again)
        elif isinstance(source, ChangingImapSource):
            if source.is_gmail and action in REMOVALS:
                if action == AfterFetch.DELETE:
                    self._note(GmailKeepsMail(host=under_way.account.host))
                listed = under_way.ask(source, source.list_mailboxes)
                cross(Crossing.MAILBOXES_LISTED)
                if reason := why_not_from(under_way.account, source, mailbox.name, listed):
                    self._note(reason)
                    return
            with self._refusals():
                ImapTreatment(under_way, source, mailbox).work(treatment, again=again)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Keep what the server refuses at one mailbox, and go on with the next."""
        try:
            yield
        except (ChangeRefused, MailboxNotFound) as error:
            self._note(error)

    def _note(self, problem: MailArchiveError) -> None:
        self._problem = self._problem or problem

    def _tell(self) -> None:
        """Have the account say why nothing is done, or that nothing is in the way."""
        if self._problem is not None:
            logger.warning(
                "Run %s of account %s: not treated on the server: %s",
                self._under_way.run.pk,
                self._under_way.account.pk,
                self._problem,
            )
        account, problem = self._under_way.account, self._problem
        if problem is None and self._action in REMOVALS and (left := number_left_alone(account)):
            problem = MessagesLeft(number=left)
        with self._under_way.fenced():
            note_treatment(account.pk, problem)
        cross(Crossing.TREATMENT_TOLD)


def why_not(account: MailAccount, source: Source) -> MailArchiveError | None:
    """Return why the account's action cannot be done on the server of `source`, or must not be.

    Args:
        source: entered; one that can change nothing will do.
    """
    action, host = account.after_fetch, account.host
    is_imap = account.protocol == Protocol.IMAP
    if not is_imap and action != AfterFetch.DELETE:
        return NotWithPop3()
    if action == AfterFetch.DELETE and not effective_settings().ALLOW_SERVER_DELETION:
        return ServerDeletionForbidden()
    if action in REMOVALS and (reason := why_not_durable()):
        return reason
    if action == AfterFetch.MOVE and (name := _archived_target(account)):
        return MoveTargetArchived(mailbox=name)
    if is_imap:
        offered = set(source.capabilities)
        if action == AfterFetch.DELETE and "UIDPLUS" not in offered:
            return NoUidPlus(host=host)
        if action == AfterFetch.MOVE and not offered & {"UIDPLUS", "MOVE"}:
            return NoMove(host=host)
    return None


def why_not_from(
    account: MailAccount, source: Source, name: str, listed: Iterable[RemoteMailbox]
) -> MailArchiveError | None:
    """Return why the account's action would come to nothing in mailbox `name`.

    In Gmail's All Mail is what is in any other mailbox. It stays there unless it is moved to the
    trash or to junk mail, so another try would do it over and over again.

    Args:
        listed: all mailboxes of `source`.
    """
    if not (isinstance(source, ImapSource) and source.is_gmail):
        return None
    uses = {each.name: each.special_use for each in listed}
    if uses.get(name) is not SpecialUse.ALL:
        return None
    if account.after_fetch == AfterFetch.MOVE:
        takes_it = uses.get(account.move_to) in (SpecialUse.TRASH, SpecialUse.JUNK)
        return None if takes_it else GmailKeepsMail(host=account.host)
    return GmailKeepsMail(host=account.host) if account.after_fetch == AfterFetch.DELETE else None


def _archived_target(account: MailAccount) -> str:
    """Return the mailbox that is archived and may be the one to move to; "" if there is none.

    To some servers names are the same in upper and lower case. What is moved would come back there
    as new mail, in each fetch.
    """
    if account.mailbox_choice == MailboxChoice.NAMED:
        names = list(account.mailboxes)
    else:
        # The one of exactly this name is left out.
        known = Mailbox.objects.filter(account=account, is_archived=True)
        names = list(known.exclude(name=account.move_to).values_list("name", flat=True))
    return next((name for name in names if is_alike(name, account.move_to)), "")


def _is_target(account: MailAccount, name: str) -> bool:
    """Whether `name` is where the account's mail is moved to."""
    if account.after_fetch != AfterFetch.MOVE:
        return False
    to = account.move_to
    return name == to or name.upper() == to.upper() == _INBOX
