"""Contents of attachments: read once per SHA-256, kept as long as something has them attached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage

import pytest

from tests import factories
from tests.mime import documents
from tests.reading import mail
from wagtail_mailarchive.archive import attached_text, contents, originals
from wagtail_mailarchive.exceptions import StorageError
from wagtail_mailarchive.mime.contents import VERSION, limits, pdf
from wagtail_mailarchive.mime.contents.process import ContentProcess
from wagtail_mailarchive.models import (
    Attachment,
    AttachmentContent,
    AttachmentKind,
    ContentState,
    EmailFolderPage,
    MessageText,
    OriginalChunk,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def process() -> Iterator[ContentProcess]:
    with ContentProcess() as process:
        yield process


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def read_all(process: ContentProcess) -> dict[str, AttachmentContent]:
    """Read what waits; return the contents by the names of their attachments."""
    contents.keep(contents.read(list(contents.to_read()), process, seconds=600), done=lambda: None)
    by_hash = {each.sha256: each for each in AttachmentContent.objects.all()}
    return {each.filename: by_hash[each.sha256] for each in Attachment.objects.all()}


def states(process: ContentProcess) -> dict[str, str]:
    return {name: each.state for name, each in read_all(process).items()}


def test_text_and_pictures_are_kept(folder: EmailFolderPage, process: ContentProcess) -> None:
    factories.archive(
        folder,
        mail.attached("a.pdf", documents.pdf("A page")),
        mail.attached("b.jpg", documents.image("JPEG"), "image/jpeg"),
        mail.attached("c.exe", b"MZ", "application/octet-stream"),
    )
    found = read_all(process)
    assert (found["a.pdf"].state, found["a.pdf"].text) == (ContentState.READ, "A page")
    assert (found["a.pdf"].width, found["a.pdf"].height) == (226, 320)
    assert (found["b.jpg"].width, found["b.jpg"].height) == (320, 240)
    assert bytes(found["b.jpg"].picture).startswith(b"RIFF")
    assert found["c.exe"].state == ContentState.UNSUPPORTED
    assert {each.read_by for each in found.values()} == {VERSION}
    assert not contents.to_read().exists()


def test_a_file_sent_often_is_read_once(
    folder: EmailFolderPage, process: ContentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = mail.attached("a.txt", b"Same", "text/plain")
    again = raw.replace(b"With attachment", b"Once more")
    factories.archive(folder, raw, again)
    factories.archive(factories.folder(), raw)
    assert Attachment.objects.count() == 3
    assert len(contents.read(list(contents.to_read()), process, seconds=600)) == 1


def test_one_bad_attachment_stops_none(folder: EmailFolderPage, process: ContentProcess) -> None:
    factories.archive(folder, mail.attached("damaged.txt", b"x" * 99, "text/plain"))
    OriginalChunk.objects.all().delete()
    factories.archive(
        folder,
        mail.attached("broken.pdf", b"%PDF-1.4 nothing"),
        mail.attached("good.txt", b"Good", "text/plain"),
    )
    found = read_all(process)
    assert {name: each.state for name, each in found.items()} == {
        "damaged.txt": ContentState.MISSING,
        "broken.pdf": ContentState.FAILED,
        "good.txt": ContentState.READ,
    }


def test_a_store_that_does_not_answer_is_no_fault_of_the_attachment(
    folder: EmailFolderPage, process: ContentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, mail.attached("a.txt", b"x", "text/plain"))

    def failing(*args: object) -> bytes:
        raise StorageError(store="s3")

    monkeypatch.setattr(originals, "read", failing)
    with pytest.raises(StorageError):
        contents.read(list(contents.to_read()), process, seconds=600)
    assert contents.to_read().exists()


def test_what_is_too_large_is_not_even_loaded(
    folder: EmailFolderPage, process: ContentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, mail.attached("a.txt", b"x" * 999, "text/plain"))
    monkeypatch.setattr(limits, "ENCODED_BYTES", 999)
    monkeypatch.setattr(originals, "read", None)
    assert states(process) == {"a.txt": ContentState.TOO_LARGE}


def test_pdf_waits_for_the_extra_and_is_read_once_it_is_there(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, mail.attached("a.pdf", documents.pdf("A page")))
    AttachmentContent.objects.update(state=ContentState.LACKING)
    assert contents.to_read().exists()
    monkeypatch.setattr(pdf, "is_available", lambda: False)
    assert not contents.to_read().exists()
    assert contents.to_read(is_complete=True).exists()


def test_a_content_goes_with_the_last_attachment(
    folder: EmailFolderPage, process: ContentProcess
) -> None:
    factories.archive(folder, mail.attached("a.txt", b"One", "text/plain"))
    factories.archive(folder, mail.attached("b.txt", b"Two", "text/plain"))
    hashes = set(AttachmentContent.objects.values_list("sha256", flat=True))
    Attachment.objects.filter(filename="a.txt").delete()
    contents.forget_unused(hashes)
    left = Attachment.objects.get().sha256
    assert [each.sha256 for each in AttachmentContent.objects.all()] == [left]
    Attachment.objects.all().delete()
    read_all(process)
    assert not AttachmentContent.objects.exists()


def test_an_attachment_knows_what_lists_sort_and_filter_by(folder: EmailFolderPage) -> None:
    raw = mail.html().replace(b"ada@example.org", b"Ada@Example.org")
    (message,) = factories.archive(folder, raw)
    image, table = message.attachments.all()
    assert (image.kind, image.is_inline) == (AttachmentKind.IMAGE, True)
    assert (table.kind, table.is_inline) == (AttachmentKind.SHEET, False)
    for each in (image, table):
        assert each.folder_id == folder.pk
        assert each.sorted_at == message.sorted_at
        assert each.sender_address == "ada@example.org"


def test_an_image_that_is_attached_is_not_inline(folder: EmailFolderPage) -> None:
    message = EmailMessage()
    message.set_content("See\n")
    message.add_attachment(mail.PNG, "image", "png", filename="a.png", cid="<a@b>")
    factories.archive(folder, message.as_bytes())
    assert not Attachment.objects.get().is_inline


# -- search ----------------------------------------------------------------------------------


def attached_texts() -> list[str]:
    return list(MessageText.objects.order_by("message_id").values_list("attached", flat=True))


def test_messages_are_found_by_what_is_attached_to_them(
    folder: EmailFolderPage, process: ContentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached_text, "TOGETHER", 2)
    raw = mail.attached("a.txt", b"Attached words", "text/plain")
    factories.archive(folder, *(raw.replace(b"See", b"See %d" % n) for n in range(5)))
    read_all(process)
    assert attached_texts() == ["Attached words"] * 5
    # Who sends the same file once more need not wait until it is read.
    factories.archive(folder, raw.replace(b"See", b"Once more"))
    assert not contents.to_read().exists()
    assert attached_texts() == ["Attached words"] * 6


def test_all_attachments_of_a_message_are_one_text_in_their_order(
    folder: EmailFolderPage, process: ContentProcess
) -> None:
    message = EmailMessage()
    message.set_content("See\n")
    for text in ("two", "one", "two"):
        message.add_attachment(text)
    factories.archive(folder, message.as_bytes())
    read_all(process)
    assert attached_texts() == ["two\n\none\n"]


def test_a_message_archived_while_its_attachment_is_read_is_found_by_it(
    folder: EmailFolderPage, process: ContentProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = mail.attached("a.txt", b"Attached words", "text/plain")
    factories.archive(folder, raw)
    found = contents.read(list(contents.to_read()), process, seconds=600)
    factories.archive(folder, raw.replace(b"See", b"Meanwhile"))
    contents.keep(found, done=lambda: None)
    assert attached_texts() == ["Attached words"] * 2


def test_text_that_a_later_version_finds_no_more_is_not_found(
    folder: EmailFolderPage, process: ContentProcess
) -> None:
    factories.archive(folder, mail.attached("a.txt", b"Attached words", "text/plain"))
    read_all(process)
    (found,) = contents.read(list(contents.to_read(is_complete=True)), process, seconds=600)
    found = replace(found, content=replace(found.content, text=""))
    contents.keep([found], done=lambda: None)
    assert attached_texts() == [""]
