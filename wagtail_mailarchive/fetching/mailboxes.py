"""The work of one task: an account's mailboxes one after the other, until the time is up.

Where the server fails at messages, a new connection goes on. Where it fails at a mailbox, the
others are fetched all the same, and the run ends with that error. The next task of a run goes on
with the mailbox that the one before was at. When all of them are fetched, what is archived is
treated on the server as the account says (`afterwards`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from django.db.models import QuerySet

from ..crossings import Crossing, cross
from ..exceptions import MailboxNotFound, ServerBusy, SourceError, rebuilt
from ..mime.process import ParserProcess
from ..models import Mailbox
from ..models.account import MailboxChoice
from ..sources.base import Source
from ..sources.open import open_source
from .afterwards import Afterwards, is_wanted
from .batches import LARGEST_WANTED
from .choice import mailboxes_to_archive, note_choice
from .credentials import endpoint_of
from .health import note_certificate
from .one_mailbox import OneMailbox
from .pipeline import ReadingFailed
from .under_way import TimeIsUp, UnderWay

_log = logging.getLogger("wagtail_mailarchive.fetching")

# Mailboxes that fail one after the other: then it is not the mailboxes.
_MOST_FAILURES = 3


class Pass:
    """The mailboxes that are left to one task."""

    def __init__(self, under_way: UnderWay) -> None:
        self._under_way = under_way
        self._todo: deque[str] | None = None  # the names; None before they were chosen
        self._failures = 0  # mailboxes in a row
        run = under_way.run
        self._problem = rebuilt(run.error_code, run.error_params) if run.error_code else None

    def work(self) -> None:
        """Fetch what waits in all mailboxes.

        Raises:
            TimeIsUp, Unwanted, MailArchiveError: what was committed stays.
        """
        self._under_way.go_on()
        if self._under_way.run.fetched_at is not None:
            # A task before this one has fetched everything.
            self._connect(self._treat_alone)
            return
        with ParserProcess() as parser:
            while self._todo is None or self._todo:
                # More than one connection only where the server fails at messages.
                self._connect(partial(self._work_through, parser=parser))
        if self._problem is not None:
            # Said only now: the account's other mailboxes do not suffer for it.
            raise self._problem

    def _connect(self, work: Callable[[Source], None]) -> None:
        """Do `work` over a connection, until all is done or it is of no use any more."""
        account = self._under_way.account
        is_over = False
        with open_source(
            endpoint_of(account),
            account.protocol,
            until=self._under_way.until,
            largest=max(self._under_way.largest, LARGEST_WANTED),
            # Where mail is left alone, nothing that goes wrong here can change it.
            may_change=is_wanted(self._under_way),
        ) as source:
            cross(Crossing.CONNECTED)
            try:
                work(source)
            except TimeIsUp:
                # Nothing failed, and all that was read is committed. So the connection ends in
                # peace, which some POP3 servers take for "delete what was read".
                is_over = True
        cross(Crossing.CONNECTION_ENDED)
        if is_over:
            raise TimeIsUp

    def _treat_alone(self, source: Source) -> None:
        Afterwards(self._under_way, source, is_listed=False).work()

    def _work_through(self, source: Source, parser: ParserProcess) -> None:
        if self._todo is None:
            self._todo = self._choose(source)
        while self._todo:
            try:
                OneMailbox(self._under_way, source, parser, self._todo[0]).fetch()
            except MailboxNotFound as error:
                self._leave_out(self._todo[0], error)
            except ReadingFailed:
                return
            except ServerBusy:
                # No mailbox is to blame, and asking on would make it worse.
                raise
            except SourceError as error:
                self._under_way.saw(error)
                self._failures += 1
                if self._failures == _MOST_FAILURES or len(self._todo) == 1:
                    raise
                self._note(error)
                self._next(self._todo)
                return
            cross(Crossing.MAILBOX_FINISHED)
            self._failures = 0
            self._next(self._todo)
        if not self._mailboxes().filter(is_archived=True).exists():
            # Then it is not some that belong to others and are only shown.
            self._note_that_none_is_read()
        if self._problem is None and is_wanted(self._under_way):
            Afterwards(self._under_way, source, is_listed=True).work()

    def _next(self, todo: deque[str]) -> None:
        """Go on to the next mailbox, if there is one.

        Raises:
            TimeIsUp, Unwanted.
        """
        todo.popleft()
        if not todo:
            return
        self._under_way.failures = self._under_way.failures_again = 0
        self._under_way.go_on()
        if self._under_way.is_over():
            with self._under_way.fenced():
                self._under_way.note(current_mailbox=todo[0])
            raise TimeIsUp

    def _leave_out(self, name: str, error: MailboxNotFound) -> None:
        """Go on without a mailbox that the server does not open.

        Where all are to be archived, a server may list some that its user must not read.
        """
        account = self._under_way.account
        if account.mailbox_choice != MailboxChoice.ALL:
            self._note(error)
            return
        _log.warning("Account %s: mailbox %r is left out: %s", account.pk, name, error)
        with self._under_way.fenced():
            self._mailboxes().filter(name=name).update(
                is_archived=False, problem_code=error.code, problem_params=error.params
            )
        cross(Crossing.UNREAD_NOTED)

    def _note_that_none_is_read(self) -> None:
        left_out = self._mailboxes().exclude(problem_code="").order_by("pk").first()
        if left_out is not None:
            self._note(MailboxNotFound(**left_out.problem_params))

    def _mailboxes(self) -> QuerySet[Mailbox]:
        return Mailbox.objects.filter(account=self._under_way.account)

    def _note(self, error: SourceError) -> None:
        """Keep the first error for the end of the run, which may be another task's."""
        if self._problem is None:
            self._problem = error
            with self._under_way.fenced():
                self._under_way.note(error_code=error.code, error_params=error.params)
            cross(Crossing.UNREAD_NOTED)

    def _choose(self, source: Source) -> deque[str]:
        account = self._under_way.account
        names = mailboxes_to_archive(
            account, lambda: self._under_way.ask(source, source.list_mailboxes)
        )
        cross(Crossing.MAILBOXES_LISTED)
        with self._under_way.fenced():
            note_certificate(account.pk, source.certificate_expires_at)
            note_choice(account, names)
        cross(Crossing.MAILBOXES_CHOSEN)
        at = self._under_way.run.current_mailbox
        return deque(names[names.index(at) :] if at in names else names)
