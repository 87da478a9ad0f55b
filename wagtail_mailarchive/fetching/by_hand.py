"""“Fetch new mail” and “Stop”: what a click requests, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import prefetch_related_objects
from django.utils import timezone

from ..models import FetchRun, MailAccount, RunStatus, Trigger, WorkerHeartbeat
from ..models.run import ACTIVE
from ..models.site_settings import is_on
from . import states
from .health import health_of
from .schedule import request_fetch
from .states import Reader, State, Tone

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def fetch_new_mail(accounts: Iterable[MailAccount], user: User | None) -> State:
    """Have the worker fetch those of `accounts` that are enabled; return what to answer.

    What waits for somebody to act is not fetched, and the answer says for what.
    """
    if not is_on():
        return states.site_off(Reader(may_fetch=True, may_connect=False))
    enabled = [account for account in accounts if account.enabled]
    if not enabled:
        return states.nothing_to_fetch_from()
    prefetch_related_objects(enabled, "health")
    held = [account for account in enabled if health_of(account).held_code]
    free = [account for account in enabled if account not in held]
    for account in free:
        request_fetch(account, trigger=Trigger.HAND, user=user)
    refused = [_refusal(account, user) for account in held]
    if not free:
        return State(Tone.WARNING, " ".join(refused))
    if not WorkerHeartbeat.is_alive():
        return states.no_worker(waits=True)
    requested = states.requested(len(free))
    if not refused:
        return requested
    return State(Tone.WARNING, " ".join([requested.sentence, *refused]))


def stop(run: FetchRun) -> None:
    """Have `run` end after the messages under way; no matter if it ended meanwhile.

    One that waits in the queue ends at once, because perhaps nobody works on the queue.
    """
    this = FetchRun.objects.filter(pk=run.pk)
    this.filter(status__in=ACTIVE).update(stop_requested=True)
    this.filter(status=RunStatus.QUEUED).update(
        status=RunStatus.STOPPED, finished_at=timezone.now(), current_mailbox=""
    )


def _refusal(account: MailAccount, user: User | None) -> str:
    reader = Reader(
        may_fetch=True,
        may_connect=account.folder.permissions_for_user(user).can_manage_accounts(),
    )
    state = states.held(account, health_of(account), reader)
    return f"{state.sentence} {state.step}"
