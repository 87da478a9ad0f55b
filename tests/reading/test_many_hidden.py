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
    "address", ["", "?view=sender", "attachments/", "?q=word", "?q=word&order=relevance", "feed/"]
)
def test_what_is_private_is_looked_up_and_not_looked_for_in_the_folder(
    client: Client, address: str
) -> None:
    folder = factories.folder()
    pages = factories.archive(folder, *(factories.raw(f"{n}", "One word.\n") for n in range(3)))
    PageViewRestriction.objects.create(page=pages[0].page_ptr, restriction_type="login")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(folder.url + address).status_code == 200
    assert [each for each in walks_over_messages(captured) if "LIMIT" not in each] == []
