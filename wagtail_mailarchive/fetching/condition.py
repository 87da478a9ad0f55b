"""The condition of a folder or a mail account: which states there are to tell, and to whom.

Readers learn whether the folder is up to date; whoever may fetch also learns why it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from ..conf import ArchiveSettings, archive_settings
from ..models import (
    AccountHealth,
    EmailFolderPage,
    FetchRun,
    MailAccount,
    Mailbox,
    RunStatus,
    WorkerHeartbeat,
)
from ..models.account import AfterFetch, MailboxChoice
from ..models.site_settings import effective_settings, is_on
from . import states, treatment_states
from .alert_words import Kind
from .health import health_of
from .schedule import latest_run_id, next_fetch_at
from .states import Reader, State


@dataclass(frozen=True, slots=True)
class Condition:
    """A folder's or a mail account's states.

    Attributes:
        states: most urgent first; empty where all is well.
        checked_at: when mail was last fetched without an error; None if never.
        news: what the last fetch brought; "" for those who may not fetch, or before the first.
        next_fetch_at: when the schedule fetches next; None if it does not, does now, or for
            those who may not fetch.
        can_fetch: whether the reader is offered to fetch new mail now.
        waiting: messages that the last fetches left on the server; 0 for those who may not fetch.
    """

    states: list[State]
    checked_at: datetime | None = None
    news: str = ""
    next_fetch_at: datetime | None = None
    can_fetch: bool = False
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Watched:
    account: MailAccount
    health: AccountHealth
    latest: FetchRun | None
    checked_at: datetime | None
    left_out: int

    @property
    def is_active(self) -> bool:
        return self.latest is not None and self.latest.is_active

    @property
    def is_held(self) -> bool:
        return bool(self.health.held_code) and not self.is_active


MANAGER = Reader(may_fetch=True, may_connect=True)


def condition_of_folder(folder: EmailFolderPage, user: Any, *, is_empty: bool) -> Condition:
    """Return what to tell `user` of `folder`; six queries at most, permissions apart.

    Args:
        user: of Django's authentication, signed in or not.
        is_empty: whether this user sees no message in it.
    """
    allowed = folder.permissions_for_user(user)
    may_fetch = user.is_authenticated and allowed.can_fetch()
    reader = Reader(may_fetch=may_fetch, may_connect=may_fetch and allowed.can_manage_accounts())
    watched = _watch(MailAccount.objects.filter(folder=folder), for_manager=may_fetch)
    if not watched:
        return Condition([states.no_account(folder, reader)])
    misses_worker = may_fetch and not WorkerHeartbeat.is_alive()
    # Readers are not told when the next fetch is.
    site = effective_settings() if may_fetch else archive_settings()
    if not is_on():
        return _off(watched, reader)
    return _condition(watched, reader, site, misses_worker=misses_worker, is_empty=is_empty)


def conditions_of_accounts(
    accounts: Iterable[MailAccount], reader: Reader = MANAGER
) -> dict[int, Condition]:
    """Return account id -> condition, for those who may fetch; six queries.

    Args:
        reader: whether they manage these accounts as well.
    """
    misses_worker = not WorkerHeartbeat.is_alive()
    site = effective_settings()
    archives = is_on()
    watched = _watch(MailAccount.objects.filter(pk__in=[account.pk for account in accounts]))
    return {
        each.account.pk: _condition(
            [each], reader, site, misses_worker=misses_worker, is_empty=False
        )
        if archives
        else _off([each], reader)
        for each in watched
    }


def _watch(accounts: QuerySet[MailAccount], *, for_manager: bool = True) -> list[_Watched]:
    """Return what is known of accounts (three queries).

    Pages of readers, which are asked for most, leave out what only managers are told.
    """
    if for_manager:
        accounts = accounts.defer("sealed_secret", "ca_certificate", "description")
        found = list(accounts.select_related("health", "created_by"))
    else:
        health = (f"health__{name}" for name in ("failures", "held_code", "held_params"))
        told = ("name", "enabled", "login", "verified_at", *health)
        found = list(accounts.select_related("health").only(*told))
    if not found:
        return []
    succeeded = FetchRun.objects.filter(account=OuterRef("pk"), status=RunStatus.SUCCEEDED)
    facts = MailAccount.objects.filter(pk__in=[each.pk for each in found]).annotate(
        latest=latest_run_id(),
        checked_at=Subquery(succeeded.order_by("-pk").values("finished_at")[:1]),
        left_out=Coalesce(_left_out(), 0) if for_manager else Value(0),
    )
    known = {
        pk: tuple(values)
        for pk, *values in facts.values_list("pk", "latest", "checked_at", "left_out")
    }
    runs = FetchRun.objects.in_bulk([latest for latest, *_ in known.values() if latest])
    watched = []
    for account in found:
        latest, checked_at, left_out = known.get(account.pk, (None, None, 0))
        run = runs.get(latest)
        if run is not None:
            run.account = account
        watched.append(_Watched(account, health_of(account), run, checked_at, left_out))
    return watched


def _left_out() -> Subquery:
    """Return what to annotate accounts with: how many of their mailboxes are not read."""
    unread = Mailbox.objects.filter(
        account=OuterRef("pk"), account__mailbox_choice=MailboxChoice.ALL
    ).exclude(problem_code="")
    counted = unread.order_by().values("account").annotate(number=Count("pk"))
    return Subquery(counted.values("number"))


def _off(watched: Sequence[_Watched], reader: Reader) -> Condition:
    return Condition([states.site_off(reader)], _checked_at(watched))


def _checked_at(watched: Sequence[_Watched]) -> datetime | None:
    return max((each.checked_at for each in watched if each.checked_at), default=None)


def _condition(
    watched: Sequence[_Watched],
    reader: Reader,
    site: ArchiveSettings,
    *,
    misses_worker: bool,
    is_empty: bool,
) -> Condition:
    checked_at = _checked_at(watched)
    enabled = [each for each in watched if each.account.enabled]
    if not enabled:
        return Condition([_disabled(watched[0], reader)], checked_at)
    held = [each for each in enabled if each.is_held]
    latest = [each.latest for each in enabled if each.latest is not None and not each.is_held]
    active = [run for run in latest if run.is_active]
    failed = [run for run in latest if run.status == RunStatus.FAILED]
    succeeded = [run for run in latest if run.status == RunStatus.SUCCEEDED]
    # A queued fetch does not begin in a moment if nobody works on the queue.
    waits = misses_worker and bool(active) and all(_is_queued(run) for run in active)

    told: list[State] = []
    if misses_worker:
        told.append(states.no_worker(waits=waits))
    if active and not waits:
        told.append(states.fetching(active))
    for each in held if reader.may_fetch else held[:1]:
        told.append(states.held(each.account, each.health, reader))
    if reader.may_fetch or not held:
        told += states.failures(failed, reader)
    if reader.may_fetch:
        told += _ledger(enabled, reader)
        told += _afterwards(enabled, reader)
    if not active and not failed and not held and not checked_at:
        told.append(states.never_fetched(reader))
    # Mail may be there and not shown: restricted, quarantined, too large.
    held_no_mail = len(succeeded) == len(enabled) and not any(run.on_server for run in succeeded)
    if is_empty and held_no_mail:
        told.append(states.held_no_mail())
    if not reader.may_fetch:
        return Condition(told, checked_at)

    due = {} if misses_worker else _due(enabled, site)
    told += [
        states.backing_off(each.health.failures, due[each.account.pk])
        for each in enabled
        if each.health.failures > 1 and each.account.pk in due
    ]
    leaving = [each for each in enabled if each.latest and not each.is_active]
    waiting = sum(each.latest.waiting for each in leaving if each.latest)
    if waiting:
        told.append(states.waits_on_server(waiting, min(due.values(), default=None)))
    if len(enabled) < len(watched):
        told.append(states.partly_off(len(watched) - len(enabled)))
    return Condition(
        told,
        checked_at,
        news=states.news(succeeded),
        next_fetch_at=min(due.values(), default=None),
        can_fetch=any(not each.is_active and not each.is_held for each in enabled),
        waiting=waiting,
    )


def _ledger(watched: Sequence[_Watched], reader: Reader) -> Iterator[State]:
    """Yield what is not right between server and ledger, or is left out of both."""
    unequal = [each.account for each in watched if each.latest and _is_unequal(each.latest)]
    # One sentence is enough for those who can do nothing about any of them.
    for account in unequal if reader.may_connect else unequal[:1]:
        yield states.to_reconcile(states.does_not_add_up(), account.pk, reader)
    for each in watched:
        account = each.account
        if facts := each.health.open_alerts.get(Kind.DIFFERENCES):
            since = datetime.fromisoformat(facts["since"])
            yield states.differs(account, facts["number"], since, reader)
        if each.left_out:
            yield states.left_out(account, each.left_out)


def _afterwards(watched: Sequence[_Watched], reader: Reader) -> Iterator[State]:
    """Yield why mail that is archived is still on the server as it was, where it is not to be."""
    for each in watched:
        account, run = each.account, each.latest
        if account.after_fetch == AfterFetch.LEAVE:
            continue
        if each.health.treatment_code:
            yield treatment_states.not_treated(account, each.health, reader)
        if run is not None and not run.is_active and run.not_proven:
            yield treatment_states.not_proven(run)
        if run is not None and run.status == RunStatus.SUCCEEDED and run.anomaly_code:
            yield treatment_states.left_after_anomaly(run)


def _disabled(watched: _Watched, reader: Reader) -> State:
    is_new = watched.account.verified_at is None and watched.latest is None
    return (states.not_tested if is_new else states.switched_off)(watched.account, reader)


def _due(watched: Sequence[_Watched], site: ArchiveSettings) -> dict[int, datetime]:
    """Return account id -> time of its next fetch, of those that will be fetched."""
    found = {each.account.pk: next_fetch_at(each.account, each.latest, site) for each in watched}
    return {account_id: moment for account_id, moment in found.items() if moment is not None}


def _is_unequal(run: FetchRun) -> bool:
    return run.status == RunStatus.SUCCEEDED and run.adds_up is False


def _is_queued(run: FetchRun) -> bool:
    return run.status == RunStatus.QUEUED
