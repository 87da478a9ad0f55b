"""Attachments and originals: exact bytes under harmless names."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import Attachment, EmailMessagePage, OriginalChunk
from wagtail_mailarchive.reading.downloads import download_name

pytestmark = pytest.mark.django_db


def message(raw: bytes) -> EmailMessagePage:
    return factories.archive(factories.folder(), raw)[0]


def get(page: EmailMessagePage, route: str) -> Any:
    return Client().get(page.url + route)


def test_the_original_is_byte_exact() -> None:
    raw = factories.raw(body="Line \x01 with control\n").replace(b"\n", b"\r\n") + b"\x80\xff tail"
    page = message(raw)
    response = get(page, "original/")
    assert b"".join(response.streaming_content) == raw
    assert response["Content-Length"] == str(len(raw))
    assert response["Content-Type"] == "message/rfc822"
    assert response["Content-Disposition"] == f'attachment; filename="{page.slug}.eml"'


@pytest.mark.parametrize("size", [0, 1, 57, 3_000_000])
def test_an_attachment_is_decoded_exactly(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    response = get(message(mail.attached("a.pdf", content)), "attachment/0/")
    assert b"".join(response.streaming_content) == content
    assert response["Content-Length"] == str(size)
    assert response["Content-Type"] == "application/pdf"


@pytest.mark.parametrize("route", ["attachment/0/", "original/"])
def test_bytes_of_mail_are_fenced_in(route: str) -> None:
    page = message(mail.attached("evil.html", b"<script>alert(1)</script>", "text/html"))
    response = get(page, route)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Content-Disposition"].startswith("attachment;")
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/xhtml+xml"])
def test_types_that_browsers_run_are_sent_as_bytes(content_type: str) -> None:
    response = get(message(mail.attached("x", b"<svg/>", content_type)), "attachment/0/")
    assert response["Content-Type"] == "application/octet-stream"


def test_a_name_beyond_ascii_is_kept() -> None:
    response = get(message(mail.html()), "attachment/1/")
    assert response["Content-Disposition"] == (
        "attachment; filename*=utf-8''tabelle%20%E2%80%93%20M%C3%A4rz.csv"
    )


@pytest.mark.parametrize(
    ("given", "saved_as"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\x.exe", "C__x.exe"),
        ("a\r\nSet-Cookie: b.txt", "a__Set-Cookie_ b.txt"),
        ("photo_\u202egpj.exe", "photo__gpj.exe"),
        ('"quoted".txt', "_quoted_.txt"),
        ("", "attachment-3.pdf"),
        ("..", "attachment-3.pdf"),
    ],
)
def test_a_senders_name_is_made_harmless(given: str, saved_as: str) -> None:
    found = Attachment(filename=given, position=2, content_type="application/pdf")
    assert download_name(found) == saved_as


@pytest.mark.parametrize("route", ["attachment/1/", "attachment/99999999999999999999/"])
def test_an_attachment_that_is_not_there_is_not_found(route: str) -> None:
    assert get(message(mail.attached("a.pdf", b"%PDF")), route).status_code == 404


@pytest.mark.parametrize("route", ["attachment/0/", "original/"])
def test_a_failing_store_is_told(route: str) -> None:
    page = message(mail.attached("a.pdf", b"%PDF"))
    OriginalChunk.objects.all().delete()
    response = get(page, route)
    assert response.status_code == 503
    assert "cannot be read at the moment" in response.content.decode()


def test_a_nested_message_is_an_attachment_of_its_own() -> None:
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("inside\n")
    outer = EmailMessage()
    outer["From"] = "a@b.example"
    outer.set_content("see\n")
    outer.add_attachment(inner)
    response = get(message(outer.as_bytes()), "attachment/0/")
    assert b"inside" in b"".join(response.streaming_content)
    assert response["Content-Disposition"] == 'attachment; filename="Inner.eml"'
    assert response["Content-Type"] == "application/octet-stream"


def test_bad_base64_is_sent_as_far_as_it_can_be_read() -> None:
    raw = mail.attached("a.pdf", b"x" * 300)
    raw = raw.replace(base64.b64encode(b"x" * 57), b"!!" + base64.b64encode(b"x" * 57), 1)
    response = get(message(raw), "attachment/0/")
    content = b"".join(response.streaming_content)
    assert response["Content-Length"] == str(len(content))
    assert content.startswith(b"xxx")
