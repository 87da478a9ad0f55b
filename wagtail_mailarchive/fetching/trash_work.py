"""What the worker does with the trash of a folder, batch by batch; each may be done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import transaction
from django.db.models import QuerySet

from ..archive import erasing, trash
from ..models import EmailMessagePage, TrashedFolder, TrashEntry, UpkeepKind, UpkeepRun
from .held_run import Held


def total(run: UpkeepRun) -> int:
    """Return how many messages `run` is about."""
    if run.kind == UpkeepKind.TRASH:
        return _to_trash(run).count()
    if _is_whole(run):
        return int(EmailMessagePage.objects.filter(folder=run.folder_id).count())
    return _entries(run).count()


def put_all(held: Held) -> None:
    """Move all mail of a folder to its trash."""
    run = held.run
    while True:
        # The index of (folder, original) serves this order.
        left = _to_trash(run).filter(original__gt=run.position).order_by("original")
        found = list(left.values_list("original_id", "pk")[: trash.TOGETHER])
        if not found:
            return
        trash.put(
            _folder(run),
            [pk for _, pk in found],
            user_id=run.requested_by_id,
            reason=run.reason,
            fence=held.renew,
            done=_step(held, found[-1][0]),
        )
        held.committed()


def restore_all(held: Held) -> None:
    """Bring everything back that was in the trash when it was asked for."""
    for position, keys in _portions(held, trash.TOGETHER):
        trash.restore(_folder(held.run), keys, fence=held.renew, done=_step(held, position))
        held.committed()


def erase(held: Held) -> None:
    """Erase what is marked in the trash, or is due by time; whatever is erased is out of it.

    Of a folder that is to be erased as a whole, all mail and what is known of it.
    """
    run = held.run
    if not _is_whole(run):
        _erase_messages(held, lambda: _keys(_entries(run)))
        # Stopping takes all marks away, so that none is left says nothing.
        held.stop_if_asked()
        return

    def next_keys() -> list[int]:
        if not _is_whole(run):
            # Stopped, or taken out of the trash meanwhile.
            held.stop_if_asked()
            return []
        held_here = EmailMessagePage.objects.filter(folder=run.folder_id).order_by("original")
        keys = list(held_here.values_list("pk", flat=True)[: erasing.TOGETHER])
        trash.put(
            _folder(run), keys, user_id=run.requested_by_id, reason=run.reason, fence=held.renew
        )
        return keys

    _erase_messages(held, next_keys)
    while _is_whole(run) and erasing.erase_records(
        _folder(run), user_id=run.requested_by_id, reason=run.reason, fence=held.renew
    ):
        with transaction.atomic():
            held.advance(run.position + 1, done=0, problems=0)
        held.committed()
    TrashedFolder.objects.filter(folder=run.folder_id).update(to_erase=False)


def unmark(run: UpkeepRun) -> None:
    """Let what is not erased by now stay in the trash; who wants it erased asks again."""
    TrashEntry.objects.filter(folder=run.folder_id, to_erase=True).update(to_erase=False)
    TrashedFolder.objects.filter(folder=run.folder_id).update(to_erase=False)


def _erase_messages(held: Held, next_keys: Callable[[], list[int]]) -> None:
    run = held.run
    while keys := next_keys():
        erased = erasing.erase(
            _folder(run),
            keys,
            user_id=run.requested_by_id,
            reason=run.reason,
            keep_comments=run.kind == UpkeepKind.ERASE and not run.is_complete,
            fence=held.renew,
            # A number of its own for each portion: of two workers one stops.
            done=_step(held, run.position + 1),
        )
        held.committed()
        if not erased:
            return


WORK: dict[UpkeepKind, Callable[[Held], None]] = {
    UpkeepKind.TRASH: put_all,
    UpkeepKind.RESTORE: restore_all,
    UpkeepKind.ERASE: erase,
    UpkeepKind.EMPTY: erase,
}


def _folder(run: UpkeepRun) -> int:
    # A run over all folders is none of these kinds.
    assert run.folder_id is not None  # noqa: S101
    return run.folder_id


def _is_whole(run: UpkeepRun) -> bool:
    """Whether a manager wants the whole folder erased, which is in the trash."""
    if run.kind != UpkeepKind.ERASE:
        return False
    return TrashedFolder.objects.filter(folder=run.folder_id, to_erase=True).exists()


def _keys(entries: QuerySet[TrashEntry]) -> list[int]:
    return list(entries.order_by("pk").values_list("message_id", flat=True)[: erasing.TOGETHER])


def _to_trash(run: UpkeepRun) -> QuerySet[EmailMessagePage]:
    found: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(
        folder=run.folder_id, trashed=False, pk__lte=run.until
    )
    return found.order_by()


def _entries(run: UpkeepRun) -> QuerySet[TrashEntry]:
    if run.kind == UpkeepKind.EMPTY:
        return trash.due(_folder(run), run.until)
    entries = TrashEntry.objects.filter(folder=run.folder_id)
    if run.kind == UpkeepKind.ERASE:
        return entries.filter(to_erase=True)
    return entries.filter(to_erase=False, pk__lte=run.until)


def _portions(held: Held, together: int) -> Iterator[tuple[int, list[int]]]:
    """Yield (position after them, keys of messages) of the run's entries, in their order."""
    while True:
        left = _entries(held.run).filter(pk__gt=held.run.position).order_by("pk")
        found = list(left.values_list("pk", "message_id")[:together])
        if not found:
            return
        yield found[-1][0], [message for _, message in found]


def _step(held: Held, position: int) -> Callable[[int], None]:
    """Return what counts a batch in its own transaction, so that no death leaves one uncounted."""
    return lambda number: held.advance(position, done=number, problems=0)
