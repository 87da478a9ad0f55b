"""The text inside attachments, as part of what search looks through."""

from __future__ import annotations

from collections.abc import Mapping

from ...models import MessageText
from . import texts

# As far as PostgreSQL indexes it; a tsvector holds 1 MiB.
MAX_TEXT = 100_000  # characters


def set_attachment_text(message_id: int, text: str) -> None:
    """Make a message findable by the text inside its attachments, in place of what was set before.

    Args:
        message_id: the page's key; nothing happens if it has no searchable text (any more).
        text: of all its attachments, one after the other, without NUL and lone surrogates; what
            goes beyond `MAX_TEXT` is cut.

    Raises:
        DatabaseError.
    """
    set_attachment_texts({message_id: text})


def set_attachment_texts(by_message: Mapping[int, str]) -> None:
    """Do `set_attachment_text` for several messages, some hundred at most, in one transaction."""
    found = MessageText.objects.filter(message__in=by_message)
    changed = []
    for row in found.only("subject", "people", "files", "body", "attached"):
        attached = by_message[row.message_id][:MAX_TEXT]
        if row.attached != attached:
            row.attached = attached
            row.cjk = texts.cjk_of(row.subject, row.people, row.files, row.body, attached)
            changed.append(row)
    MessageText.objects.bulk_update(changed, ["attached", "cjk"], batch_size=100)
