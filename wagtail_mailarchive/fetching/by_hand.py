"""“Fetch new mail”: what a click requests, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..models import MailAccount, Trigger, WorkerHeartbeat
from . import states
from .schedule import request_fetch

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def fetch_new_mail(accounts: Iterable[MailAccount], user: User | None) -> states.State:
    """Have the worker fetch those of `accounts` that are enabled; return what to answer."""
    enabled = [account for account in accounts if account.enabled]
    for account in enabled:
        request_fetch(account, trigger=Trigger.HAND, user=user)
    if not enabled:
        return states.nothing_to_fetch_from()
    if not WorkerHeartbeat.is_alive():
        return states.no_worker(waits=True)
    return states.requested(len(enabled))
