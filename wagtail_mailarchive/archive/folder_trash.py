"""A folder as a whole in the trash: hidden in place, fetched no more, and restorable.

Nothing of its mail is touched, however much there is: it is the folder that is not published.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from wagtail.models import Page
from wagtail.signals import page_published

from ..models import EmailFolderPage, FetchRun, TrashedFolder
from ..models.run import ACTIVE


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
def restore(folder: EmailFolderPage) -> None:
    """Take `folder` out of the trash, as it was; nothing happens to one that is not there.

    Where it is being erased, what is left of it comes back.
    """
    Page.objects.select_for_update().get(pk=folder.pk)
    entry = TrashedFolder.objects.filter(folder=folder).first()
    if entry is not None:
        Page.objects.filter(pk=folder.pk).update(live=entry.was_live)
        entry.delete()


def connect() -> None:
    """Let publishing a folder take it out of the trash."""
    page_published.connect(
        _after_publishing,
        sender=EmailFolderPage,
        dispatch_uid="wagtail_mailarchive.archive.folder_trash",
    )


def _after_publishing(instance: EmailFolderPage, **kwargs: Any) -> None:
    TrashedFolder.objects.filter(folder=instance).delete()
