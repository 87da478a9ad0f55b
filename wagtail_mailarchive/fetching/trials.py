"""Trials: a test, a dry run or a reconciliation that is asked for and changes nothing.

A saved account is tried by the worker, by id. Values that nobody has saved are tried in a thread
of the web process, because the secret among them must not go through a queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_q.tasks import async_task

from ..exceptions import (
    ConnectionTimedOut,
    MailArchiveError,
    TokenRejected,
    TooManyTrials,
    TrialLost,
    UnexpectedTrialError,
)
from ..models import MailAccount, Trial, TrialKind, TrialStatus, WorkerHeartbeat
from ..models.account import POP3_MAILBOX, MailboxChoice, Protocol
from ..sources.base import Endpoint
from ..sources.probe import STEPS, Probe, Step, StepOutcome, probe
from . import states
from .credentials import endpoint_of
from .dry_run import dry_run
from .findings import nothing_compared
from .health import release
from .reconciliation import reconcile
from .tokens import renew_next_time

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger("wagtail_mailarchive.fetching")

RUN = "wagtail_mailarchive.tasks.run_trial"
SECONDS = 20.0
# Looking up a name cannot be interrupted, so the thread may be late.
_GRACE = 2.0
_MOST_AT_ONCE = 4
# Trials within these times, by one user and by everybody.
_MOST_BY_USER, _USERS_TIME = 10, timedelta(minutes=5)
_MOST_BY_ALL, _EVERYBODYS_TIME = 30, timedelta(minutes=1)
# No trial takes as long, once it has begun; before that it may wait behind others.
_LOST_AFTER = timedelta(minutes=15)
_WAITS_AT_MOST = timedelta(hours=1)
_KEPT = timedelta(days=7)
_RECONCILIATIONS_KEPT = timedelta(days=90)

_BEGUN = "begun"  # in the result of one that is under way: ISO time

# What a test is about; one passed with other values says nothing about the account.
_TESTED = (
    *("protocol", "security", "tls_minimum", "host", "port", "ca_certificate"),
    *("username", "login", "oauth_provider", "sealed_secret"),
)

_slots = threading.BoundedSemaphore(_MOST_AT_ONCE)


def request_trial(account: MailAccount, kind: TrialKind, user: User | None) -> Trial:
    """Have the worker try `account` as it is saved; return the trial to watch.

    Args:
        user: None for the schedule, which does not ask too often.

    Raises:
        TooManyTrials: this user, or the site, asked too often.
    """
    if user is not None:
        _refuse_too_many(user)
    trial = Trial.objects.create(kind=kind, account=account, requested_by=user)
    transaction.on_commit(lambda: async_task(RUN, trial.pk))
    return trial


@sensitive_variables()
def try_values(
    endpoint: Endpoint, protocol: str, user: User, *, mailbox: str = POP3_MAILBOX
) -> Trial:
    """Test a connection with values that nobody has saved; return the finished trial.

    Takes 20 seconds and a little at most. Neither the values nor the secret are stored.

    Args:
        protocol: "imap" or "pop3".
        mailbox: whose messages are counted.

    Raises:
        TooManyTrials: this user, or the site, asked too often, or too many are under way.
    """
    _refuse_too_many(user)
    testing = _in_thread(lambda: probe(endpoint, protocol, mailbox=mailbox, seconds=SECONDS))
    trial = Trial.objects.create(
        kind=TrialKind.CONNECTION, requested_by=user, status=TrialStatus.RUNNING
    )
    result = failed_test("resolve", UnexpectedTrialError())
    try:
        result = _told(testing.result(timeout=SECONDS + _GRACE))
    except TimeoutError:
        late = ConnectionTimedOut(host=endpoint.host, seconds=round(SECONDS))
        result = failed_test("resolve", late)
    finally:
        _finish(trial.pk, result)
    trial.refresh_from_db()
    return trial


def run_trial(trial_id: int) -> str:
    """Do what was requested, in the worker; return the trial's status. Once, if called twice."""
    mine = Trial.objects.filter(pk=trial_id, status=TrialStatus.QUEUED)
    begun = {_BEGUN: timezone.now().isoformat()}
    if not mine.update(status=TrialStatus.RUNNING, result=begun):
        return "nothing to do"
    trial = Trial.objects.select_related("account").get(pk=trial_id)
    account = trial.account
    if account is None:
        _finish(trial_id, failed_test("resolve", TrialLost()))
        return TrialStatus.DONE.value
    result = _failed(trial.kind, UnexpectedTrialError())
    try:
        result = _do(trial, account)
    finally:
        _finish(trial_id, result)
    return TrialStatus.DONE.value


def _do(trial: Trial, account: MailAccount) -> dict[str, Any]:
    if trial.kind == TrialKind.CONNECTION:
        return _test(account)
    if trial.kind == TrialKind.DRY_RUN:
        return dry_run(account)

    def note_progress(done: int, whole: int) -> None:
        running = Trial.objects.filter(pk=trial.pk, status=TrialStatus.RUNNING)
        running.update(result={**trial.result, "compared": done, "whole": whole})

    return reconcile(account, note_progress)


def waits_because(trial: Trial) -> states.State | None:
    """Return why `trial` does not begin; None if it does, did, or soon will."""
    if trial.status != TrialStatus.QUEUED or WorkerHeartbeat.is_alive():
        return None
    return states.trial_waits()


def tidy() -> None:
    """End the trials that were lost with their worker, and forget what is old.

    That is a week for tests and dry runs, and 90 days for reconciliations.
    """
    now = timezone.now()
    tried = Trial.objects.filter(requested_at__lt=now - _KEPT)
    tried.exclude(kind=TrialKind.RECONCILIATION).delete()
    Trial.objects.filter(requested_at__lt=now - _RECONCILIATIONS_KEPT).delete()
    for trial in Trial.objects.exclude(status=TrialStatus.DONE):
        if _is_lost(trial, now):
            _finish(trial.pk, _failed(trial.kind, TrialLost()))


def _is_lost(trial: Trial, now: datetime) -> bool:
    if trial.status == TrialStatus.QUEUED:
        return trial.requested_at < now - _WAITS_AT_MOST
    begun = trial.result.get(_BEGUN)
    since = datetime.fromisoformat(begun) if begun else trial.requested_at
    return since < now - _LOST_AFTER


def failed_test(at: str, error: MailArchiveError) -> dict[str, Any]:
    """Return the result of a test that ended at the step named `at`."""
    steps = [
        _step(name, StepOutcome.FAILED if name == at else StepOutcome.SKIPPED) for name in STEPS
    ]
    steps[STEPS.index(at)] |= {"code": error.code, "params": error.params}
    return {"passed": False, "steps": steps, "mailboxes": []}


def _failed(kind: str, error: MailArchiveError) -> dict[str, Any]:
    if kind == TrialKind.CONNECTION:
        return failed_test("resolve", error)
    if kind == TrialKind.RECONCILIATION:
        return nothing_compared(error)
    return {
        "error": {"code": error.code, "params": error.params},
        "counts": {},
        "messages": [],
        "truncated": False,
    }


def _test(account: MailAccount) -> dict[str, Any]:
    try:
        endpoint = endpoint_of(account)
    except MailArchiveError as error:
        # No secret to enter with, so nothing was tried.
        return failed_test("login", error)
    mailbox = POP3_MAILBOX
    if account.protocol == Protocol.IMAP and account.mailbox_choice == MailboxChoice.NAMED:
        mailbox = next(iter(account.mailboxes), POP3_MAILBOX)
    found = probe(endpoint, account.protocol, mailbox=mailbox, seconds=SECONDS)
    if any(isinstance(step.error, TokenRejected) for step in found.steps):
        renew_next_time(account)
    result = _told(found)
    if result["passed"]:
        _note_passed(account)
    return result


def _note_passed(account: MailAccount) -> None:
    """Note that the account's values work, if they are still those that were tested."""
    tested = {name: getattr(account, name) for name in _TESTED}
    with transaction.atomic():
        same = MailAccount.objects.filter(pk=account.pk, **tested)
        if same.update(verified_at=timezone.now()):
            release(account)


def _told(found: Probe) -> dict[str, Any]:
    """Return what was found as a trial's result: no secret and none of the server's words."""
    return {
        "passed": found.passed,
        "steps": [_told_step(step) for step in found.steps],
        "mailboxes": [
            {"name": mailbox.name, "special_use": mailbox.special_use.value}
            for mailbox in found.mailboxes
        ],
    }


def _told_step(step: Step) -> dict[str, Any]:
    told = _step(step.name, step.outcome) | {"facts": dict(step.facts)}
    if step.error is not None:
        told |= {"code": step.error.code, "params": step.error.params}
    return told


def _step(name: str, outcome: StepOutcome) -> dict[str, Any]:
    return {"name": name, "outcome": outcome.value, "code": "", "params": {}, "facts": {}}


def _finish(trial_id: int, result: dict[str, Any]) -> None:
    unfinished = Trial.objects.filter(pk=trial_id).exclude(status=TrialStatus.DONE)
    unfinished.update(status=TrialStatus.DONE, finished_at=timezone.now(), result=result)


def _refuse_too_many(user: User) -> None:
    now = timezone.now()
    by_user = Trial.objects.filter(requested_by=user, requested_at__gt=now - _USERS_TIME)
    by_all = Trial.objects.filter(requested_at__gt=now - _EVERYBODYS_TIME)
    if by_user.count() >= _MOST_BY_USER or by_all.count() >= _MOST_BY_ALL:
        raise TooManyTrials


def _in_thread(work: Callable[[], Probe]) -> Future[Probe]:
    """Begin `work` in a thread of its own; a few at once, however long they take.

    Raises:
        TooManyTrials: as many are under way.
    """
    if not _slots.acquire(blocking=False):
        raise TooManyTrials
    future: Future[Probe] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            future.set_exception(error)
        finally:
            _slots.release()

    threading.Thread(target=run, name="mailarchive-trial", daemon=True).start()
    return future
