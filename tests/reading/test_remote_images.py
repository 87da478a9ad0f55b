"""Images from the internet: only for whom asked, only then, and never by a link."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import EmailMessagePage
from wagtail_mailarchive.reading import remote_images

pytestmark = pytest.mark.django_db

BLOCKED = "Images from the internet are blocked, because they tell the sender that you read this."


@pytest.fixture
def page() -> EmailMessagePage:
    return factories.archive(factories.folder(), mail.html())[0]


def member() -> Client:
    client = Client()
    client.force_login(factories.user())
    return client


def frame(client: Client, page: EmailMessagePage) -> str:
    """The frame's address after a click on "Show images"."""
    text = client.post(page.url).content.decode()
    assert "Images from the internet are shown for this view." in text
    address: str
    (address,) = re.findall(r'<iframe [^>]*src="([^"]+)"', text)
    return address


def shows_remote(response: Any) -> bool:
    policy = response["Content-Security-Policy"]
    shows = mail.REMOTE in response.content.decode()
    assert shows == (" https:" in policy.split("img-src")[1].split(";")[0])
    return shows


@pytest.mark.parametrize("make_client", [Client, member])
def test_blocked_until_asked_for(make_client: Any, page: EmailMessagePage) -> None:
    client = make_client()
    assert BLOCKED in client.get(page.url).content.decode()
    assert not shows_remote(client.get(page.url + "body/"))
    assert shows_remote(client.get(frame(client, page)))
    # For that view: the next one is blocked again.
    assert BLOCKED in client.get(page.url).content.decode()
    assert not shows_remote(client.get(page.url + "body/"))


@pytest.mark.parametrize("make_client", [Client, member])
def test_a_link_with_ones_own_signature_shows_others_nothing(
    make_client: Any, page: EmailMessagePage
) -> None:
    address = frame(make_client(), page)
    for other in (Client(), member()):
        assert not shows_remote(other.get(address))
    stranger = Client()
    frame(stranger, page)  # one who has the cookie of an own wish
    assert not shows_remote(stranger.get(address))


def test_a_signature_is_for_one_message(page: EmailMessagePage) -> None:
    client = member()
    (other,) = factories.archive(page.folder, mail.html(text="Another\n"))
    query = frame(client, page).partition("?")[2]
    assert not shows_remote(client.get(f"{other.url}body/?{query}"))


def test_a_signature_dies_within_minutes(
    page: EmailMessagePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = member()
    address = frame(client, page)
    monkeypatch.setattr(remote_images, "MAX_AGE", -1)
    assert not shows_remote(client.get(address))


@pytest.mark.parametrize("query", ["?images=1", "?images=", "?images=a:b:c"])
def test_a_link_alone_shows_nothing(query: str, page: EmailMessagePage) -> None:
    client = Client()
    assert not shows_remote(client.get(page.url + "body/" + query))
    assert BLOCKED in client.get(page.url + query).content.decode()


def test_another_site_cannot_ask(page: EmailMessagePage) -> None:
    assert Client(enforce_csrf_checks=True).post(page.url).status_code == 403


def test_mail_without_remote_images_offers_no_button() -> None:
    (page,) = factories.archive(factories.folder(), mail.html("<p>Hello</p>"))
    assert "Show images" not in Client().get(page.url).content.decode()


def test_other_methods_are_refused(page: EmailMessagePage) -> None:
    assert Client().put(page.url).status_code == 405
