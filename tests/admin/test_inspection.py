"""What the inspection view shows of a message, to whom, and at what price."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage


def raw_with_attachment() -> bytes:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "Charles Babbage <charles@example.org>"
    message["Cc"] = "grace@example.org"
    message["Date"] = "Thu, 05 Mar 2026 14:30:00 -0800"
    message["Message-ID"] = "<inspected@example.org>"
    message["Subject"] = "Engine <b>drawings</b>"
    message.set_content("See the <drawings>.\n")
    message.add_alternative("<p>See the <b>drawings</b>.</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes()


RAW = raw_with_attachment()


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def message(folder: EmailFolderPage) -> EmailMessagePage:
    return factories.archive(folder, RAW)[0]


def inspect(client: Client, message: EmailMessagePage) -> str:
    response = client.get(reverse("wagtailadmin_pages:edit", args=[message.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_shows_headers_text_hashes_and_ledger(boss: Client, message: EmailMessagePage) -> None:
    html = inspect(boss, message)
    attachment = message.attachments.get()
    entry = message.entries.get()
    for shown in (
        "Ada &lt;ada@example.org&gt;",
        "Charles Babbage &lt;charles@example.org&gt;",
        "grace@example.org",
        "inspected@example.org",
        "2026-03-05 14:30:00 -0800",
        "See the &lt;drawings&gt;.",
        message.original.sha256,
        attachment.sha256,
        "a.pdf",
        str(entry),
        "factory",
    ):
        assert shown in html
    assert "<b>drawings" not in html


def test_files_and_html_come_from_the_routes_that_obey_privacy(
    boss: Client, message: EmailMessagePage
) -> None:
    html = inspect(boss, message)
    page = message.get_url()
    addresses = [f"{page}original/", f"{page}body/", f"{page}attachment/0/"]
    for address in addresses:
        assert f'"{address}"' in html
        assert boss.get(address).status_code == 200
    assert b"".join(boss.get(addresses[0])) == RAW
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in html


def test_an_unpublished_folder_offers_no_files(
    boss: Client, folder: EmailFolderPage, message: EmailMessagePage
) -> None:
    folder.live = False
    folder.save()
    html = inspect(boss, message)
    assert "See the &lt;drawings&gt;." in html
    assert "original/" not in html
    assert "The folder is not published" in html


def test_there_is_nothing_to_save(boss: Client, message: EmailMessagePage) -> None:
    html = inspect(boss, message)
    main = html[html.index("<main") :]
    assert 'name="action-publish"' not in html
    assert "<textarea" not in main
    assert 'type="submit"' not in main


def test_privacy_is_the_one_thing_offered(boss: Client, message: EmailMessagePage) -> None:
    html = inspect(boss, message)
    assert reverse("wagtailadmin_pages:set_privacy", args=[message.pk]) in html
    for view in ("copy", "delete", "move", "unpublish", "lock", "unlock", "usage", "history"):
        assert reverse(f"wagtailadmin_pages:{view}", args=[message.pk]) not in html
    assert "ordering=ord" not in html


@pytest.mark.parametrize("permission", ["change", "publish"])
def test_editors_of_the_folder_may_inspect(permission: str, message: EmailMessagePage) -> None:
    editor = user_with(message.folder.get_parent(), permission)
    assert "inspected@example.org" in inspect(browser_of(editor), message)


def test_editors_of_other_folders_may_not(message: EmailMessagePage) -> None:
    stranger = user_with(factories.workspace(), "add", "change", "publish")
    address = reverse("wagtailadmin_pages:edit", args=[message.pk])
    response = browser_of(stranger).get(address)
    assert response.status_code == 302
    assert response.headers["Location"] == "/admin/"


def test_readers_without_the_admin_may_not(message: EmailMessagePage) -> None:
    address = reverse("wagtailadmin_pages:edit", args=[message.pk])
    for client in (Client(), browser_of(factories.user())):
        response = client.get(address)
        assert response.status_code == 302
        assert b"inspected@example.org" not in response.content


def test_a_message_without_anything_can_be_inspected(boss: Client, folder: EmailFolderPage) -> None:
    empty = factories.archive(folder, b"\n")[0]
    html = inspect(boss, empty)
    assert "(no subject)" in html
    assert "This message has no text." in html


def test_the_number_of_queries_does_not_grow_with_the_folder(
    boss: Client, folder: EmailFolderPage, message: EmailMessagePage
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            inspect(boss, message)
        return len(captured)

    queries()
    few = queries()
    factories.archive(folder, *(factories.raw(f"Message {number}") for number in range(20)))
    assert queries() == few <= 40
