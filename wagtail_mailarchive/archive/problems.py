"""What is not as it was archived: noted once, and forgotten when a later check finds it well.

A check that could not be done is noted, too: nobody knows then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from ..exceptions import MailArchiveError
from ..models import (
    ChainEntry,
    EmailFolderPage,
    EmailMessagePage,
    IntegrityProblem,
    LedgerEntry,
    Original,
    Outcome,
    Tombstone,
)
from . import rows

logger = logging.getLogger("wagtail_mailarchive.archive")


@dataclass(frozen=True, slots=True)
class Found:
    """A problem.

    Attributes:
        subject: as in `IntegrityProblem`.
        folder_id: one that holds an original; whoever manages another one is told as well.
    """

    subject: str
    folder_id: int | None
    error: MailArchiveError


def note(found: Iterable[Found]) -> None:
    """Keep what was found; those who have to know are told of what is new."""
    by_subject = {each.subject: each for each in found}
    if not by_subject:
        return
    now = timezone.now()
    inserted = rows.insert(
        IntegrityProblem,
        ("subject", "folder_id", "code", "params", "found_at"),
        [
            (each.subject, each.folder_id, each.error.code, each.error.params, now)
            for _, each in sorted(by_subject.items())
        ],
        unique=("subject",),
        returning=("subject",),
    )
    for (subject,) in inserted:
        logger.error("Mail integrity: %s: %s", subject, by_subject[subject].error)


def settle(subjects: Iterable[str]) -> None:
    """Forget problems with what was found well now."""
    # Nearly always there are none, and then no list of subjects is sent.
    if IntegrityProblem.objects.exists():
        IntegrityProblem.objects.filter(subject__in=list(subjects)).delete()


def settle_gone() -> None:
    """Forget problems with what is not there any more, which no check will look at again."""
    subjects = list(IntegrityProblem.objects.values_list("subject", flat=True))
    settle(_gone(subjects))


def _gone(subjects: Sequence[str]) -> Iterator[str]:
    named = [(subject, *subject.split(" ", 1)) for subject in subjects]
    pages = {subject: int(name) for subject, kind, name in named if kind == "message"}
    there = set(EmailMessagePage.objects.filter(pk__in=pages.values()).values_list("pk", flat=True))
    yield from (subject for subject, key in pages.items() if key not in there)
    for subject, kind, name in named:
        if kind == "chain":
            folder_id, number = map(int, name.split("/"))
            if not ChainEntry.objects.filter(folder_id=folder_id, number=number).exists():
                yield subject
    hashes = {name for _, kind, name in named if kind == "original"}
    hashes -= set(Original.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
    if hashes:
        # A chain may know one whose row is not there: that is the problem.
        chained = ChainEntry.objects.filter(sha256__in=hashes)
        erased = Tombstone.objects.filter(sha256__in=hashes, bytes_kept=False).values("sha256")
        chained = chained.exclude(sha256__in=erased)
        hashes -= set(chained.values_list("sha256", flat=True))
    yield from (f"original {sha256}" for sha256 in hashes)


def concerning(
    problems: QuerySet[IntegrityProblem], folders: QuerySet[EmailFolderPage] | list[EmailFolderPage]
) -> QuerySet[IntegrityProblem]:
    """Return those of `problems` that concern `folders`: an original concerns all that hold it."""
    sha256 = OuterRef("sha256")
    pages = EmailMessagePage.objects.filter(folder__in=folders, original__sha256=sha256)
    entries = LedgerEntry.objects.filter(
        mailbox__folder__in=folders, outcome=Outcome.QUARANTINED, original__sha256=sha256
    )
    named = problems.alias(sha256=Substr("subject", len("original ") + 1))
    return named.filter(Q(folder__in=folders) | Exists(pages) | Exists(entries))
