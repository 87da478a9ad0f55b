"""Messages that a move or a change of slug above them passed by.

Wagtail and treebeard move a branch with one `UPDATE ... WHERE path LIKE ...`. On PostgreSQL that
statement waits for a writer who holds the folder's row, and goes on with the snapshot it began
with: it gives the folder its new place and does not see the messages that the writer has just
committed. They are sent after it here. SQLite lets one transaction write at a time, so there is
nothing to find.

The URLs of much mail are brought after their folder by a worker, see `fetching.moving`. Until then
a message's address is asked of its folder, see `EmailMessagePage.get_url_parts`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat
from wagtail.models import Page
from wagtail.signals import page_slug_changed, post_page_move

from ..models import EmailFolderPage, EmailMessagePage, UpkeepKind, UpkeepRun
from ..models.upkeep import UNDER_WAY
from . import pages


def connect() -> None:
    """Follow what Wagtail tells of moves and slugs."""
    post_page_move.connect(_after_move, dispatch_uid="wagtail_mailarchive.archive.tree")
    page_slug_changed.connect(_after_slug_change, dispatch_uid="wagtail_mailarchive.archive.tree")


def _after_move(instance: Page, parent_page_after: Page, **kwargs: Any) -> None:
    # treebeard makes room by moving the siblings that follow, so they may have lost messages too.
    _rejoin_folders(path__startswith=parent_page_after.path, path__gte=instance.path)


def _after_slug_change(instance: Page, **kwargs: Any) -> None:
    _rejoin_folders(path__startswith=instance.path)


def _rejoin_folders(**where: str) -> None:
    for folder_id in list(EmailFolderPage.objects.filter(**where).values_list("pk", flat=True)):
        rejoin(folder_id)


@transaction.atomic
def rejoin(folder_id: int) -> None:
    """Bring the messages of a folder to where the folder is now: path, depth and URL.

    Raises:
        PathOverflow: the folder is full.
    """
    # A writer that comes later waits here and then sees the new path.
    folder = pages.lock_folder(folder_id)
    messages = EmailMessagePage.objects.filter(folder_id=folder_id)
    left = messages.exclude(path__startswith=folder.path).order_by("path").values("pk")
    behind = list(Page.objects.filter(pk__in=left).order_by("path"))
    # Their own steps may have been taken since, so they come last.
    last = folder.get_last_child()
    for each in behind:
        each.path = (
            last._inc_path() if last else Page._get_path(folder.path, folder.depth + 1, newstep=1)
        )
        each.depth = folder.depth + 1
        last = each
    Page.objects.bulk_update(behind, ["path", "depth"], batch_size=200)
    if not _is_readdressed_by_a_worker(folder_id):
        readdress(folder)


def readdress(folder: Page, messages: Collection[int] | None = None) -> None:
    """Let the URLs of `messages`, or of all, say where their folder is.

    Args:
        folder: as `pages.lock_folder` gave it.
        messages: keys.
    """
    behind = _behind(folder)
    if messages is not None:
        behind = behind.filter(pk__in=messages)
    Page.objects.filter(pk__in=behind.values("pk")).update(url_path=_url_path_below(folder))


def is_behind(folder: Page) -> bool:
    """Whether the URL of a message says that `folder` is elsewhere."""
    return bool(_behind(folder).exists())


def _behind(folder: Page) -> QuerySet[EmailMessagePage]:
    messages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(folder_id=folder.pk)
    return messages.exclude(url_path=_url_path_below(folder)).order_by()


def _url_path_below(folder: Page) -> Concat:
    return Concat(Value(folder.url_path), F("slug"), Value("/"))


def _is_readdressed_by_a_worker(folder_id: int) -> bool:
    runs = UpkeepRun.objects.filter(kind=UpkeepKind.READDRESS, folder=folder_id)
    return runs.filter(status__in=UNDER_WAY).exists()
