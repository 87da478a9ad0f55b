"""Signed addresses of inline images: who gets them, for how long, and what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import signing
from django.test import Client
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, OriginalChunk
from wagtail_mailarchive.reading import inline_images

pytestmark = pytest.mark.django_db


def image_address(client: Client, page: EmailMessagePage) -> str:
    text = client.get(page.url + "body/").content.decode()
    address: str
    (address,) = re.findall(r'src="(http://testserver/mail/inline/[^"]+)"', text)
    return address


def fetch(address: str) -> Any:
    """As the sandboxed frame does: without any cookie."""
    return Client().get(address)


def restricted(kind: str, **values: Any) -> tuple[EmailFolderPage, EmailMessagePage]:
    folder = factories.folder()
    (page,) = factories.archive(folder, mail.html())
    PageViewRestriction.objects.create(page=folder.page_ptr, restriction_type=kind, **values)
    return folder, page


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_image_is_served_fenced_in() -> None:
    (page,) = factories.archive(factories.folder(), mail.html())
    response = fetch(image_address(Client(), page))
    assert response.content == mail.PNG
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a rest", "image/gif"),
        (b"\xff\xd8\xff\xe0 rest", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBP rest", "image/webp"),
        (b"BM rest", "image/bmp"),
    ],
)
def test_the_type_is_what_the_bytes_say(content: bytes, kind: str) -> None:
    (page,) = factories.archive(factories.folder(), mail.html(image=content))
    assert fetch(image_address(Client(), page))["Content-Type"] == kind


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"",
        b" \x89PNG\r\n\x1a\n",
    ],
)
def test_nothing_but_raster_images_is_served(content: bytes) -> None:
    (page,) = factories.archive(factories.folder(), mail.html(image=content))
    assert fetch(image_address(Client(), page)).status_code == 404


def test_an_address_dies_within_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    (page,) = factories.archive(factories.folder(), mail.html())
    address = image_address(Client(), page)
    monkeypatch.setattr(inline_images, "MAX_AGE", -1)
    assert fetch(address).status_code == 404


@pytest.mark.parametrize(
    "token",
    ["x", "a:b:c", "-", "%00", signing.dumps([1, 0, None, []])],
    ids=["word", "three parts", "dash", "NUL", "signed for something else"],
)
def test_a_forged_address_is_not_found(token: str) -> None:
    factories.archive(factories.folder(), mail.html())
    assert fetch(f"/mail/inline/{token}/").status_code == 404


def test_an_image_whose_store_fails_is_not_found_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (page,) = factories.archive(factories.folder(), mail.html())
    address = image_address(Client(), page)
    OriginalChunk.objects.filter(original=page.original).delete()
    assert fetch(address).status_code == 404
    assert f"The original of message {page.pk} cannot be read." in caplog.text


def test_the_message_must_still_be_there() -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, mail.html())
    address = image_address(Client(), page)
    assert fetch(address).status_code == 200
    folder.live = False
    folder.save()
    assert fetch(address).status_code == 404
    folder.live = True
    folder.save()
    assert fetch(address).status_code == 200
    page.live = False
    page.save()
    assert fetch(address).status_code == 404


def _log_out_of_group(user: User, folder: EmailFolderPage) -> None:
    user.groups.clear()


def _deactivate(user: User, folder: EmailFolderPage) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _delete(user: User, folder: EmailFolderPage) -> None:
    user.delete()


def _restrict_further(user: User, folder: EmailFolderPage) -> None:
    PageViewRestriction.objects.create(
        page=folder.get_parent(), restriction_type="password", password="x"
    )


@pytest.mark.parametrize(
    "change", [_log_out_of_group, _deactivate, _delete, _restrict_further], ids=lambda f: f.__name__
)
def test_privacy_is_asked_again_each_time(change: Callable[[User, EmailFolderPage], None]) -> None:
    folder, page = restricted(PageViewRestriction.GROUPS)
    group = Group.objects.create(name="Readers")
    PageViewRestriction.objects.get(page=folder.page_ptr).groups.add(group)
    user = factories.user()
    user.groups.add(group)
    address = image_address(signed_in(user), page)
    assert fetch(address).status_code == 200
    change(user, folder)
    assert fetch(address).status_code == 404


def test_a_page_made_private_refuses_addresses_given_to_strangers() -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, mail.html())
    address = image_address(Client(), page)
    PageViewRestriction.objects.create(page=folder.page_ptr, restriction_type="login")
    assert fetch(address).status_code == 404


def test_a_password_given_in_the_session_holds_for_its_images() -> None:
    folder, page = restricted(PageViewRestriction.PASSWORD, password="sesame")
    restriction = PageViewRestriction.objects.get(page=folder.page_ptr)
    client = Client()
    client.post(
        f"/_util/authenticate_with_password/{restriction.pk}/{folder.pk}/",
        {"password": "sesame", "return_url": page.url},
    )
    address = image_address(client, page)
    assert fetch(address).status_code == 200
    restriction.delete()
    PageViewRestriction.objects.create(
        page=folder.page_ptr, restriction_type="password", password="another"
    )
    assert fetch(address).status_code == 404
