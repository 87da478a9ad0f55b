"""Whether everything is as it was archived: read back, hashed and compared, batch by batch.

Each check stands on its own, so that it can go on anywhere and a sample is made of the same ones:
an original against its SHA-256, an entry of a chain against the one before, what is stored of a
message against its original, and what a folder holds against its chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from django.db.models import F, Model, QuerySet

from ..exceptions import (
    ChainBroken,
    MailArchiveError,
    NotInChain,
    OriginalDamaged,
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
    Outcome,
)
from . import chain, originals
from .problems import Found

M = TypeVar("M", bound=Model)

# Read between two commits: so much is read again when a worker dies.
_BYTES = 64 * 1024 * 1024
_ORIGINALS = 100
_LINKS = 1000
_MESSAGES = 500
# Of one folder and at once; a check ends long before it has found so many.
_MOST_ARRIVALS = 2000


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
    numbers = (_messages(folder_id), _quarantined(folder_id), _links(folder_id))
    return sum(each.count() for each in numbers) + _messages(folder_id).count() + 1


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


def sample(number: int) -> Iterator[Batch]:
    """Check `number` originals, links of chains and messages each, chosen at random.

    Raises:
        StorageError: a store does not answer.
    """
    yield _checked_links(_some(ChainEntry.objects.all(), number))
    yield _checked_messages([each.pk for each in _some(EmailMessagePage.objects.all(), number)])
    chosen = [(each.pk, each) for each in _some(Original.objects.all(), number)]
    while chosen:
        batch = _originals(chosen)
        yield batch
        del chosen[: batch.number]


def _some(rows: QuerySet[M], number: int) -> Sequence[M]:
    """Return up to `number` rows, all equally likely."""
    keys = list(rows.order_by("?").values_list("pk", flat=True)[:number])
    return list(rows.filter(pk__in=keys))


# -- originals -------------------------------------------------------------------------------


def _next_originals(folder_id: int | None, after: int) -> Batch | None:
    if folder_id is None:
        found = Original.objects.filter(pk__gt=after).order_by("pk")[:_ORIGINALS]
        return _originals([(each.pk, each) for each in found]) if found else None
    # The index of (folder, original) serves this.
    pages = _messages(folder_id).filter(original_id__gt=after).order_by("original_id")
    keys = pages.values_list("original_id", flat=True)[:_ORIGINALS]
    kept = Original.objects.in_bulk(list(keys))
    return _originals(sorted(kept.items())) if kept else None


def _next_quarantined(folder_id: int, after: int) -> Batch | None:
    entries = _quarantined(folder_id).filter(pk__gt=after).select_related("original").order_by("pk")
    found = [(each.pk, each.original) for each in entries[:_ORIGINALS] if each.original]
    return _originals(found) if found else None


def _originals(stored: Sequence[tuple[int, Original]]) -> Batch:
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
    """Return a folder that holds it, whose managers have to know; None if there is none."""
    page: EmailMessagePage | None = (
        EmailMessagePage.objects.filter(original=original).order_by("pk").only("folder_id").first()
    )
    return None if page is None else page.folder_id


def _error_of(original: Original) -> MailArchiveError | None:
    try:
        originals.verify(original)
    except OriginalDamaged as error:
        is_there = originals.is_stored(original)
        return error if is_there else OriginalMissing(sha256=original.sha256)
    except StorageError:
        if originals.is_stored(original):
            raise
        return OriginalMissing(sha256=original.sha256)
    return None


# -- the chain -------------------------------------------------------------------------------


def _next_links(folder_id: int | None, after: int) -> Batch | None:
    entries = ChainEntry.objects.filter(pk__gt=after).order_by("pk")
    if folder_id is not None:
        entries = _links(folder_id).filter(number__gt=after).order_by("number")
    found = list(entries[:_LINKS])
    if not found:
        return None
    batch = _checked_links(found)
    batch.last = found[-1].pk if folder_id is None else found[-1].number
    return batch


def _checked_links(entries: Sequence[ChainEntry]) -> Batch:
    """Compare each entry with the one before, and look whether its original is there."""
    before = _digests_before(entries)
    hashes = {each.sha256 for each in entries}
    there = set(Original.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
    batch = Batch(0, len(entries))
    for entry in entries:
        subject = f"chain {entry.folder_id}/{entry.number}"
        batch.subjects.append(subject)
        if not _follows(entry, before.get((entry.folder_id, entry.number - 1))):
            broken = ChainBroken(folder=entry.folder_id, number=entry.number)
            batch.found.append(Found(subject, entry.folder_id, broken))
        if entry.sha256 not in there:
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
        found = _links(folder_id).filter(number__in=numbers).values_list("number", "digest")
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
        pages = _messages(folder_id).filter(original_id__gt=after).order_by("original_id")
    else:
        pages = pages.order_by("pk")
    found = list(pages.values_list("pk", "original_id")[:_MESSAGES])
    if not found:
        return None
    batch = _checked_messages([pk for pk, _ in found])
    batch.last = found[-1][0] if folder_id is None else found[-1][1]
    return batch


def _checked_messages(keys: Sequence[int]) -> Batch:
    """Compare what is stored of messages with the sizes of their originals."""
    outside = set(
        Attachment.objects.filter(message__in=keys)
        .annotate(end=F("start") + F("length"))
        .filter(end__gt=F("message__original__size"))
        .values_list("message_id", flat=True)
    )
    batch = Batch(0, len(keys))
    pages = EmailMessagePage.objects.filter(pk__in=keys).order_by("pk")
    for key, folder_id, size, structure, whole in pages.values_list(
        "pk", "folder_id", "size", "structure", "original__size"
    ):
        subject = f"message {key}"
        batch.subjects.append(subject)
        parts = [*structure.get("text", []), *structure.get("html", [])]
        is_outside = any(each["start"] + each["length"] > whole for each in parts)
        if size != whole or is_outside or key in outside:
            batch.found.append(Found(subject, folder_id, PartsOutsideOriginal(page=key)))
    return batch


def _next_arrivals(folder_id: int | None, after: int) -> Batch | None:
    folders = EmailFolderPage.objects.filter(pk__gt=after).order_by("pk")
    if folder_id is not None:
        folders = folders.filter(pk=folder_id)
    key = folders.values_list("pk", flat=True).first()
    return None if key is None else _checked_arrivals(key)


def _checked_arrivals(folder_id: int) -> Batch:
    """Look for what the folder holds and its chain does not know."""
    # EXCEPT lets the database sort on its disk, where the folder is large.
    known = _links(folder_id).values_list("sha256")
    held = _messages(folder_id).order_by().values_list("original__sha256")
    # A mailbox may serve another folder by now; that its mail came in is told by either chain.
    quarantined = _quarantined(folder_id).order_by().values_list("original__sha256")
    anywhere = ChainEntry.objects.values_list("sha256")
    lacking = {
        sha256
        for rows in (held.difference(known), quarantined.difference(anywhere))
        for (sha256,) in rows[:_MOST_ARRIVALS]
    }
    prefix = f"arrival {folder_id}/"
    problems = IntegrityProblem.objects.filter(subject__startswith=prefix)
    batch = Batch(folder_id, 1, subjects=list(problems.values_list("subject", flat=True)))
    for sha256 in sorted(lacking):
        error = NotInChain(folder=folder_id, sha256=sha256)
        batch.found.append(Found(f"{prefix}{sha256}", folder_id, error))
    return batch


# -- of one folder ---------------------------------------------------------------------------


def _messages(folder_id: int) -> QuerySet[EmailMessagePage]:
    pages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(folder_id=folder_id)
    return pages


def _quarantined(folder_id: int) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(
        mailbox__folder_id=folder_id, outcome=Outcome.QUARANTINED, original__isnull=False
    )


def _links(folder_id: int) -> QuerySet[ChainEntry]:
    return ChainEntry.objects.filter(folder_id=folder_id)
