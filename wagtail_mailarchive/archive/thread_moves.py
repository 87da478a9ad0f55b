"""What follows messages from one thread into another: old addresses and readers' marks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Min, Value
from django.db.models.functions import Least

from ..models import EmailMessagePage, FormerThread, ReadMark, Thread
from . import rows
from .bulk_deletion import delete_rows


def before_merging(gone: Collection[int], into: Collection[int]) -> None:
    """Note where threads lead that are about to be merged into others (five queries)."""
    messages = EmailMessagePage.objects.filter(thread__in=gone).order_by()
    first = dict(messages.values_list("thread_id").annotate(Min("pk")))
    forget_marks(gone)
    if first:
        _lead(first)
        _count_as_new(into, min(first.values()))


def after_moving(moves: Iterable[tuple[int, int | None, int]]) -> None:
    """Note where threads lead some of whose messages are elsewhere now (two queries).

    Args:
        moves: (message, the thread in which it was, the thread in which it is).
    """
    first: dict[int, int] = {}
    into: set[int] = set()
    for message, before, now in sorted(moves):
        if before is not None:
            first.setdefault(before, message)
        into.add(now)
    if first:
        _lead(first)
        _count_as_new(into, min(first.values()))


def forget_marks(thread_ids: Collection[int]) -> None:
    """Delete readers' marks of threads that are about to be deleted.

    The threads are locked first: a mark that a reader sets after this would have the database
    refuse to delete its thread.
    """
    going = Thread._base_manager.filter(pk__in=thread_ids).order_by("pk")
    list(going.select_for_update().values_list("pk"))
    delete_rows(ReadMark._base_manager.filter(thread__in=thread_ids))


def _lead(messages: dict[int, int]) -> None:
    rows.insert(
        FormerThread,
        ("id", "message_id"),
        sorted(messages.items()),
        unique=("id",),
        update=("message_id",),
    )


def _count_as_new(thread_ids: Collection[int], message: int) -> None:
    """Put readers' marks before `message`, which they may never have seen, and all that follows.

    Showing something twice is better than hiding it.
    """
    marks = ReadMark.objects.filter(thread__in=thread_ids, seen_until__gte=message)
    before = Value(message - 1)
    marks.update(seen_until=before, seen_before=Least("seen_before", before))
