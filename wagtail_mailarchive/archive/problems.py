"""What is not as it was archived: noted once, and forgotten when a later check finds it well."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from ..exceptions import MailArchiveError
from ..models import IntegrityProblem
from . import rows

logger = logging.getLogger("wagtail_mailarchive.archive")


@dataclass(frozen=True, slots=True)
class Found:
    """A problem.

    Attributes:
        subject: as in `IntegrityProblem`.
        folder_id: None for an original, which many folders may hold.
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
        logger.error("Not as archived: %s: %s", subject, by_subject[subject].error)


def settle(subjects: Iterable[str]) -> None:
    """Forget problems with what was found well now."""
    # Nearly always there are none, and then no list of subjects is sent.
    if IntegrityProblem.objects.exists():
        IntegrityProblem.objects.filter(subject__in=list(subjects)).delete()
