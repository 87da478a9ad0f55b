"""What a page takes of the database does not grow with its folder, whatever a plan looks like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.db import connection
from django.test import Client
from wagtail.models import PageViewRestriction

from tests import factories
from tests.plans import counted_steps
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone counts instructions"),
]

ADDRESSES = [
    *("", "?view=date", "?view=sender", "?view=date&month=2026-03", "?month=2026-03"),
    *("?from=w2@example.org", "?view=date&from=w2@example.org", "?has=attachment"),
    *("attachments/", "attachments/?view=list", "feed/"),
    *("thread/{thread}/", "thread/{thread}/mbox/", "thread/{thread}/feed/"),
    *("{message}/", "{message}/headers/", "{message}/original/", "{message}/annotations/json/"),
    *("mid/5%40example.org/", "notes/"),
]


def test_pages_ask_no_more_of_the_database_in_a_folder_three_times_as_large(client: Client) -> None:
    folder = factories.folder()
    archived = _archive(folder, range(300))
    PageViewRestriction.objects.create(page=archived[7].page_ptr, restriction_type="login")
    there = archived[5]
    addresses = [
        folder.url + each.format(thread=there.thread_id, message=there.slug) for each in ADDRESSES
    ]
    small = [_steps(client, each) for each in addresses]
    for start in (300, 600):
        _archive(folder, range(start, start + 300))
    large = [_steps(client, each) for each in addresses]
    grown = {
        address: (before, after)
        for address, before, after in zip(addresses, small, large, strict=True)
        if after > before * 1.5 + 15
    }
    assert grown == {}


def _archive(folder: EmailFolderPage, numbers: range) -> list[EmailMessagePage]:
    """Archive threads of four, by three writers in turn, an hour apart."""
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    raws = []
    for number in numbers:
        headers = {
            "From": f"Writer <w{number % 3}@example.org>",
            "Date": format_datetime(begin + timedelta(hours=number)),
            "Message_ID": f"<{number}@example.org>",
        }
        if number % 4:
            headers["In_Reply_To"] = f"<{number - 1}@example.org>"
        raws.append(factories.raw(f"Number {number - number % 4}", **headers))
    return factories.archive(folder, *raws)


def _steps(client: Client, address: str) -> int:
    """Return hundreds of instructions, of a page whose caches are filled."""
    for _ in range(2):
        with counted_steps() as counted:
            response = client.get(address, follow=True)
            assert response.status_code == 200, address
            list(response)
    return counted.taken
