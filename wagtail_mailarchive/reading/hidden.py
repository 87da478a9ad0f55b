"""The few messages of a folder that one reader may not be told of, and what they counted for.

What is counted while archiving counts for everybody. Whoever shows a number, a name or a date that
such a message has part in takes it off for this reader.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest

from ..archive.partial_indexes import condition_of
from ..models import EmailMessagePage, MessageText, Thread
from ..models.privacy import refused_pages, refused_sql
from ..models.raw_values import from_database

# In SQL, because Django takes many times as long to write it as a database to answer it. Two sets,
# because each has an index to find its few rows; a condition with OR walks the folder.
_OF_MESSAGES: Final = f"""
SELECT message.page_ptr_id, text.id, message.thread_id, message.listed, message.sorted_at,
    text.sender, text.list_id, text.has_attachment, thread.last_at
FROM {EmailMessagePage._meta.db_table} AS message
LEFT JOIN {MessageText._meta.db_table} AS text ON text.message_id = message.page_ptr_id
LEFT JOIN {Thread._meta.db_table} AS thread ON thread.id = message.thread_id
WHERE"""  # noqa: S608 (the tables' names are ours)
# With "+ 0" the refused pages are looked up, and not looked for in all of the folder: without
# statistics, which nobody makes for SQLite, it takes these for more than the folder holds.
_HIDDEN: Final = f"""
{_OF_MESSAGES} message.folder_id = %s AND {{is_unlisted}}
UNION ALL
{_OF_MESSAGES} message.page_ptr_id IN ({{refused}}) AND message.folder_id + 0 = %s
    AND message.listed"""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A message that a reader may not be told of.

    Attributes:
        pk: its page.
        text_id: its `MessageText`; None if it has none.
        listed: it is published, and so is part of its thread's summary.
        thread_last_at: of its thread, as summarised; None if it is in none.
    """

    pk: int
    text_id: int | None
    thread_id: int | None
    listed: bool
    sorted_at: datetime
    sender: str | None
    list_id: str | None
    has_attachment: bool | None
    thread_last_at: datetime | None


def hidden_messages(folder_id: int, request: HttpRequest) -> list[Hidden]:
    """Return what `request` may not be told of in a folder that it may read (one query).

    That is what `models.privacy.readable` leaves out; what is in the trash is not among it, because
    that is counted nowhere.
    """
    refused, given = refused_sql(request)
    is_unlisted = condition_of(EmailMessagePage, "mailarchive_unlisted", "message")
    asked = _HIDDEN.format(is_unlisted=is_unlisted, refused=refused)
    with connection.cursor() as cursor:
        cursor.execute(asked, [folder_id, *given, folder_id])
        return [Hidden(*map(from_database, values)) for values in cursor.fetchall()]


def readable_texts(folder_id: int, request: HttpRequest) -> QuerySet[MessageText]:
    """Return the texts of what `request` may be told of in a folder that it may read."""
    texts = MessageText.objects.filter(folder=folder_id, message__live=True)
    return texts.exclude(message__in=refused_pages(request))


def any_of(values: Collection[int] | Collection[str]) -> Any:
    """Return what stands behind `__in` for as many values as may be hidden.

    SQLite takes 32,766 one by one, as it is built by default, but any number as one text.
    """
    if connection.vendor != "sqlite":
        return list(values)
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(list(values))])
