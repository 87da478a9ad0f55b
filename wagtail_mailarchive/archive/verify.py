"""Whether everything is as it was archived: read back, hashed and compared, batch by batch.

Each check stands on its own, so that it can go on anywhere and a sample is made of the same ones:
an original against its SHA-256, an entry of a chain against the one before, what is stored of a
message against its original, and what a folder holds against its chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from django.db.models import F, QuerySet

from ..exceptions import (
    ChainBroken,
    MailArchiveError,
    MessageWithoutOriginal,
    NotHeld,
    NotInChain,
    OriginalMissing,
    PartsOutsideOriginal,
    StorageError,
)
from ..models import (
    Attachment,
    ChainEntry,
    EmailFolderPage,
    EmailMessagePage,
    IntegrityProblem,
    LedgerEntry,
    Original,
    Tombstone,
)
from . import arrivals, blame, chain, originals
from .arrivals import links_of, messages_of, quarantined_of
from .problems import Found

# Read between two commits: so much is read again when a worker dies.
_BYTES = 64 * 1024 * 1024
_ORIGINALS = 100
_LINKS = 1000
_MESSAGES = 500


class Step(IntEnum):
    """In the order in which they are checked."""

    ORIGINALS = 0
    QUARANTINED = 1  # originals without a page; of one folder only, they are among the former
    LINKS = 2
    MESSAGES = 3
    ARRIVALS = 4


@dataclass(slots=True)
class Batch:
    """What was checked.

    Attributes:
        last: where the next batch goes on.
        number: of originals, links, messages or folders.
        size: bytes of originals.
        subjects: what was looked at; that which is not among `found` is well.
    """

    last: int
    number: int
    size: int = 0
    subjects: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)

    def well(self) -> set[str]:
        return set(self.subjects) - {each.subject for each in self.found}


def total(folder_id: int | None) -> int:
    """Return how many things a check of one folder, or of all, looks at."""
    if folder_id is None:
        counted = (Original, ChainEntry, EmailMessagePage, EmailFolderPage)
        return sum(model.objects.count() for model in counted)
    numbers = (messages_of(folder_id), quarantined_of(folder_id), links_of(folder_id))
    return sum(each.count() for each in numbers) + messages_of(folder_id).count() + 1


def next_batch(step: Step, folder_id: int | None, after: int) -> Batch | None:
    """Check what comes after the key `after`; None at the end of the step.

    Args:
        folder_id: of one folder only; None for all.

    Raises:
        StorageError: a store does not answer, so nothing can be said of what it holds.
    """
    if step is Step.ORIGINALS:
        return _next_originals(folder_id, after)
    if step is Step.QUARANTINED:
        return None if folder_id is None else _next_quarantined(folder_id, after)
    if step is Step.LINKS:
        return _next_links(folder_id, after)
    if step is Step.MESSAGES:
        return _next_messages(folder_id, after)
    return _next_arrivals(folder_id, after)


def batches(step: Step, folder_id: int | None, after: int) -> Iterator[Batch]:
    """Check all that comes after the key `after`; arguments and errors as for `next_batch`."""
    while batch := next_batch(step, folder_id, after):
        after = batch.last
        yield batch


# -- originals -------------------------------------------------------------------------------


def _next_originals(folder_id: int | None, after: int) -> Batch | None:
    if folder_id is None:
        found = Original.objects.filter(pk__gt=after).order_by("pk")[:_ORIGINALS]
        return check_originals([(each.pk, each) for each in found]) if found else None
    # The index of (folder, original) serves this.
    pages = messages_of(folder_id).filter(original_id__gt=after).order_by("original_id")
    keys = list(pages.values_list("original_id", flat=True)[:_ORIGINALS])
    if not keys:
        return None
    kept = Original.objects.in_bulk(keys)
    # Those whose row is not there are told of with their messages.
    return check_originals(sorted(kept.items())) if kept else Batch(keys[-1], 0)


def _next_quarantined(folder_id: int, after: int) -> Batch | None:
    entries = quarantined_of(folder_id).filter(pk__gt=after).order_by("pk")
    chosen = entries.select_related("original")[:_ORIGINALS]
    found = [(each.pk, each.original) for each in chosen if each.original]
    return check_originals(found) if found else None


def check_originals(stored: Sequence[tuple[int, Original]]) -> Batch:
    """Read and hash what `stored` holds by key, as far as is read between two commits."""
    batch = Batch(0, 0)
    for key, original in stored:
        subject = f"original {original.sha256}"
        error = _error_of(original)
        if error is not None:
            batch.found.append(Found(subject, _folder_of(original), error))
        batch.subjects.append(subject)
        batch.last = key
        batch.number += 1
        batch.size += original.size
        if batch.size > _BYTES:
            break
    return batch


def _folder_of(original: Original) -> int | None:
    """Return a folder that holds it, to be named; None if there is none."""
    pages = EmailMessagePage.objects.filter(original=original).order_by("pk")
    entries = LedgerEntry.objects.filter(original=original).order_by("pk")
    found: tuple[int] | None = (
        pages.values_list("folder_id").first() or entries.values_list("mailbox__folder_id").first()
    )
    return found[0] if found else None


def _error_of(original: Original) -> MailArchiveError | None:
    try:
        originals.verify(original)
    except StorageError as error:
        return blame.error_of(original, error)
    return None


# -- the chain -------------------------------------------------------------------------------


def _next_links(folder_id: int | None, after: int) -> Batch | None:
    entries = ChainEntry.objects.filter(pk__gt=after).order_by("pk")
    if folder_id is not None:
        entries = links_of(folder_id).filter(number__gt=after).order_by("number")
    found = list(entries[:_LINKS])
    if not found:
        return None
    batch = check_links(found)
    batch.last = found[-1].pk if folder_id is None else found[-1].number
    return batch


def check_links(entries: Sequence[ChainEntry]) -> Batch:
    """Compare each entry with the one before, and look whether its original is there."""
    before = _digests_before(entries)
    hashes = {each.sha256 for each in entries}
    there = set(Original.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
    # A chain goes on saying what came in; what was erased since is missing rightly.
    stones = Tombstone.objects.filter(sha256__in=hashes - there, bytes_kept=False)
    erased = set(stones.values_list("sha256", flat=True)) if hashes - there else set()
    batch = Batch(0, len(entries))
    for entry in entries:
        subject = f"chain {entry.folder_id}/{entry.number}"
        batch.subjects.append(subject)
        if not _follows(entry, before.get((entry.folder_id, entry.number - 1))):
            broken = ChainBroken(folder=entry.folder_id, number=entry.number)
            batch.found.append(Found(subject, entry.folder_id, broken))
        if entry.sha256 not in there and entry.sha256 not in erased:
            missing = OriginalMissing(sha256=entry.sha256)
            batch.found.append(Found(f"original {entry.sha256}", entry.folder_id, missing))
    return batch


def _digests_before(entries: Iterable[ChainEntry]) -> dict[tuple[int, int], str]:
    """Return (folder, number) -> digest of the entries before these."""
    known = {(each.folder_id, each.number): each.digest for each in entries}
    asked: dict[int, list[int]] = {}
    for folder_id, number in known:
        if number > 1 and (folder_id, number - 1) not in known:
            asked.setdefault(folder_id, []).append(number - 1)
    for folder_id, numbers in asked.items():
        found = links_of(folder_id).filter(number__in=numbers).values_list("number", "digest")
        known |= {(folder_id, number): digest for number, digest in found}
    return known


def _follows(entry: ChainEntry, before: str | None) -> bool:
    if entry.number == 1:
        before = chain.BEGINNING
    if before is None:
        return False
    digest = chain.digest_of(before, entry.number, entry.sha256, entry.archived_at, entry.mailbox)
    return digest == entry.digest


# -- messages --------------------------------------------------------------------------------


def _next_messages(folder_id: int | None, after: int) -> Batch | None:
    pages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(pk__gt=after)
    if folder_id is not None:
        pages = messages_of(folder_id).filter(original_id__gt=after).order_by("original_id")
    else:
        pages = pages.order_by("pk")
    found = list(pages.values_list("pk", "original_id")[:_MESSAGES])
    if not found:
        return None
    batch = check_messages([pk for pk, _ in found])
    batch.last = found[-1][0] if folder_id is None else found[-1][1]
    return batch


def check_messages(keys: Sequence[int]) -> Batch:
    """Compare what is stored of messages with the sizes of their originals."""
    outside = set(
        Attachment.objects.filter(message__in=keys)
        .annotate(end=F("start") + F("length"))
        .filter(end__gt=F("message__original__size"))
        .values_list("message_id", flat=True)
    )
    batch = Batch(0, len(keys))
    joined = set()
    pages = EmailMessagePage.objects.filter(pk__in=keys).order_by("pk")
    for key, folder_id, size, structure, whole in pages.values_list(
        "pk", "folder_id", "size", "structure", "original__size"
    ):
        subject = f"message {key}"
        joined.add(key)
        batch.subjects.append(subject)
        parts = [*structure.get("text", []), *structure.get("html", [])]
        is_outside = any(each["start"] + each["length"] > whole for each in parts)
        if size != whole or is_outside or key in outside:
            batch.found.append(Found(subject, folder_id, PartsOutsideOriginal(page=key)))
    # The join leaves out a page whose original's row is not there.
    if left := set(keys) - joined:
        for key, folder_id in pages.filter(pk__in=left).values_list("pk", "folder_id"):
            without = MessageWithoutOriginal(page=key)
            batch.found.append(Found(f"message {key}", folder_id, without))
    return batch


def _next_arrivals(folder_id: int | None, after: int) -> Batch | None:
    folders = EmailFolderPage.objects.filter(pk__gt=after).order_by("pk")
    if folder_id is not None:
        folders = folders.filter(pk=folder_id)
    key = folders.values_list("pk", flat=True).first()
    return None if key is None else _checked_arrivals(key)


def _checked_arrivals(folder_id: int) -> Batch:
    """Look for what the folder holds and its chain does not know, and the other way round."""
    prefix = f"arrival {folder_id}/"
    problems = IntegrityProblem.objects.filter(subject__startswith=prefix)
    batch = Batch(folder_id, 1, subjects=list(problems.values_list("subject", flat=True)))
    for hashes, kind in (
        (arrivals.not_chained(folder_id), NotInChain),
        (arrivals.not_held(folder_id), NotHeld),
    ):
        for sha256 in sorted(hashes):
            error = kind(folder=folder_id, sha256=sha256)
            batch.found.append(Found(f"{prefix}{sha256}", folder_id, error))
    return batch
