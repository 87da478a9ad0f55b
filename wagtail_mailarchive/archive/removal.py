"""Taking the whole archive out of a site, so that it goes on without this app.

Left-over pages of a type that is no longer installed break Wagtail: editing them fails, and so
does deleting what stands above them. Here they are deleted in bulk and the tree stays as treebeard
would have left it. Each transaction leaves a whole site behind, so this may be interrupted and
begun again.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import InvalidStorageError, storages
from django.db import transaction
from django.db.models import F, Model, ProtectedError, QuerySet, RestrictedError
from django.db.models.functions import Greatest
from wagtail.log_actions import registry as log_registry
from wagtail.models import Page, Site

from ..exceptions import StorageError
from ..models import (
    AccountHealth,
    AccountMessage,
    Attachment,
    AttachmentContent,
    ChainEntry,
    Comment,
    CommentNotice,
    DkimSignature,
    EmailFolderPage,
    EmailMessagePage,
    Envelope,
    FacetCount,
    FetchRun,
    FormerThread,
    IntegrityProblem,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    MailTag,
    MessageText,
    MonthCount,
    Notice,
    OAuthGrant,
    Original,
    OriginalChunk,
    ReadMark,
    SavedSearch,
    SearchChange,
    SearchCluster,
    SearchIndex,
    Thread,
    ThreadDecision,
    ThreadKey,
    Tombstone,
    TrashedFolder,
    TrashEntry,
    Trial,
    UpkeepRun,
    WorkerHeartbeat,
)
from . import thread_summaries
from .bulk_deletion import ArchiveInUse, delete_messages, delete_rows
from .originals import stored_name
from .search.cluster import feed

APP = "wagtail_mailarchive"
_TOGETHER = 500  # message pages in one transaction
# What is left once the messages are gone, those before that refer to those behind.
_OF_FOLDERS: tuple[type[Model], ...] = (
    CommentNotice,
    *(Envelope, LedgerEntry, FetchRun, Mailbox, Lease, AccountHealth, OAuthGrant, Notice, Trial),
    *(ReadMark, FormerThread, ThreadDecision, ThreadKey, Thread),
    *(AccountMessage, MailAccount, MonthCount, FacetCount),
    *(ChainEntry, UpkeepRun, IntegrityProblem, WorkerHeartbeat),
    *(SavedSearch, MailTag, SearchIndex, SearchChange, SearchCluster),
    *(Tombstone, TrashedFolder),
)


def check_removable() -> None:
    """Look for what would go with the folders and is not ours.

    Raises:
        ArchiveInUse: a folder is or holds a site's root page, or holds pages of other types.
    """
    for folder in EmailFolderPage.objects.order_by("path"):
        site = Site.objects.filter(root_page__path__startswith=folder.path).first()
        if site is not None:
            raise ArchiveInUse(page=folder.title, problem=f"in it is the root page of {site}")
        foreign = (
            Page.objects.filter(path__startswith=folder.path)
            .exclude(pk=folder.pk)
            .exclude(pk__in=EmailMessagePage.objects.values("pk"))
            .first()
        )
        if foreign is not None:
            raise ArchiveInUse(page=folder.title, problem=f"below it is the page {foreign.title}")


def remove_everything(progress: Callable[[int], None] = lambda done: None) -> int:
    """Delete all pages, rows and stored originals of this app; return the number of messages.

    Fetching must have been stopped before.

    Args:
        progress: called with the number of messages deleted so far.

    Raises:
        ArchiveInUse: see `check_removable`, or an object of the site protects a page.
        StorageError: originals in a storage could not be deleted.
    """
    check_removable()
    feed.stop()
    done = 0
    for folder in EmailFolderPage.objects.order_by("path"):
        while deleted := _remove_messages(folder):
            done += deleted
            progress(done)
    with transaction.atomic():
        delete_rows(AttachmentContent._base_manager.all())
        for model in _OF_FOLDERS:
            delete_rows(model._base_manager.all())
        for folder in EmailFolderPage.objects.order_by("-path"):
            _remove_folder(folder)
    _remove_originals()
    _remove_log_entries()
    return done


def forget_content_types() -> None:
    """Delete content types and permissions of this app, once its tables are gone."""
    ContentType.objects.filter(app_label=APP).delete()
    ContentType.objects.clear_cache()


@transaction.atomic
def _remove_messages(folder: EmailFolderPage) -> int:
    """Delete up to `_TOGETHER` messages of `folder` and all that hangs on them."""
    Page.objects.select_for_update().get(pk=folder.pk)
    messages = list(
        EmailMessagePage.objects.filter(folder=folder)
        .order_by("pk")
        .values_list("pk", flat=True)[:_TOGETHER]
    )
    # Ours first and in one statement each: Django would load them one by one for their signals.
    delete_rows(Envelope._base_manager.filter(entry__message__in=messages))
    delete_rows(CommentNotice._base_manager.filter(comment__message__in=messages))
    delete_rows(Comment._base_manager.filter(message__in=messages))
    for model in (LedgerEntry, MessageText, Attachment, TrashEntry):
        delete_rows(model._base_manager.filter(message__in=messages))
    concerned = thread_summaries.of_messages(messages)
    delete_messages(messages, folder.title)
    thread_summaries.recount(concerned)
    _count_less(Page.objects.filter(pk=folder.pk), len(messages))
    return len(messages)


def _remove_folder(folder: EmailFolderPage) -> None:
    """Delete a folder the way Django deletes rows; treebeard's deletion would walk the tree."""
    try:
        QuerySet(EmailFolderPage).filter(pk=folder.pk).delete()
    except (ProtectedError, RestrictedError) as error:
        # Both exceptions carry a sentence and the set of objects.
        kinds = ", ".join(sorted({each._meta.label for each in error.args[1]}))
        raise ArchiveInUse(page=folder.title, problem=f"objects refer to it ({kinds})") from error
    _count_less(Page.objects.filter(path=folder.path[: -Page.steplen]), 1)


def _count_less(parents: QuerySet[Page], children: int) -> None:
    # A count that was wrong already (a page saved by code that had loaded it earlier) must not
    # fall below zero, which the database refuses.
    parents.update(numchild=Greatest(F("numchild") - children, 0))


def _remove_originals() -> None:
    for original in Original.objects.exclude(store="").iterator():
        try:
            storages[original.store].delete(stored_name(original.sha256))
        except (OSError, InvalidStorageError) as error:
            raise StorageError(store=original.store) from error
    with transaction.atomic():
        delete_rows(OriginalChunk._base_manager.all())
        delete_rows(DkimSignature._base_manager.all())
        delete_rows(Original._base_manager.all())


def _remove_log_entries() -> None:
    # Wagtail's site history cannot export entries of an action that is not registered.
    for model in log_registry.get_log_entry_models():
        model.objects.filter(action__startswith=f"{APP}.").delete()
