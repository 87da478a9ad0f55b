"""Pictures of attachments, and those that the browser shows: nothing else is ever shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from wagtail.models import PageViewRestriction

from tests import factories
from tests.mime import documents
from tests.reading import mail
from wagtail_mailarchive.models import AttachmentContent, EmailMessagePage

pytestmark = pytest.mark.django_db


def message(name: str, content: bytes, content_type: str) -> EmailMessagePage:
    raw = mail.attached(name, content, content_type)
    (page,) = factories.archive(factories.folder(), raw)
    return page


def pictured() -> EmailMessagePage:
    page = message("a.png", documents.image(), "image/png")
    AttachmentContent.objects.update(picture=b"RIFF....WEBP", width=320, height=240, state="read")
    return page


def get(page: EmailMessagePage, route: str, **headers: str) -> Any:
    return Client().get(f"{page.url}attachment/0/{route}/", headers=headers)


def test_a_picture_is_sent_fenced_in_and_once_only() -> None:
    page = pictured()
    response = get(page, "picture")
    assert response.content == b"RIFF....WEBP"
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-cache"
    assert get(page, "picture", if_none_match=response["ETag"]).status_code == 304


def test_a_kept_picture_is_refused_to_who_may_no_longer_read() -> None:
    page = pictured()
    etag = get(page, "picture")["ETag"]
    PageViewRestriction.objects.create(page=page.folder.page_ptr, restriction_type="login")
    for route in ("picture", "view"):
        response = get(page, route, if_none_match=etag)
        assert response.status_code == 302
        assert "login" in response["Location"]


def test_without_a_picture_there_is_none() -> None:
    assert get(message("a.png", documents.image(), "image/png"), "picture").status_code == 404


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_images_are_shown_as_what_they_are(kind: str) -> None:
    content = documents.image(kind)
    # Their sender says something else of them; the bytes decide.
    response = get(message("a.png", content, "image/png"), "view")
    assert response.content == content
    assert response["Content-Type"] == f"image/{kind.lower()}"
    assert response["Content-Disposition"] == 'inline; filename="a.png"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert response["Content-Security-Policy"].endswith("; sandbox")
    assert response["Cache-Control"] == "private, no-store"


def test_text_is_shown_as_text_in_one_charset() -> None:
    page = message("a.txt", "<script>grün</script>".encode("cp1252"), "text/plain")
    response = get(page, "view")
    assert response.content.decode() == "<script>grün</script>"
    assert response["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<script>alert(1)</script>", "text/html"),
        (b"<script>alert(1)</script>", "image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png"),
        (b"<?xml version='1.0'?><x/>", "application/xml"),
        (documents.pdf("Text"), "application/pdf"),
        (documents.pdf("Text"), "image/jpeg"),
        (b"x" * (2 * 1024 * 1024), "text/plain"),
    ],
)
def test_everything_else_is_for_downloading(content: bytes, content_type: str) -> None:
    assert get(message("a", content, content_type), "view").status_code == 404


@pytest.mark.parametrize("route", ["view", "picture"])
def test_what_is_not_there_is_not_found(route: str) -> None:
    page = pictured()
    assert Client().get(f"{page.url}attachment/7/{route}/").status_code == 404


def test_the_message_page_shows_pictures_and_offers_all_as_one() -> None:
    page = pictured()
    shown = Client().get(page.url).content.decode()
    assert f'<img src="{page.url}attachment/0/picture/" width="320" height="240" alt=""' in shown
    assert f'href="{page.url}attachment/0/view/"' in shown
    assert "attachments/zip/" not in shown  # for one there is no need
    (two,) = factories.archive(page.folder, mail.html())
    assert f'href="{two.url}attachments/zip/"' in Client().get(two.url).content.decode()
