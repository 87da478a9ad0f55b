"""Into the trash and back, hundreds of messages at a time.

A message in the trash keeps its page, its original and what people wrote about it. What counts it,
finds it or lists it lets go of it, so that a full trash costs readers nothing: its text leaves the
index, its attachments leave the folder's lists, and the numbers of months, senders, lists, accounts
and threads are counted down. Coming back undoes each of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from wagtail.models import Page

from ..conf import archive_settings
from ..models import (
    Attachment,
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Mailbox,
    MessageText,
    Presence,
    TrashEntry,
)
from ..models.unindexed import of_folders
from . import attached_text, facets, messages, month_counts, pages, rows, thread_summaries
from .bulk_deletion import among, delete_rows
from .search.texts import ATTACHED, COLUMNS
from .transactions import commit

# Messages in one transaction.
TOGETHER = 1000
# The folder of attachments that no list shows; no page has this key.
_NO_FOLDER = 0
_ENTRY = (
    *("message_id", "folder_id", "user_id", "trashed_at", "reason", "was_live", "text"),
    "to_erase",
)


def put(
    folder_id: int,
    message_ids: Collection[int],
    *,
    user_id: int | None,
    reason: str,
    fence: Callable[[], None] = lambda: None,
    done: Callable[[int], None] = lambda number: None,
) -> int:
    """Move messages of a folder to its trash; return how many, those already there left out.

    Committed in portions of `TOGETHER`; readers and search are without them as soon as one is.

    Args:
        fence: the first statement of each transaction; may raise to prevent the commit.
        done: the last one of each, told how many.

    Raises:
        DatabaseError: what was committed stays.
    """
    return _in_portions(
        message_ids, lambda some: _put(folder_id, some, user_id, reason, fence), done
    )


def restore(
    folder_id: int,
    message_ids: Collection[int],
    *,
    fence: Callable[[], None] = lambda: None,
    done: Callable[[int], None] = lambda number: None,
) -> int:
    """Bring messages back out of a folder's trash; return how many. Otherwise as `put`."""
    return _in_portions(message_ids, lambda some: _restore(folder_id, some, fence), done)


def _in_portions(
    message_ids: Collection[int],
    move: Callable[[Sequence[int]], int],
    done: Callable[[int], None],
) -> int:
    keys = sorted(message_ids)
    moved = 0
    for start in range(0, len(keys), TOGETHER):

        def work(some: Sequence[int] = keys[start : start + TOGETHER]) -> int:
            number = move(some)
            done(number)
            return number

        moved += commit(work)
    return moved


def entries_of(folder_id: int) -> QuerySet[TrashEntry]:
    """Return what is in the trash of a folder, the latest first."""
    return TrashEntry.objects.filter(folder_id=folder_id).order_by("-pk")


def is_elsewhere() -> Q:
    """Return the condition on `EmailMessagePage` that the mail is somewhere else as well.

    On a server, as an account that is still connected last saw it, or in another folder of this
    archive and not in its trash. Of a mailbox whose account was removed nobody knows any more.
    """
    on_server = LedgerEntry.objects.filter(
        original=OuterRef("original_id"),
        presence=Presence.PRESENT,
        mailbox__account__isnull=False,
    )
    other = EmailMessagePage.objects.filter(original=OuterRef("original_id"), trashed=False)
    return Q(Exists(on_server)) | Q(Exists(other.exclude(folder_id=OuterRef("folder_id"))))


def only_here(folder: EmailFolderPage) -> int:
    """Return how many messages of `folder` are on no server and in no other folder any more."""
    held: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(folder=folder)
    return held.exclude(is_elsewhere()).order_by().count()


def due(folder_id: int, until: int | None = None) -> QuerySet[TrashEntry]:
    """Return what is emptied by time: old enough, and not the only copy that there is.

    Args:
        until: the highest key of those asked about; None for no bound.
    """
    days = archive_settings().TRASH_DAYS
    elsewhere = EmailMessagePage.objects.filter(is_elsewhere(), pk=OuterRef("message_id"))
    entries = TrashEntry.objects.filter(Exists(elsewhere), folder=folder_id, to_erase=False)
    if days <= 0:
        return entries.none()
    entries = entries.filter(trashed_at__lt=timezone.now() - timedelta(days=days))
    return entries if until is None else entries.filter(pk__lte=until)


# -- in ---------------------------------------------------------------------------------------


def _put(
    folder_id: int,
    message_ids: Sequence[int],
    user_id: int | None,
    reason: str,
    fence: Callable[[], None],
) -> int:
    fence()
    pages.lock_folder(folder_id)
    asked = EmailMessagePage.objects.filter(pk__in=message_ids, trashed=False)
    chosen = of_folders(asked, [folder_id]).order_by("pk")
    found = list(chosen.values_list("pk", "live", "sorted_at", "thread_id"))
    if not found:
        return 0
    keys = [pk for pk, *_ in found]
    these = among(keys)
    texts = list(MessageText.objects.filter(message__in=these).values_list(*COLUMNS))
    stored = {row[COLUMNS.index("message_id")]: row for row in texts}
    now = timezone.now()
    rows.insert(
        TrashEntry,
        _ENTRY,
        [
            (pk, folder_id, user_id, now, reason, live, _as_stored(stored.get(pk)), False)
            for pk, live, _sorted_at, _thread_id in found
        ],
    )
    EmailMessagePage.objects.filter(pk__in=these).update(trashed=True, listed=False)
    Page.objects.filter(pk__in=these).update(live=False)
    Attachment.objects.filter(message__in=these).update(folder_id=_NO_FOLDER)
    facets.remove_accounts(folder_id, [row[0] for row in texts])
    delete_rows(MessageText._base_manager.filter(message__in=these))
    facets.add([], gone=texts)
    month_counts.add(folder_id, [], [sorted_at for _pk, _live, sorted_at, _thread in found])
    thread_summaries.recount({thread for *_, thread in found if thread is not None})
    return len(found)


def _as_stored(row: Sequence[Any] | None) -> dict[str, Any]:
    return {} if row is None else dict(zip(COLUMNS, row, strict=True))


# -- and back ---------------------------------------------------------------------------------


def _restore(folder_id: int, message_ids: Sequence[int], fence: Callable[[], None]) -> int:
    fence()
    pages.lock_folder(folder_id)
    asked = TrashEntry.objects.filter(message__in=message_ids, to_erase=False)
    entries = of_folders(asked, [folder_id])
    found = list(
        entries.order_by("message").values_list(
            "message_id", "was_live", "text", "message__sorted_at", "message__thread_id"
        )
    )
    if not found:
        return 0
    keys = [pk for pk, *_ in found]
    published = [pk for pk, was_live, *_ in found if was_live]
    EmailMessagePage.objects.filter(pk__in=keys).update(trashed=False)
    EmailMessagePage.objects.filter(pk__in=published).update(listed=True)
    Page.objects.filter(pk__in=published).update(live=True)
    Attachment.objects.filter(message__in=keys).update(folder_id=folder_id)
    # Attachments may have been read meanwhile, and texts with them.
    attached = attached_text.of_messages(keys)
    texts = [_as_row(text, attached.get(pk, "")) for pk, _was_live, text, *_ in found if text]
    messages.insert_texts(texts)
    facets.add(texts)
    _note_accounts(folder_id, keys)
    moments: list[datetime] = [sorted_at for _pk, _live, _text, sorted_at, _thread in found]
    month_counts.add(folder_id, moments)
    delete_rows(TrashEntry._base_manager.filter(message__in=keys))
    thread_summaries.recount({thread for *_, thread in found if thread is not None})
    return len(found)


def _as_row(text: dict[str, Any], attached: str) -> list[Any]:
    row = [text[name] for name in COLUMNS]
    row[ATTACHED] = attached or row[ATTACHED]
    return row


def _note_accounts(folder_id: int, message_ids: Sequence[int]) -> None:
    """Count messages by the accounts that brought them, as the ledger tells."""
    # Not as one question, which would begin with all entries of the folder's mailboxes.
    mailboxes = Mailbox.objects.filter(folder=folder_id, account__isnull=False)
    accounts = dict(mailboxes.values_list("pk", "account_id"))
    came = LedgerEntry.objects.filter(message__in=message_ids).order_by()
    by_account: defaultdict[int, set[int]] = defaultdict(set)
    for mailbox_id, message_id in came.values_list("mailbox_id", "message_id"):
        if mailbox_id in accounts:
            by_account[accounts[mailbox_id]].add(message_id)
    for account_id, keys in sorted(by_account.items()):
        facets.add_account(account_id, keys, folder_id)
