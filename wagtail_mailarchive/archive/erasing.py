"""Erasing: irrevocably, from the trash, hundreds of messages at a time.

With a message go its page, its index rows, what people wrote about it, pictures of its attachments
that no other message has, and the bytes wherever nothing else in the archive holds them. What stays
is a tombstone, which the writer asks before it takes mail into the folder, and the folder's chain,
which says that something came in and nothing of what it was.

Each transaction leaves a whole folder behind, so this may be interrupted and begun again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.core.files.storage import InvalidStorageError, storages
from django.db.models import Exists, F, Model, OuterRef, Q
from django.db.models.functions import Greatest
from django.utils import timezone
from wagtail.models import Page

from ..exceptions import StorageError
from ..models import (
    Attachment,
    Comment,
    CommentState,
    DkimSignature,
    EmailMessagePage,
    Envelope,
    FacetCount,
    LedgerEntry,
    Mailbox,
    MessageText,
    MonthCount,
    Original,
    OriginalChunk,
    Outcome,
    Tombstone,
    TrashEntry,
)
from ..models.original import DATABASE
from ..models.unindexed import of_folders
from . import contents, pages, rows, thread_summaries
from .bulk_deletion import among, delete_messages, delete_rows
from .originals import stored_name
from .transactions import commit

# Messages in one transaction. What refers to messages is asked for once in each, so that larger
# ones cost less; SQLite takes 32,766 keys in a statement.
TOGETHER = 5000

# Numbers of a folder that are 0 once its mail is erased.
_COUNTED: tuple[type[Model], ...] = (FacetCount, MonthCount)

_TOMBSTONE = ("sha256", "folder_id", "reason", "user_id", "erased_at", "bytes_kept", "comments")


def erase(
    folder_id: int,
    message_ids: Sequence[int],
    *,
    user_id: int | None,
    reason: str,
    keep_comments: bool = False,
    fence: Callable[[], None] = lambda: None,
    done: Callable[[int], None] = lambda number: None,
) -> int:
    """Erase messages that are in the trash of a folder, in one transaction; return how many.

    Args:
        message_ids: at most `TOGETHER`; those not in the trash any more stay.
        user_id: null where the trash is emptied by time.
        keep_comments: in the tombstones, what readers' comments said.
        fence: the first statement; may raise to prevent the commit.
        done: the last one, told how many.

    Raises:
        StorageError: originals cannot be deleted where they are kept; nothing was committed.
        ArchiveInUse: an object of the site protects one of the messages; as above.
        DatabaseError: as above.
    """
    grave = _Grave(folder_id, user_id, reason, keep_comments)

    def work() -> int:
        number = _erase(grave, message_ids, fence)
        done(number)
        return number

    return commit(work)


def erase_records(
    folder_id: int, *, user_id: int | None, reason: str, fence: Callable[[], None] = lambda: None
) -> int:
    """Erase what is known of mail in a folder without messages, in one transaction.

    Up to `TOGETHER` entries of its ledger go, with originals in quarantine, which leave tombstones
    as well; with the last of them go mailboxes and what was counted. Returns how many entries; 0
    if nothing is left.

    Raises:
        StorageError, DatabaseError: as in `erase`.
    """
    grave = _Grave(folder_id, user_id, reason, keeps_comments=False)
    return commit(lambda: _erase_records(grave, fence))


def held_back(folder_id: int, hashes: Collection[str]) -> set[str]:
    """Return those of `hashes` that the folder does not take any more, in one query."""
    stones = Tombstone.objects.filter(folder=folder_id, sha256__in=hashes)
    return set(stones.values_list("sha256", flat=True))


def release(original_ids: Iterable[int]) -> None:
    """Delete the bytes of originals that nothing holds, in the present transaction.

    Raises:
        StorageError: they cannot be deleted where they are kept.
    """
    if keys := list(original_ids):
        originals = Original.objects.filter(pk__in=keys).order_by("sha256")
        _delete_bytes(_unheld(list(originals.select_for_update())))


@dataclass(frozen=True, slots=True)
class _Grave:
    """What the tombstones of one portion have in common."""

    folder_id: int
    user_id: int | None
    reason: str
    keeps_comments: bool


def _erase(grave: _Grave, message_ids: Sequence[int], fence: Callable[[], None]) -> int:
    fence()
    folder_id = grave.folder_id
    folder = pages.lock_folder(folder_id)
    asked = EmailMessagePage.objects.filter(pk__in=message_ids, trashed=True)
    chosen = of_folders(asked, [folder_id])
    found = list(chosen.order_by("pk").values_list("pk", "original_id", "thread_id"))
    if not found:
        return 0
    keys = [pk for pk, *_ in found]
    original_ids = [original_id for _pk, original_id, _thread in found]
    comments = _comments(found) if grave.keeps_comments else {}
    _settle_ledger(folder_id, keys, original_ids)
    _delete_attachments(keys)
    delete_rows(MessageText._base_manager.filter(message__in=among(keys)))
    delete_rows(TrashEntry._base_manager.filter(message__in=among(keys)))
    delete_messages(keys, folder.title)
    thread_summaries.recount({thread for *_, thread in found if thread is not None})
    # A count that was wrong already must not fall below zero, which the database refuses.
    here = Page.objects.filter(pk=folder_id)
    here.update(numchild=Greatest(F("numchild") - len(keys), 0))
    _bury(grave, original_ids, comments)
    return len(found)


def _erase_records(grave: _Grave, fence: Callable[[], None]) -> int:
    fence()
    folder_id = grave.folder_id
    pages.lock_folder(folder_id)
    of_folder = LedgerEntry.objects.filter(mailbox__folder=folder_id, message=None)
    found = list(of_folder.order_by("pk").values_list("pk", "original_id")[:TOGETHER])
    keys = [pk for pk, _ in found]
    delete_rows(Envelope._base_manager.filter(entry__in=keys))
    delete_rows(LedgerEntry._base_manager.filter(pk__in=keys))
    _bury(grave, sorted({original_id for _, original_id in found if original_id is not None}), {})
    if len(found) < TOGETHER and not EmailMessagePage.objects.filter(folder=folder_id).exists():
        for model in _COUNTED:
            delete_rows(model._base_manager.filter(folder=folder_id))
        # Those of connected accounts stay: they say what is archived.
        Mailbox.objects.filter(folder=folder_id, account=None, entries=None).delete()
    return len(found)


def _settle_ledger(folder_id: int, keys: Sequence[int], original_ids: Sequence[int]) -> None:
    """Say in the ledger that these are erased; copies in this folder's quarantine as well."""
    of_pages = LedgerEntry.objects.filter(message__in=among(keys))
    in_quarantine = LedgerEntry.objects.filter(
        mailbox__folder=folder_id, original__in=among(original_ids), outcome=Outcome.QUARANTINED
    )
    entries = [*of_pages.values_list("pk", flat=True), *in_quarantine.values_list("pk", flat=True)]
    delete_rows(Envelope._base_manager.filter(entry__in=among(entries)))
    LedgerEntry.objects.filter(pk__in=among(entries)).update(
        outcome=Outcome.ERASED,
        message=None,
        original=None,
        reason_code="",
        reason_params={},
        decided_at=timezone.now(),
    )


def _delete_attachments(keys: Sequence[int]) -> None:
    attachments = Attachment._base_manager.filter(message__in=among(keys))
    hashes = set(attachments.values_list("sha256", flat=True))
    delete_rows(attachments)
    contents.forget_unused(hashes)


def _comments(found: Sequence[tuple[int, int, int | None]]) -> dict[int, list[list[str]]]:
    """Return what readers said of messages, by the keys of their originals."""
    originals = {pk: original_id for pk, original_id, _thread in found}
    said: defaultdict[int, list[list[str]]] = defaultdict(list)
    shown = Comment.objects.filter(message__in=originals, state=CommentState.SHOWN).order_by("pk")
    for message_id, name, moment, text in shown.values_list(
        "message_id", "author_name", "created_at", "text"
    ):
        said[originals[message_id]].append([name, moment.isoformat(), text])
    return said


def _bury(
    grave: _Grave, original_ids: Sequence[int], comments: Mapping[int, list[list[str]]]
) -> None:
    """Leave tombstones, and delete the bytes that nothing holds any more.

    Rows are locked in the order of SHA-256, as the writer inserts them: whoever archives the same
    mail elsewhere at this moment waits, and then brings the bytes anew.
    """
    originals = Original.objects.filter(pk__in=among(original_ids)).order_by("sha256")
    found, now = list(originals.select_for_update()), timezone.now()
    gone = _unheld(found)
    gone_ids = {each.pk for each in gone}
    rows.insert(
        Tombstone,
        _TOMBSTONE,
        [
            (
                each.sha256,
                grave.folder_id,
                grave.reason,
                grave.user_id,
                now,
                each.pk not in gone_ids,
                comments.get(each.pk, []),
            )
            for each in found
        ],
        unique=("sha256", "folder_id"),
        update=("reason", "user_id", "erased_at", "bytes_kept", "comments"),
    )
    _delete_bytes(gone)


def _unheld(originals: Sequence[Original]) -> list[Original]:
    """Return those that no message has, and no entry of a ledger."""
    this = OuterRef("pk")
    in_pages = Exists(EmailMessagePage.objects.filter(original=this))
    in_ledger = Exists(LedgerEntry.objects.filter(original=this))
    chosen = Original.objects.filter(pk__in=among(each.pk for each in originals)).order_by()
    held = set(chosen.filter(Q(in_pages) | Q(in_ledger)).values_list("pk", flat=True))
    return [each for each in originals if each.pk not in held]


def _delete_bytes(originals: Sequence[Original]) -> None:
    """Delete originals; files before the commit, so that none is left that nothing names.

    Whoever is stopped between the two erases the same messages again, and deletes what is not there
    any more without complaint.
    """
    keys = among(each.pk for each in originals)
    delete_rows(OriginalChunk._base_manager.filter(original__in=keys))
    delete_rows(DkimSignature._base_manager.filter(original__in=keys))
    delete_rows(Original._base_manager.filter(pk__in=keys))
    for each in originals:
        if each.store == DATABASE:
            continue
        try:
            storages[each.store].delete(stored_name(each.sha256))
        except (OSError, InvalidStorageError) as error:
            raise StorageError(store=each.store) from error
