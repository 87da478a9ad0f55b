"""Messages found by their Message-ID, whatever is in it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client, override_settings
from django.urls import resolve
from wagtail.views import serve

from tests import factories
from tests.reading.test_thread_page import hide
from wagtail_mailarchive.models import EmailFolderPage

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.mark.parametrize(
    "name",
    ["a.b@example.org", "a/b@example.org", "a+b=c%2F@[127.0.0.1]", "plain", "with space@x",
     "ümlaut@example.org", "q?x=1&y#z@x", "ends/", "mid/mid/x@y"],
)  # fmt: skip
def test_every_message_id_leads_to_its_message(folder: EmailFolderPage, name: str) -> None:
    raw = b"Message-ID: <" + name.encode() + b">\n" + factories.raw(Message_ID="")
    (page,) = factories.archive(folder, raw)
    name = page.message_id
    assert name
    client = Client()
    for given in (name, f"<{name}>"):
        response = client.get(f"{folder.url}mid/", {"id": given})
        assert (response.status_code, response.headers["Location"]) == (302, page.url)
    if not name.endswith("/"):
        for given in (quote(name, safe=""), quote(name)):
            response = client.get(f"{folder.url}mid/{given}/")
            assert (response.status_code, response.headers["Location"]) == (302, page.url), given


def test_messages_that_share_a_message_id_are_listed(folder: EmailFolderPage) -> None:
    pages = factories.archive(
        folder, *(factories.raw(f"Copy {n}", Message_ID="<a@example.org>") for n in range(3))
    )
    hide(pages[2])
    text = Client().get(f"{folder.url}mid/a@example.org/").content.decode()
    assert "Copy 0" in text
    assert "Copy 1" in text
    assert "Copy 2" not in text
    hide(pages[1])
    response = Client().get(f"{folder.url}mid/a@example.org/")
    assert response.headers["Location"] == pages[0].url


@pytest.mark.parametrize(
    "route",
    ["mid/", "mid/?id=", "mid/?id=%00", "mid/nobody@example.org/", "mid/nobody/",
     f"mid/?id={'x' * 9000}", "mid/%00@x/", "mid/<>@/"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(folder: EmailFolderPage, route: str) -> None:
    factories.archive(folder, factories.raw())
    assert Client().get(folder.url + route).status_code == 404


def test_a_site_without_our_pattern_has_the_plain_address_alone(folder: EmailFolderPage) -> None:
    (page,) = factories.archive(folder, factories.raw(Message_ID="<a.b@example.org>"))
    with override_settings(ROOT_URLCONF="tests.reading.test_api"):
        response = Client().get(f"{folder.url}mid/", {"id": "a.b@example.org"})
        assert (response.status_code, response.headers["Location"]) == (302, page.url)
        assert Client().get(f"{folder.url}mid/a.b@example.org/").status_code == 404


def test_mail_of_other_folders_is_not_found(folder: EmailFolderPage) -> None:
    factories.archive(factories.folder(), factories.raw(Message_ID="<a@example.org>"))
    assert Client().get(f"{folder.url}mid/a@example.org/").status_code == 404


def test_pages_of_the_site_are_not_hidden() -> None:
    above = factories.workspace("Mid")
    above.slug = "mid"
    above.save()
    below = factories.workspace("Below", parent=above)
    assert resolve(below.url).url_name == "wagtail_serve"
    assert resolve(f"{above.url}mid/a@b/").func is serve
