"""Asking the site's own code whether a message is to become a page; see `signals`."""

from __future__ import annotations

from dataclasses import dataclass

from ..exceptions import ExcludedBySite, ExclusionUndecided
from ..mime.message import ParsedMessage
from ..models import MailAccount
from ..signals import before_archiving


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that is about to become a page.

    Attributes:
        account: None if it was removed since the message was fetched.
        sha256, size: of its original.
    """

    account: MailAccount | None
    folder_id: int
    sha256: str
    size: int
    message: ParsedMessage


def is_asked() -> bool:
    """Whether anybody wants to be asked; else nothing needs to be prepared for it."""
    return bool(before_archiving.has_listeners(MailAccount))


def objection(candidate: Candidate) -> ExcludedBySite | ExclusionUndecided | None:
    """Return what keeps `candidate` out of the archive, or None.

    A receiver that fails must not let in what it would have kept out, nor stop other messages:
    Django logs its error, and the message stays where it is.
    """
    answers = before_archiving.send_robust(
        sender=MailAccount,
        account=candidate.account,
        folder_id=candidate.folder_id,
        message=candidate.message,
        sha256=candidate.sha256,
        size=candidate.size,
    )
    errors = [answer for _, answer in answers if isinstance(answer, Exception)]
    for error in errors:
        if isinstance(error, ExcludedBySite):
            return error
    return ExclusionUndecided() if errors else None
