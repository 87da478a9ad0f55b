"""What is in attachments: noted as waiting with the message, read later, forgotten with the last.

One row stands for all attachments of one SHA-256, so that a file that was sent a thousand times is
read once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef

from ..models import Attachment, AttachmentContent, ContentState
from . import rows
from .bulk_deletion import delete_rows

_NEW = ("sha256", "state", "text", "picture", "width", "height", "read_by")


def await_reading(hashes: Iterable[str]) -> None:
    """Note contents that are new here as waiting, in the present transaction.

    In order of SHA-256, so that two writers cannot wait for each other.
    """
    waiting = ContentState.WAITING.value
    new = [(sha256, waiting, "", b"", 0, 0, 0) for sha256 in sorted(set(hashes))]
    rows.insert(AttachmentContent, _NEW, new, unique=("sha256",))


def forget_unused(hashes: Collection[str]) -> None:
    """Delete of these contents those that no attachment has any more."""
    if not hashes:
        return
    attached = Attachment.objects.filter(sha256=OuterRef("sha256"))
    unused = AttachmentContent._base_manager.filter(~Exists(attached), sha256__in=list(hashes))
    delete_rows(unused)
