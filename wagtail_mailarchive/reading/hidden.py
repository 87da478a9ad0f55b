"""The few messages of a folder that one reader may not be told of, and what they counted for.

What is counted while archiving counts for everybody. Whoever shows a number, a name or a date that
such a message has part in takes it off for this reader.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest

from ..models import MessageText
from ..models.privacy import refused_pages
from .privacy import unlisted


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
    """Return what `request` may not be told of in a folder that it may read (one query)."""
    first, *others = (
        messages.order_by().values_list(
            "pk",
            "text_entry__id",
            "thread_id",
            "listed",
            "sorted_at",
            "text_entry__sender",
            "text_entry__list_id",
            "text_entry__has_attachment",
            "thread__last_at",
        )
        for messages in unlisted(folder_id, request)
    )
    return [Hidden(*values) for values in first.union(*others, all=True)]


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
