"""How fetching an account goes: when to slow down, and when to stop until somebody acts.

A run's end is noted here in the transaction that ends the run. Failures in a row double the time
to the next try, with jitter, so that accounts that failed together do not come back together; a
server that names its own time gets that. A login that was rejected again and again is not tried
any more, because servers lock accounts for it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ..conf import ArchiveSettings
from ..exceptions import (
    LoginRejected,
    LoginUnavailable,
    MailArchiveError,
    MailboxNotFound,
    ServerBusy,
    SignInNeeded,
    TokenRejected,
)
from ..models import AccountHealth, FetchRun, MailAccount, OAuthGrant, RunStatus
from ..models.site_settings import effective_settings

LONGEST_BACK_OFF = timedelta(hours=24)
# A larger number makes no sense, and one so large that the date after it does not exist would end
# the dispatching of all accounts.
_MOST_MINUTES = 365 * 24 * 60
# Logins rejected since the last success, after which the account waits for somebody.
MOST_REJECTIONS = 3
# Succeeded runs over which the backlog is watched.
BACKLOG_RUNS = 3

_REJECTED = {LoginRejected.__name__, TokenRejected.__name__}
_SIGN_IN = SignInNeeded.__name__
_MISSING = MailboxNotFound.__name__
# Errors whose `seconds` are the server's own wish.
_WITH_HINT = {ServerBusy.__name__, LoginUnavailable.__name__}
_RELEASED: Mapping[str, Any] = {
    "failures": 0,
    "rejections": 0,
    "hold_until": None,
    "held_code": "",
    "held_params": {},
}


def health_of(account: MailAccount) -> AccountHealth:
    """Return the health of `account`, of one that never ended a run a healthy one.

    No query where the account was read with `select_related("health")`.
    """
    try:
        return account.health
    except AccountHealth.DoesNotExist:
        return AccountHealth(account=account)


def interval_of(account: MailAccount, site: ArchiveSettings) -> timedelta:
    """Return how long after a fetch the next one is due: a year at most."""
    return timedelta(minutes=min(account.interval or site.FETCH_INTERVAL, _MOST_MINUTES))


def note_end(run: FetchRun) -> None:
    """Add what `run` ended with to its account's health; call it in the run's transaction.

    Of a run that was stopped nothing is learnt.
    """
    ended = FetchRun.objects.select_related("account").get(pk=run.pk)
    account = ended.account
    if account is None:
        return
    # Field by field, because the schedule writes its own into the same row.
    health, _ = AccountHealth.objects.get_or_create(account_id=account.pk)
    noted = AccountHealth.objects.filter(pk=health.pk)
    if ended.status == RunStatus.SUCCEEDED:
        noted.update(
            **_RELEASED,
            last_success_at=ended.finished_at,
            backlog=[*health.backlog, ended.waiting][-BACKLOG_RUNS:],
        )
    elif ended.status == RunStatus.FAILED:
        noted.update(**_failure(health, ended, account))


def note_certificate(account_id: int, moment: datetime | None) -> None:
    """Keep when the server's certificate ends; None where it showed none."""
    AccountHealth.objects.update_or_create(
        account_id=account_id, defaults={"certificate_expires_at": moment}
    )


def note_treatment(account_id: int, error: MailArchiveError | None) -> None:
    """Keep why archived messages are left as they are on the server; None if they are not."""
    noted = {
        "treatment_code": error.code if error else "",
        "treatment_params": error.params if error else {},
    }
    AccountHealth.objects.update_or_create(account_id=account_id, defaults=noted)


def release(account: MailAccount) -> None:
    """Forget what kept `account` from being fetched.

    To be called when its connection or secret was edited, a test of it passed, or somebody signed
    in again. What managers were told of stands until a fetch succeeds.
    """
    AccountHealth.objects.filter(account_id=account.pk).update(**_RELEASED)


def _failure(health: AccountHealth, run: FetchRun, account: MailAccount) -> dict[str, Any]:
    code, params = run.error_code, run.error_params
    failures = health.failures + 1
    # Only a success clears them: an error in between says nothing about the password.
    rejections = health.rejections + (code in _REJECTED)
    noted = {
        "failures": failures,
        "rejections": rejections,
        "hold_until": timezone.now() + _back_off(failures, account, code, params),
    }
    if _needs_sign_in(run) or (code in _REJECTED and rejections >= MOST_REJECTIONS):
        noted |= {"held_code": code, "held_params": params}
    return noted


def _needs_sign_in(run: FetchRun) -> bool:
    """Whether somebody has to sign in, and did not while `run` was under way."""
    begun = run.started_at or run.queued_at
    anew = OAuthGrant.objects.filter(account_id=run.account_id, signed_in_at__gt=begun)
    return run.error_code == _SIGN_IN and not anew.filter(problem_code="").exists()


def _back_off(
    failures: int, account: MailAccount, code: str, params: Mapping[str, Any]
) -> timedelta:
    interval = interval_of(account, effective_settings())
    if code == _MISSING:
        # The server is well, and the mail of the other mailboxes does not wait for this one.
        return interval
    # Of one minute, eleven doublings exceed the longest time.
    doubled = interval * (1 << min(failures - 1, 11))
    wait = max(interval, min(doubled, LONGEST_BACK_OFF)) * random.uniform(0.8, 1)  # noqa: S311
    hint = params.get("seconds") if code in _WITH_HINT else None
    if isinstance(hint, int):
        # Never sooner than the server wants.
        wait = max(wait, timedelta(seconds=hint) * random.uniform(1, 1.1))  # noqa: S311
    return wait
