"""How many comments are shown in each of the threads of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import connection
from django.http import HttpRequest
from wagtail.models import Page

from ..models import Comment, CommentState, EmailMessagePage
from ..models.privacy import refused_sql

_LONG = 500  # messages of a thread
# In SQL, because Django takes several times as long to write it as a database to answer it.
_COUNTS: Final = f"""
SELECT message.thread_id, COUNT(*) FROM {Comment._meta.db_table} AS comment
JOIN {EmailMessagePage._meta.db_table} AS message ON message.page_ptr_id = comment.message_id
JOIN {Page._meta.db_table} AS page ON page.id = message.page_ptr_id
WHERE comment.state = %s AND {{thread}} IN ({{places}})
    AND page.live AND NOT message.trashed AND page.id NOT IN ({{refused}})
GROUP BY message.thread_id
"""  # noqa: S608 (the tables' names are ours)


def comment_counts(threads: Mapping[int, int], request: HttpRequest) -> dict[int, int]:
    """Return how many comments are shown in each of `threads` that has some.

    One query. From the ten thousand messages of a long thread to comments the way is far, so that
    those are asked the other way round.

    Args:
        threads: how many messages each has.
        request: only comments on messages that it may read count.
    """
    long = [pk for pk, number in threads.items() if number > _LONG]
    short = [pk for pk, number in threads.items() if number <= _LONG]
    # A sum is found by no index.
    asked = (("message.thread_id", short), ("message.thread_id + 0", long))
    refused, given = refused_sql(request)
    questions: list[str] = []
    values: list[Any] = []
    for thread, keys in asked:
        if keys:
            places = ", ".join(["%s"] * len(keys))
            questions.append(_COUNTS.format(thread=thread, places=places, refused=refused))
            values += [CommentState.SHOWN.value, *keys, *given]
    if not questions:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(questions), values)
        return dict(cursor.fetchall())
