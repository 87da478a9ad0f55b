"""Ending all fetching for good, before the app is taken out of a site."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule, Task

from ..exceptions import MailArchiveError, gettext_noop
from ..models import Lease, MailAccount

TASKS = "wagtail_mailarchive."


class FetchIsRunning(MailArchiveError):
    """A worker holds an account's lease."""

    template = gettext_noop(
        "Mail of %(account)s is being fetched now. Stop the worker, wait three minutes "
        "and start again."
    )


def retire() -> None:
    """Switch all accounts off, fence whoever fetched last, and take our tasks from the queue.

    Raises:
        FetchIsRunning: an unexpired lease; nothing was changed.
    """
    with transaction.atomic():
        # First, so that it takes SQLite's write lock and nobody starts meanwhile.
        MailAccount.objects.update(enabled=False)
        held = Lease.objects.filter(expires_at__gt=Now()).select_related("account").first()
        if held is not None:
            raise FetchIsRunning(account=held.account.name)
        Lease.objects.update(token=F("token") + 1, expires_at=None, holder="")
    forget_tasks()


def forget_tasks() -> None:
    """Delete our schedule, queued tasks and task history.

    Tasks that wait in another broker than the database stay; a worker drops them with an error.
    """
    Schedule.objects.filter(func__startswith=TASKS).delete()
    Task.objects.filter(func__startswith=TASKS).delete()
    queue = OrmQ.objects.using(Conf.ORM or "default")
    ours = [row.pk for row in queue.iterator() if str(row.task.get("func", "")).startswith(TASKS)]
    queue.filter(pk__in=ours).delete()
