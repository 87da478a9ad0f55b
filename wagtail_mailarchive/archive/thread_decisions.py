"""What managers decide about threads: merging two, splitting one, and taking either back.

Who may decide is asked by whoever calls. Decisions are kept, so that mail that comes later and
reading again respect them, and each is an entry of the folder's history.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from wagtail.log_actions import log

from ..exceptions import NothingToSplit, ThreadsApart
from ..models import EmailFolderPage, EmailMessagePage, Thread, ThreadDecision
from . import pages
from .thread_division import rejoin

# The actions in Wagtail's log.
MERGED = "mailarchive.merge_threads"
SPLIT = "mailarchive.split_thread"
UNDONE = "mailarchive.undo_thread_decision"


@transaction.atomic
def merge(one: Thread, other: Thread, user: Any) -> ThreadDecision:
    """Make two threads one, in the row of the larger; `decision.message.thread` is that.

    Raises:
        ThreadsApart: they are not two threads of one folder (any more).
    """
    pages.lock_folder(one.folder_id)
    message, second = _first(one), _first(other)
    is_one_folder = one.folder_id == other.folder_id
    if message is None or second is None or one.pk == other.pk or not is_one_folder:
        raise ThreadsApart
    decision = ThreadDecision.objects.create(
        folder_id=one.folder_id,
        kind=ThreadDecision.Kind.MERGE,
        message=message,
        other=second,
        user=user,
    )
    _apply(decision, MERGED, user)
    message.refresh_from_db()
    return decision


@transaction.atomic
def split(message: EmailMessagePage, user: Any) -> ThreadDecision:
    """Begin a thread with `message` and all that answers it; `decision.message.thread` is that.

    Raises:
        NothingToSplit: its thread holds nothing but these.
    """
    pages.lock_folder(message.folder_id)
    message = EmailMessagePage.objects.get(pk=message.pk)
    before = _members(message)
    decision = ThreadDecision.objects.create(
        folder_id=message.folder_id,
        kind=ThreadDecision.Kind.SPLIT,
        message=message,
        user=user,
    )
    _apply(decision, SPLIT, user)
    message.refresh_from_db()
    if _members(message) == before:
        raise NothingToSplit
    return decision


@transaction.atomic
def undo(decision: ThreadDecision, user: Any) -> None:
    """Take a decision back; one that was taken back already is left alone."""
    pages.lock_folder(decision.folder_id)
    held = decisions(decision.folder_id).filter(pk=decision.pk)
    if held.update(undone_at=timezone.now(), undone_by=user):
        _apply(decision, UNDONE, user)


def decisions(folder_id: int) -> QuerySet[ThreadDecision]:
    """Return the decisions that hold in a folder, the latest first."""
    return ThreadDecision.objects.filter(folder_id=folder_id, undone_at=None)


def _first(thread: Thread) -> EmailMessagePage | None:
    messages = EmailMessagePage.objects.filter(thread=thread)
    first: EmailMessagePage | None = messages.order_by("sorted_at", "pk").first()
    return first


def _members(message: EmailMessagePage) -> set[int]:
    members = EmailMessagePage.objects.filter(thread=message.thread_id)
    return set(members.order_by().values_list("pk", flat=True))


def _apply(decision: ThreadDecision, action: str, user: Any) -> None:
    concerned = [key for key in (decision.message_id, decision.other_id) if key is not None]
    rejoin(decision.folder_id, concerned)
    log(
        instance=EmailFolderPage.objects.get(pk=decision.folder_id),
        action=action,
        user=user,
        data={"decision": decision.pk, "messages": concerned},
    )
