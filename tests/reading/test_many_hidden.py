"""A folder of which a reader may not see most: its pages ask for no more at once than is taken."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageViewRestriction

from tests import factories
from tests.archive.test_facets import came_by
from tests.plans import walks_over_messages

pytestmark = pytest.mark.django_db

AT_ONCE = 110  # instead of the 32,766 of SQLite's default


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others take any number")
@pytest.mark.parametrize("view", ["thread", "date", "sender"])
def test_more_may_be_hidden_than_the_database_takes_values(client: Client, view: str) -> None:
    folder = factories.folder()
    senders = [f"Writer {number} <w{number}@example.org>" for number in range(AT_ONCE + 20)]
    account = factories.account(folder)
    came_by(account, "INBOX", *(factories.raw(From=each) for each in senders))
    messages = list(folder.messages.order_by("pk"))
    PageViewRestriction.objects.bulk_create(
        PageViewRestriction(page=each.page_ptr, restriction_type=PageViewRestriction.LOGIN)
        for each in messages[2:]
    )
    usual = connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, AT_ONCE)
    try:
        shown: Any = client.get(folder.url, {"view": view})
    finally:
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, usual)
    assert shown.status_code == 200
    assert len(shown.context["rows"]) == shown.context["total"] == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others plan by how many rows there are")
@pytest.mark.parametrize(
    "address",
    [
        *("", "?view=date", "?view=sender", "?month=2026-03", "?from=ada@example.org&before=9"),
        *("attachments/", "attachments/?view=list", "feed/", "?q=word&order=relevance"),
        *("?q=word", "?q=word&before=99999999999999999", "thread/{thread}/", "{message}/"),
        *("thread/{thread}/mbox/", "thread/{thread}/feed/", "mid/5%40example.org/"),
    ],
)
def test_no_page_looks_at_all_messages_of_a_folder(client: Client, address: str) -> None:
    """Without statistics SQLite takes a folder for smaller than a page's keys, or refused ones."""
    folder = factories.folder()
    thread = [
        factories.raw(
            f"Number {number}",
            "One word.\n",
            Message_ID=f"<{number}@example.org>",
            **({"In_Reply_To": f"<{number - 1}@example.org>"} if number % 40 else {}),
        )
        for number in range(60)
    ]
    pages = factories.archive(folder, *thread)
    for page in pages[:30:10]:
        PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="login")
    there = pages[5]
    address = folder.url + address.format(thread=there.thread_id, message=there.slug)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address, follow=True)
        assert response.status_code == 200
        list(response)
    assert [each for each in walks_over_messages(captured) if "LIMIT" not in each] == []
