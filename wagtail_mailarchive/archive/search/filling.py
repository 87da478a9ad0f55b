"""What the index says of messages that are there already, brought up to date.

A rebuild does it, for what later versions say better.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ...models import Attachment, EmailMessagePage, MessageText
from .. import rows
from . import marks, texts

_CHANGED = ("id", *texts.COLUMNS[texts.COLUMNS.index("folder_id") : texts.ATTACHED])
_VALUES = ("folder_id", "size", "attachment_count", "sender_address", "list_id", "addresses")


def fill(*, after: int | None, most: int) -> list[int]:
    """Fill in the columns of up to `most` texts behind the key `after`; return their keys."""
    found = MessageText.objects.order_by("pk")
    if after is not None:
        found = found.filter(pk__gt=after)
    names_read = ("pk", "message_id", "subject", "people", "body", "attached", *_CHANGED[1:])
    read = list(found.values(*names_read)[:most])
    messages = EmailMessagePage.objects.filter(pk__in=[each["message_id"] for each in read])
    values = {each["pk"]: each for each in messages.order_by().values("pk", *_VALUES)}
    names: defaultdict[int, list[str]] = defaultdict(list)
    attachments = Attachment.objects.filter(message__in=values)
    for message_id, name in attachments.order_by("message_id", "position").values_list(
        "message_id", "filename"
    ):
        names[message_id].append(name)
    changed = []
    for each in read:
        key = each["message_id"]
        row = _row(each, values[key], texts.file_names(names[key]))
        # Writing a row has the index write all of its words.
        if row[1:] != [each[name] for name in _CHANGED[1:]]:
            changed.append(row)
    rows.update(MessageText, _CHANGED, changed)
    return [each["pk"] for each in read]


def _row(text: dict[str, Any], values: dict[str, Any], files: str) -> list[Any]:
    return [
        text["pk"],
        values["folder_id"],
        values["size"],
        bool(values["attachment_count"]),
        values["sender_address"].lower(),
        values["list_id"],
        files,
        marks.with_tags(texts.marks_of(values, text["subject"], files), text["marks"]),
        texts.cjk_of(text["subject"], text["people"], files, text["body"], text["attached"]),
    ]
