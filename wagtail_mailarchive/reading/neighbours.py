"""The messages before and after one, in its folder and in its thread, that the reader may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpRequest
from wagtail.models import Page

from ..archive.partial_indexes import condition_of
from ..models import EmailMessagePage
from ..models.privacy import refused_pages
from ..models.shown_message import shown_sender, shown_subject
from .addresses import message_address

# One step along an index. Of the conditions the first alone is what that can use.
_STEP = """
SELECT * FROM (
    SELECT '{name}', page.slug, message.subject, message.sender_name, message.sender_address
    FROM {messages} message JOIN {pages} page ON page.id = message.page_ptr_id
    WHERE message.{within} = %s AND message.sorted_at {beyond}= %s
        AND (message.sorted_at {beyond} %s OR message.page_ptr_id {beyond} %s)
        AND page.live AND {is_kept} AND message.page_ptr_id NOT IN ({refused})
    ORDER BY message.sorted_at {order}, message.page_ptr_id {order}
    LIMIT 1
) AS {name}"""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Attributes: subject, sender: to be told apart by; address: of its page."""

    subject: str
    sender: str
    address: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Each is None at an end."""

    newer: Neighbour | None = None
    older: Neighbour | None = None
    thread_previous: Neighbour | None = None
    thread_next: Neighbour | None = None


def neighbours(page: EmailMessagePage, request: HttpRequest, folder_address: str) -> Neighbours:
    """Return the neighbours by date (one query; Django took most of the page's time for four)."""
    steps = [("newer", "folder_id", ">"), ("older", "folder_id", "<")]
    if page.thread_id is not None:
        steps += [("thread_previous", "thread_id", "<"), ("thread_next", "thread_id", ">")]
    refused = refused_pages(request)
    moment = connection.ops.adapt_datetimefield_value(page.sorted_at)
    queries: list[str] = []
    values: list[Any] = []
    for name, within, beyond in steps:
        queries.append(
            _STEP.format(
                name=name,
                messages=EmailMessagePage._meta.db_table,
                pages=Page._meta.db_table,
                within=within,
                beyond=beyond,
                order="ASC" if beyond == ">" else "DESC",
                is_kept=condition_of(EmailMessagePage, "mailarchive_newest_first", "message"),
                refused=refused.sql,
            )
        )
        values += [getattr(page, within), moment, moment, page.pk, *refused.params]
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries), values)
        for name, slug, subject, sender_name, sender_address in cursor:
            found[name] = Neighbour(
                shown_subject(subject),
                shown_sender(sender_name, sender_address),
                message_address(folder_address, slug),
            )
    return Neighbours(**found)
