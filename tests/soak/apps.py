"""The same code with less patience, so that ten minutes see as much as a bad day.

A killed worker's account is free again after three minutes, and a task that went with it is asked
for again after ten. Here both take seconds. What has to be shorter than a lease is so here, too.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.apps import AppConfig

_LEASE = timedelta(seconds=12)
_RENEW_EVERY = 2.0  # seconds
_CHANGE = 6.0  # seconds
_STALE = timedelta(seconds=15)
_TASK = 5.0  # seconds


class SoakConfig(AppConfig):
    name = "tests.soak"

    def ready(self) -> None:
        from wagtail_mailarchive.fetching import (
            lease,
            listing,
            pipeline,
            run,
            schedule,
            selection,
            under_way,
        )
        from wagtail_mailarchive.sources import session
        from wagtail_mailarchive.sources.deadline import Timeouts

        lease.LEASE_TIME = _LEASE
        for module in (lease, listing, pipeline, selection, under_way):
            module.RENEW_EVERY = _RENEW_EVERY  # type: ignore[attr-defined]
        session.Timeouts = partial(Timeouts, change=_CHANGE)  # type: ignore[assignment, attr-defined]
        schedule._STALE = _STALE
        # So that a fetch takes several tasks, as that of a large mailbox does.
        defaults = run.work_on.__kwdefaults__
        assert defaults is not None
        defaults["seconds"] = _TASK
