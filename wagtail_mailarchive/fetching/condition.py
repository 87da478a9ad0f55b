"""The condition of a folder or a mail account: which states there are to tell, and to whom.

Readers learn whether the folder is up to date; whoever may fetch also learns why it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from ..conf import ArchiveSettings, archive_settings
from ..models import EmailFolderPage, FetchRun, MailAccount, RunStatus, WorkerHeartbeat
from ..models.site_settings import effective_settings
from . import states
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
    """

    states: list[State]
    checked_at: datetime | None = None
    news: str = ""
    next_fetch_at: datetime | None = None
    can_fetch: bool = False


@dataclass(frozen=True, slots=True)
class _Watched:
    account: MailAccount
    latest: FetchRun | None
    checked_at: datetime | None


def condition_of_folder(folder: EmailFolderPage, user: Any, *, is_empty: bool) -> Condition:
    """Return what to tell `user` of `folder`; four queries at most, permissions apart.

    Args:
        user: of Django's authentication, signed in or not.
        is_empty: whether this user sees no message in it.
    """
    allowed = folder.permissions_for_user(user)
    may_fetch = user.is_authenticated and allowed.can_fetch()
    reader = Reader(may_fetch=may_fetch, may_connect=may_fetch and allowed.can_manage_accounts())
    watched = _watch(MailAccount.objects.filter(folder=folder))
    if not watched:
        return Condition([states.no_account(folder, reader)])
    misses_worker = may_fetch and not WorkerHeartbeat.is_alive()
    # Readers are not told when the next fetch is.
    site = effective_settings() if may_fetch else archive_settings()
    return _condition(watched, reader, site, misses_worker=misses_worker, is_empty=is_empty)


def conditions_of_accounts(accounts: Iterable[MailAccount]) -> dict[int, Condition]:
    """Return account id -> condition, for those who manage accounts; four queries."""
    reader = Reader(may_fetch=True, may_connect=True)
    misses_worker = not WorkerHeartbeat.is_alive()
    site = effective_settings()
    watched = _watch(MailAccount.objects.filter(pk__in=[account.pk for account in accounts]))
    return {
        each.account.pk: _condition(
            [each], reader, site, misses_worker=misses_worker, is_empty=False
        )
        for each in watched
    }


def _watch(accounts: QuerySet[MailAccount]) -> list[_Watched]:
    succeeded = FetchRun.objects.filter(account=OuterRef("pk"), status=RunStatus.SUCCEEDED)
    found = list(
        accounts.only("name", "enabled", "interval").annotate(
            latest=latest_run_id(),
            checked_at=Subquery(succeeded.order_by("-pk").values("finished_at")[:1]),
        )
    )
    runs = FetchRun.objects.in_bulk([each.latest for each in found if each.latest])
    return [_Watched(each, runs.get(each.latest), each.checked_at) for each in found]


def _condition(
    watched: Sequence[_Watched],
    reader: Reader,
    site: ArchiveSettings,
    *,
    misses_worker: bool,
    is_empty: bool,
) -> Condition:
    checked_at = max((each.checked_at for each in watched if each.checked_at), default=None)
    enabled = [each for each in watched if each.account.enabled]
    if not enabled:
        return Condition([states.switched_off(watched[0].account, reader)], checked_at)
    latest = [each.latest for each in enabled if each.latest is not None]
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
    told += states.failures(failed, reader)
    if reader.may_fetch and any(run.adds_up is False for run in succeeded):
        told.append(states.does_not_add_up())
    if not active and not failed and not checked_at:
        told.append(states.never_fetched(reader))
    # Mail may be there and not shown: restricted, quarantined, too large.
    held_no_mail = len(succeeded) == len(enabled) and not any(run.on_server for run in succeeded)
    if is_empty and held_no_mail:
        told.append(states.held_no_mail())
    if reader.may_fetch and len(enabled) < len(watched):
        told.append(states.partly_off(len(watched) - len(enabled)))

    if not reader.may_fetch:
        return Condition(told, checked_at)
    due = [next_fetch_at(each.account, each.latest, site) for each in enabled]
    return Condition(
        told,
        checked_at,
        news=states.news(succeeded),
        next_fetch_at=None if misses_worker else min(filter(None, due), default=None),
        can_fetch=len(active) < len(enabled),
    )


def _is_queued(run: FetchRun) -> bool:
    return run.status == RunStatus.QUEUED
