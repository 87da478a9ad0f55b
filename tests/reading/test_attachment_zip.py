"""All attachments in one zip file: exact bytes, harmless and different names, made while sent."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import Client

from tests import factories
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.models import EmailMessagePage, Original, OriginalChunk
from wagtail_mailarchive.reading.attachment_zip import zip_response

pytestmark = pytest.mark.django_db


def message(*files: tuple[str, bytes], **headers: str) -> EmailMessagePage:
    raw = EmailMessage()
    raw["From"] = "Ada <ada@example.org>"
    raw["Date"] = headers.get("date", "Thu, 05 Mar 2026 14:30:00 +0100")
    raw.set_content("See\n")
    for name, content in files:
        raw.add_attachment(content, "application", "octet-stream", filename=name)
    (page,) = factories.archive(factories.folder(), raw.as_bytes())
    return page


def unpacked(response: Any) -> dict[str, bytes]:
    data = b"".join(response.streaming_content)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_attachment_is_in_it_byte_for_byte() -> None:
    large = bytes(range(256)) * 12_000
    page = message(("grüße.pdf", b"%PDF"), ("large.bin", large), ("empty", b""))
    response = Client().get(page.url + "attachments/zip/")
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == f'attachment; filename="{page.slug}.zip"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert unpacked(response) == {"grüße.pdf": b"%PDF", "large.bin": large, "empty": b""}


def test_names_are_harmless_and_different_on_every_system() -> None:
    names = ["a.txt", "A.txt", "a.txt", "a (2).txt", "../../etc/passwd", "CON.txt", "x" * 250]
    found = list(
        unpacked(Client().get(message(*((n, b"") for n in names)).url + "attachments/zip/"))
    )
    assert found[:6] == [
        *("a.txt", "A (2).txt", "a (3).txt", "a (2) (2).txt", "passwd", "_CON.txt"),
    ]
    assert len(found[6]) == 200
    assert len({name.casefold() for name in found}) == len(names)


def test_files_bear_the_date_of_their_message() -> None:
    page = message(("a", b"x"))
    data = b"".join(Client().get(page.url + "attachments/zip/").streaming_content)  # type: ignore[attr-defined]
    [info] = zipfile.ZipFile(io.BytesIO(data)).infolist()
    assert info.date_time == (2026, 3, 5, 14, 30, 0)


def test_several_messages_make_one_file() -> None:
    pages = [message(("a.txt", b"1")), message(), message(("a.txt", b"2"), ("b", b"3"))]
    response = zip_response(pages, name="thread.zip")
    assert unpacked(response) == {"a.txt": b"1", "a (2).txt": b"2", "b": b"3"}


def test_no_more_than_a_piece_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    page = message(("large.bin", bytes(8 * 1024 * 1024)))
    read = originals.read
    lengths = []

    def noted(original: Original, start: int = 0, length: int | None = None) -> bytes:
        lengths.append(length or 0)
        return read(original, start, length)

    monkeypatch.setattr(originals, "read", noted)
    response: Any = Client().get(page.url + "attachments/zip/")
    assert lengths == [1]
    assert max(map(len, response.streaming_content)) < 2 * 1024 * 1024
    assert max(lengths) <= 1024 * 1024


def test_a_message_without_attachments_has_no_zip() -> None:
    assert Client().get(message().url + "attachments/zip/").status_code == 404


def test_a_failing_store_is_told_before_anything_is_sent() -> None:
    page = message(("a", b"x"))
    OriginalChunk.objects.all().delete()
    assert Client().get(page.url + "attachments/zip/").status_code == 503
