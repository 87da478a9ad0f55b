"""What becomes of mail in the trash, at somebody's wish or by time: requested here, done as upkeep.

Few messages are moved and brought back at once, so that who asked sees it; a whole folder, and
whatever is erased, is the worker's.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone
from wagtail.log_actions import log

from ..archive import trash
from ..conf import archive_settings
from ..exceptions import ErasingUnderWay
from ..models import (
    EmailFolderPage,
    EmailMessagePage,
    TrashedFolder,
    TrashEntry,
    UpkeepKind,
    UpkeepRun,
)
from ..models.site_settings import is_on
from ..models.unindexed import of_folders
from ..models.upkeep import UNDER_WAY
from . import trash_work
from .upkeep_requests import enqueue, open_run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# The action in Wagtail's log; its data: keys of messages.
RESTORED = "mailarchive.restore_mail"


def trash_all(folder: EmailFolderPage, *, user: User | None, reason: str) -> UpkeepRun:
    """Have the worker move all mail that is in `folder` now to its trash."""
    newest = EmailMessagePage.objects.filter(folder=folder).aggregate(key=Max("pk"))["key"]
    return _request(UpkeepKind.TRASH, folder, user, reason, newest or 0)


def restore(folder: EmailFolderPage, message_ids: Collection[int], *, user: User | None) -> int:
    """Bring messages back out of the folder's trash at once; return how many.

    The folder's history says who did it, and so does its Activity.
    """
    entries = TrashEntry.objects.filter(message__in=message_ids, to_erase=False)
    keys = sorted(of_folders(entries, [folder.pk]).values_list("message_id", flat=True))
    number = trash.restore(folder.pk, keys)
    if number:
        log(instance=folder, action=RESTORED, user=user, data={"messages": keys})
    return number


def restore_all(folder: EmailFolderPage, *, user: User | None) -> UpkeepRun:
    """Have the worker bring back all that is in the folder's trash now."""
    return _request(UpkeepKind.RESTORE, folder, user, "", _newest(folder))


def erase(
    folder: EmailFolderPage,
    *,
    user: User | None,
    reason: str,
    message_ids: Collection[int] | None = None,
    keep_comments: bool = False,
) -> UpkeepRun:
    """Have the worker erase messages that are in the folder's trash, or all that are there now.

    They are marked at once, so that nobody restores them meanwhile.

    Raises:
        ErasingUnderWay: the worker is at it in this folder, for a reason of its own.
    """
    if is_erasing(folder):
        raise ErasingUnderWay(folder=str(folder.get_admin_display_title()))
    entries = TrashEntry.objects.filter(folder=folder)
    if message_ids is not None:
        entries = entries.filter(message__in=message_ids)
    with transaction.atomic():
        entries.update(to_erase=True)
        return _request(UpkeepKind.ERASE, folder, user, reason, None, is_complete=not keep_comments)


def erase_folder(
    folder: EmailFolderPage, *, user: User | None, reason: str, keep_comments: bool = False
) -> UpkeepRun | None:
    """Have the worker erase all mail of a folder that is in the trash, and what is known of it.

    The empty page stays until somebody deletes it, and so does the report. None if the folder is
    not in the trash any more.

    Raises:
        ErasingUnderWay: as in `erase`.
    """
    if is_erasing(folder):
        raise ErasingUnderWay(folder=str(folder.get_admin_display_title()))
    with transaction.atomic():
        if not TrashedFolder.objects.filter(folder=folder).update(to_erase=True):
            return None
        return _request(UpkeepKind.ERASE, folder, user, reason, None, is_complete=not keep_comments)


def is_erasing(folder: EmailFolderPage) -> bool:
    """Whether the worker erases, or is about to, what managers marked in the folder's trash."""
    runs = UpkeepRun.objects.filter(kind=UpkeepKind.ERASE, folder=folder)
    return runs.filter(status__in=UNDER_WAY).exists()


def request_emptying() -> None:
    """Have the worker empty the trash of each folder where something is due."""
    days = archive_settings().TRASH_DAYS
    if days <= 0 or not is_on():
        return
    before = timezone.now() - timedelta(days=days)
    old = TrashEntry.objects.filter(trashed_at__lt=before, to_erase=False)
    with_old = old.filter(folder=OuterRef("pk"))
    folders = EmailFolderPage.objects.filter(Exists(with_old))
    for folder in folders.exclude(pk__in=TrashedFolder.objects.values("folder")):
        if trash.due(folder.pk).exists():
            _request(UpkeepKind.EMPTY, folder, None, "", _newest(folder))


def _newest(folder: EmailFolderPage) -> int:
    return TrashEntry.objects.filter(folder=folder).aggregate(key=Max("pk"))["key"] or 0


def _request(
    kind: UpkeepKind,
    folder: EmailFolderPage,
    user: User | None,
    reason: str,
    until: int | None,
    *,
    is_complete: bool = True,
) -> UpkeepRun:
    with transaction.atomic():
        run, is_new = open_run(kind, folder, user=user, is_complete=is_complete)
        if is_new:
            run.reason, run.until = reason, until
            if kind == UpkeepKind.ERASE:
                # It counts again when it begins; whoever stops it before is told how many stay.
                run.total = trash_work.total(run)
            run.save(update_fields=["reason", "until", "total"])
            enqueue(run)
    return run
