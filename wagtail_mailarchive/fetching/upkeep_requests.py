"""When upkeep is done: at somebody's wish, and a sample of everything each day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from ..archive import contents, dkim_keys
from ..archive.sampling import KINDS
from ..conf import archive_settings
from ..exceptions import TooManyProblems
from ..models import (
    EmailFolderPage,
    EmailMessagePage,
    Original,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)
from ..models.site_settings import effective_settings, is_on
from ..models.upkeep import UNDER_WAY
from .trash_work import unmark
from .upkeep import STALE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RUN = "wagtail_mailarchive.tasks.run_upkeep"
_A_DAY = timedelta(days=1)
_KEPT = timedelta(days=90)
# After a run that failed, or that somebody stopped.
_NOT_AGAIN_FOR = timedelta(hours=1)
_GOES_ON = ("started_at", "position", "total", "done", "problems", "bytes_read")


def open_run(
    kind: UpkeepKind,
    folder: EmailFolderPage | None,
    *,
    user: User | None = None,
    is_complete: bool = False,
    number: int = 0,
) -> tuple[UpkeepRun, bool]:
    """Return the active run of that kind and folder, or a new queued one, and whether it is new.

    Args:
        number: of a sample, how many of each kind.
    """
    active = UpkeepRun.objects.filter(kind=kind, folder=folder, status__in=UNDER_WAY)
    found = active.first()
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            run = UpkeepRun.objects.create(
                kind=kind,
                folder=folder,
                requested_by=user,
                is_complete=is_complete,
                **(_left_of_failed(folder) if kind == UpkeepKind.VERIFY else {}),
                **({"total": number * KINDS} if kind == UpkeepKind.SAMPLE else {}),
            )
    except IntegrityError:
        # Somebody else was first; a constraint allows one.
        return active.get(), False
    return run, True


def _left_of_failed(folder: EmailFolderPage | None) -> dict[str, Any]:
    """Return where a new check begins: where the last one has just failed, if it did.

    Hours of work are not lost because a store did not answer for a moment. One that ended at too
    many problems begins anew, because they are to be looked at again.
    """
    last = UpkeepRun.objects.filter(kind=UpkeepKind.VERIFY, folder=folder).order_by("-pk").first()
    if last is None or last.status != UpkeepStatus.FAILED or last.finished_at is None:
        return {}
    is_recent = last.finished_at > timezone.now() - _A_DAY
    if not is_recent or last.error_code == TooManyProblems.__name__:
        return {}
    return {name: getattr(last, name) for name in _GOES_ON}


def request(
    kind: UpkeepKind,
    folder: EmailFolderPage | None,
    *,
    user: User | None = None,
    is_complete: bool = False,
) -> UpkeepRun:
    """Have the worker do it as soon as it can; return the run to watch."""
    run, is_new = open_run(kind, folder, user=user, is_complete=is_complete)
    if is_new:
        enqueue(run)
    return run


def enqueue(run: UpkeepRun) -> None:
    """Give the run to the worker once the present transaction commits."""
    transaction.on_commit(lambda: async_task(RUN, run.pk))


def stop(run: UpkeepRun) -> None:
    """Have `run` end after the batch under way; no matter if it ended meanwhile.

    One that waits in the queue ends at once, because perhaps nobody works on the queue.
    """
    this = UpkeepRun.objects.filter(pk=run.pk)
    this.filter(status__in=UNDER_WAY).update(stop_requested=True)
    this.filter(status=UpkeepStatus.QUEUED).update(
        status=UpkeepStatus.STOPPED, finished_at=timezone.now()
    )
    if run.kind == UpkeepKind.ERASE:
        # At once, because perhaps nobody is at work who would do it.
        unmark(run)


def dispatch() -> None:
    """Queue again what was lost with its worker, begin what is due, forget old runs."""
    _requeue_stale()
    _readdress_again()
    _request_sample()
    request_contents()
    request_dkim()
    UpkeepRun.objects.filter(queued_at__lt=timezone.now() - _KEPT).exclude(
        status__in=UNDER_WAY
    ).delete()


def request_contents() -> None:
    """Have the worker read what waits in attachments, if anything does."""
    if not (archive_settings().READ_ATTACHMENTS and contents.to_read().exists() and is_on()):
        return
    by_itself = UpkeepRun.objects.filter(kind=UpkeepKind.CONTENTS, requested_by=None)
    ended = by_itself.filter(status__in=[UpkeepStatus.FAILED, UpkeepStatus.STOPPED])
    if ended.filter(finished_at__gt=timezone.now() - _NOT_AGAIN_FOR).exists():
        return
    # There is one after each fetch; the last of them is enough to see that it works.
    by_itself.filter(status=UpkeepStatus.DONE).delete()
    run, is_new = open_run(UpkeepKind.CONTENTS, None)
    if is_new:
        enqueue(run)


def may_look_up() -> bool:
    """Whether keys of DKIM signatures may, and can, be looked up in the DNS."""
    return archive_settings().DKIM_LOOKUPS and dkim_keys.is_available()


def request_dkim() -> None:
    """Have the worker check the signatures of mail that came since it last did so."""
    if not (may_look_up() and is_on()):
        return
    runs = UpkeepRun.objects.filter(kind=UpkeepKind.DKIM)
    ended = runs.filter(status__in=[UpkeepStatus.FAILED, UpkeepStatus.STOPPED])
    if ended.filter(finished_at__gt=timezone.now() - _NOT_AGAIN_FOR).exists():
        return
    last = runs.order_by("-position").first()
    looked_at = last.position if last else 0
    if not EmailMessagePage.objects.filter(pk__gt=looked_at).exists():
        return
    run, is_new = open_run(UpkeepKind.DKIM, None)
    if is_new:
        UpkeepRun.objects.filter(pk=run.pk).update(position=looked_at)
        # There is one after each fetch; the last of them is enough to see that it works.
        runs.filter(status=UpkeepStatus.DONE, requested_by=None).delete()
        enqueue(run)


def _requeue_stale() -> None:
    waited_since = timezone.now() - STALE
    lost = Q(status=UpkeepStatus.RUNNING, worked_at__lt=Now() - STALE) | Q(
        status=UpkeepStatus.QUEUED, queued_at__lt=waited_since
    )
    for run in UpkeepRun.objects.filter(lost):
        # `queued_at` moves along, so that a long queue gets no second entry each minute.
        again = UpkeepRun.objects.filter(lost, pk=run.pk)
        if again.update(status=UpkeepStatus.QUEUED, queued_at=timezone.now()):
            enqueue(run)


def _readdress_again() -> None:
    """Request what failed to bring mail to its new address, which nobody would ask for again."""
    before = timezone.now() - _NOT_AGAIN_FOR
    failed = UpkeepRun.objects.filter(kind=UpkeepKind.READDRESS, status=UpkeepStatus.FAILED)
    for run in failed.filter(finished_at__lt=before).select_related("folder"):
        run.delete()
        request(UpkeepKind.READDRESS, run.folder)


def _request_sample() -> None:
    """Request a sample unless there was one in the last day."""
    number = effective_settings().VERIFY_SAMPLE
    if number <= 0 or not is_on():
        return
    since = timezone.now() - _A_DAY
    samples = UpkeepRun.objects.filter(kind=UpkeepKind.SAMPLE)
    if samples.filter(queued_at__gt=since).exists() or not Original.objects.exists():
        return
    run, is_new = open_run(UpkeepKind.SAMPLE, None, number=number)
    if not is_new:
        return
    # Another worker may have requested one between the question and the answer, and even ended it.
    if samples.filter(queued_at__gt=since, pk__lt=run.pk).exists():
        run.delete()
        return
    enqueue(run)
