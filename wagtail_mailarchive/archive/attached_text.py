"""The text inside attachments, where search looks for it: beside each message that has them.

A content is read once, and later the same file comes with other messages. Whoever archives one
takes over what is known by then, and holds what is still being read until it is archived; whoever
has read it keeps that first and only then looks for the messages. So none falls between the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Left

from ..models import Attachment, AttachmentContent, ContentState
from .search.contents import MAX_TEXT, set_attachment_texts

# Messages whose texts are set in one transaction, and held in memory meanwhile.
TOGETHER = 50

_HOLD = f"""
    SELECT id FROM {AttachmentContent._meta.db_table}
    WHERE sha256 = ANY(%s) AND state = '{ContentState.WAITING.value}'
    ORDER BY sha256 FOR SHARE
"""  # noqa: S608 (the table's name and the state are ours)


def known(hashes: Collection[str]) -> dict[str, str]:
    """Return the texts of contents, as far as they are read, by SHA-256.

    Those still waiting are held until the present transaction ends.
    """
    if not hashes:
        return {}
    # SQLite has one writer at a time.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_HOLD, [list(hashes)])
    return dict(_texts(hashes))


def joined(hashes: Iterable[str], texts: dict[str, str]) -> str:
    """Return the text of a message's attachments, cut as search keeps it."""
    found = [texts[each] for each in dict.fromkeys(hashes) if each in texts]
    return "\n".join(found)[:MAX_TEXT]


def of_messages(messages: Collection[int]) -> dict[int, str]:
    """Return the text of all attachments of each message."""
    attached: defaultdict[int, list[str]] = defaultdict(list)
    rows = Attachment.objects.filter(message__in=messages).order_by("message_id", "position")
    for message_id, sha256 in rows.values_list("message_id", "sha256"):
        attached[message_id].append(sha256)
    texts = known({each for hashes in attached.values() for each in hashes})
    return {each: joined(attached[each], texts) for each in messages}


def index(messages: Collection[int]) -> None:
    """Have messages found by what is in their attachments now."""
    if messages:
        set_attachment_texts(of_messages(messages))


def having(sha256: str, *, after: int = 0) -> list[int]:
    """Return the next `TOGETHER` keys of messages that have such an attachment, in order."""
    attached = Attachment.objects.filter(sha256=sha256, message__gt=after)
    keys = attached.order_by("message_id").values_list("message_id", flat=True).distinct()
    return list(keys[:TOGETHER])


def _texts(hashes: Collection[str]) -> QuerySet[AttachmentContent, tuple[str, str]]:
    with_text = AttachmentContent.objects.filter(sha256__in=list(hashes)).exclude(text="")
    return with_text.values_list("sha256", Left("text", MAX_TEXT))
