"""A folder as a whole in the trash: hidden in place, fetched no more, and restorable.

Nothing of its mail is touched, however much there is: it is the folder that is not published.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from wagtail.log_actions import log
from wagtail.models import Page
from wagtail.signals import page_published

from ..models import EmailFolderPage, FetchRun, TrashedFolder, UpkeepKind, UpkeepRun
from ..models.run import ACTIVE
from ..models.upkeep import UNDER_WAY

# The action in Wagtail's log.
FOLDER_RESTORED = "mailarchive.restore_folder"


@transaction.atomic
def put(folder: EmailFolderPage, *, user_id: int | None, reason: str) -> None:
    """Move `folder` to the trash; nothing happens to one that is there already."""
    page = Page.objects.select_for_update().get(pk=folder.pk)
    _entry, is_new = TrashedFolder.objects.get_or_create(
        folder=folder, defaults={"user_id": user_id, "reason": reason, "was_live": page.live}
    )
    if is_new:
        Page.objects.filter(pk=folder.pk).update(live=False)
        FetchRun.objects.filter(folder_id=folder.pk, status__in=ACTIVE).update(stop_requested=True)


@transaction.atomic
def restore(folder: EmailFolderPage, *, user: Any = None) -> None:
    """Take `folder` out of the trash, as it was; nothing happens to one that is not there.

    Where it is being erased, what is left of it comes back. The folder's history says who did it,
    and so does its Activity.
    """
    Page.objects.select_for_update().get(pk=folder.pk)
    entry = TrashedFolder.objects.filter(folder=folder).first()
    if entry is not None:
        Page.objects.filter(pk=folder.pk).update(live=entry.was_live)
        _take_out(entry, folder, user)


def connect() -> None:
    """Let publishing a folder take it out of the trash."""
    page_published.connect(
        _after_publishing,
        sender=EmailFolderPage,
        dispatch_uid="wagtail_mailarchive.archive.folder_trash",
    )


def _after_publishing(instance: EmailFolderPage, **kwargs: Any) -> None:
    entry = TrashedFolder.objects.filter(folder=instance).first()
    if entry is not None:
        # Wagtail's log knows who publishes.
        _take_out(entry, instance, None)


def _take_out(entry: TrashedFolder, folder: EmailFolderPage, user: Any) -> None:
    if entry.to_erase:
        erasing = UpkeepRun.objects.filter(kind=UpkeepKind.ERASE, folder=folder)
        erasing.filter(status__in=UNDER_WAY).update(stop_requested=True)
    entry.delete()
    log(instance=folder, action=FOLDER_RESTORED, user=user)
