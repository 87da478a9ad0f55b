"""What is in attachments, and what hostile ones do not achieve."""

from __future__ import annotations

import base64
import io
import json
from email.message import EmailMessage
from typing import Any

import pytest
from PIL import Image

from wagtail_mailarchive.mime.contents import limits, pdf, reader
from wagtail_mailarchive.mime.contents.content import Content, State, read_answer

from . import documents
from .winmail import winmail

UNKNOWN = "application/octet-stream"


def text(content: bytes, filename: str = "", content_type: str = UNKNOWN) -> str:
    found = reader.read(content, content_type, filename)
    assert found.state == State.READ
    return found.text


def state(content: bytes, filename: str = "", content_type: str = UNKNOWN) -> State:
    return reader.read(content, content_type, filename).state


# -- text ------------------------------------------------------------------------------------


def test_text_of_all_pages_of_a_pdf_is_read() -> None:
    found = reader.read(documents.pdf("First page", "Second page"), UNKNOWN, "x.bin")
    assert found.text == "First page\nSecond page"
    assert found.has_pages


def test_a_pdf_behind_some_bytes_is_one_if_its_sender_says_so() -> None:
    late = b"\r\n \n" + documents.pdf("A page")
    assert text(late, "a.pdf") == "A page"
    assert text(b"A text about %PDF-1.4", "a.txt") == "A text about %PDF-1.4"


def test_a_docx_is_read_by_paragraphs_and_with_its_notes() -> None:
    notes = {"word__footnotes_xml": '<w:f xmlns:w="w"><w:p><w:t>A note</w:t></w:p></w:f>'}
    assert text(documents.docx("One", "Two &amp; three", **notes)) == "One\nTwo & three\nA note"


def test_slides_are_read_in_their_order() -> None:
    slides = [f"Slide {number}" for number in range(1, 12)]
    assert text(documents.pptx(*slides)).splitlines() == slides


def test_cells_of_a_sheet_are_read_by_rows() -> None:
    sheet = documents.xlsx(["Name", "Ada"], [["#0", "Sum"], ["#1", "42"], ["#99", "#x"]])
    assert text(sheet) == "Name Sum\nAda 42"


def test_an_odt_is_read_with_its_blanks_and_breaks() -> None:
    source = documents.odt(
        "One<text:s/>two", "three<text:line-break/>four", "<text:span>5</text:span>"
    )
    assert text(source) == "One two\nthree\nfour\n5"


@pytest.mark.parametrize(
    ("content", "filename", "content_type", "said"),
    [
        ("grün".encode(), "a.txt", UNKNOWN, "grün"),
        ("grün".encode("cp1252"), "", "text/plain", "grün"),
        ("grün".encode("utf-16"), "a.csv", UNKNOWN, "grün"),
        (b"a\r\nb", "", "text/x-whatever", "a\nb"),
        (b"<style>x</style><p>One<p>Two", "a.htm", UNKNOWN, "One\n\nTwo"),
        (
            "<meta charset='koi8-r'><p>Привет".encode("koi8-r"),
            "",
            "text/html",
            "Привет",
        ),
    ],
)
def test_text_and_html_are_read_in_their_charset(
    content: bytes, filename: str, content_type: str, said: str
) -> None:
    assert text(content, filename, content_type) == said


def message(depth: int) -> bytes:
    mail = EmailMessage()
    mail["Subject"] = f"Depth {depth}"
    mail["From"] = "Ada <ada@example.org>"
    mail.set_content(f"Body {depth}\n")
    mail.add_attachment(documents.pdf(f"Page {depth}"), "application", "pdf", filename="x.pdf")
    if depth < 9:
        mail.add_attachment(message(depth + 1), "application", "octet-stream", filename="m.eml")
    return mail.as_bytes()


def test_a_message_is_read_with_what_is_attached_to_it_but_not_without_end() -> None:
    said = text(message(0), "", "message/rfc822")
    assert "Ada ada@example.org" in said
    for word in ("Depth 0", "Body 0", "x.pdf", "Page 0", "Depth 2", "Page 2"):
        assert word in said
    assert "Depth 3" not in said


def test_what_is_inside_a_winmail_dat_is_read() -> None:
    files = [("a.txt", b"Plain words", ""), ("B.PDF", documents.pdf("A page"), "Long name.pdf")]
    said = text(winmail(*files), "winmail.dat", "application/ms-tnef")
    assert said.splitlines() == ["a.txt", "Plain words", "Long name.pdf", "A page"]


def test_text_is_cut() -> None:
    assert len(text(b"word " * 100_000, "a.txt")) == limits.TEXT_CHARACTERS
    assert len(text(documents.docx("word " * 100_000))) <= limits.TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("content", "filename", "content_type"),
    [
        (b"\x7fELF", "a.out", UNKNOWN),
        (b"\0\1\2", "a.txt", "text/plain"),
        (b"{\\rtf1 }", "a.rtf", "text/rtf"),
        (documents.packed(readme="a zip file"), "a.zip", "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "a.doc", "application/msword"),
        (b"<svg/>", "a.svg", "image/svg+xml"),
        (b"", "", UNKNOWN),
    ],
)
def test_what_is_not_read_is_said(content: bytes, filename: str, content_type: str) -> None:
    assert state(content, filename, content_type) == State.UNSUPPORTED


# -- pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_images_become_small_pictures(kind: str) -> None:
    found = reader.read(documents.image(kind), UNKNOWN, "")
    assert found.picture is not None
    assert (found.picture.width, found.picture.height) == (320, 240)
    with Image.open(io.BytesIO(found.picture.data)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (320, 240))


def test_a_photo_is_shown_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter to the right
    found = reader.read(documents.image("JPEG", exif=turned), UNKNOWN, "")
    assert found.picture is not None
    assert (found.picture.width, found.picture.height) == (240, 320)


def test_the_first_page_of_a_pdf_becomes_a_picture() -> None:
    picture = reader.first_page(documents.pdf("Page")).picture
    assert picture is not None
    assert (picture.width, picture.height) == (226, 320)


# -- hostile ---------------------------------------------------------------------------------


def test_pixels_are_counted_before_an_image_is_decoded() -> None:
    assert state(documents.png_of_claimed_size(50_000, 50_000)) == State.TOO_LARGE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_broken_image_is_said_to_be_broken(kind: str) -> None:
    whole = documents.image(kind)
    for end in (12, 30, len(whole) // 2):
        assert state(whole[:end]) in (State.FAILED, State.UNSUPPORTED, State.READ)


def test_a_zip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 1_000_000)
    bomb = documents.docx("x", word__comments_xml="<w>" + "<q/>" * 500_000 + "</w>")
    assert len(bomb) < 20_000
    assert state(bomb) == State.TOO_LARGE


def test_many_members_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMBERS", 10)
    assert state(documents.docx("x", **{f"m{n}": "" for n in range(10)})) == State.TOO_LARGE


@pytest.mark.parametrize(
    "source",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><p><t>&c;</t></p>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<a>" * 1000 + "</a>" * 1000,
        "<a><b></a>",
        "",
    ],
)
def test_entities_depth_and_broken_xml_are_refused(source: str) -> None:
    assert state(documents.packed(word__document_xml=source)) == State.FAILED


@pytest.mark.parametrize(
    "content",
    [
        documents.encrypted_pdf(),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        documents.odt("x", manifest="<manifest:encryption-data/>"),
    ],
)
def test_what_asks_for_a_password_is_said_to_be_encrypted(content: bytes) -> None:
    assert state(content) == State.ENCRYPTED


@pytest.mark.parametrize("content", [b"%PDF-1.7 nothing", b"PK\x03\x04 nothing"])
def test_a_broken_document_is_said_to_be_broken(content: bytes) -> None:
    assert state(content) == State.FAILED


def test_a_pdf_waits_for_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
    assert state(documents.pdf("x")) == State.LACKING
    assert text(documents.docx("x")) == "x"


# -- the answer ------------------------------------------------------------------------------


def answer(**values: Any) -> bytes:
    return json.dumps(json.loads(Content(State.READ, "x").to_json()) | values).encode()


def test_an_answer_comes_back_as_it_was_and_storable() -> None:
    made = reader.read(documents.image(), UNKNOWN, "")
    assert read_answer(made.to_json(), 1) == made
    assert read_answer(answer(text="a\0b\ud800"), 1).text == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    "values",
    [
        {"text": ["x"]},
        {"text": "x" * (limits.TEXT_CHARACTERS + 1)},
        {"state": "wonderful"},
        {"picture": base64.b64encode(b"<svg onload=alert(1)>").decode(), "width": 1, "height": 1},
        {"picture": base64.b64encode(b"RIFF\0\0\0\0WEBP").decode(), "width": 9999, "height": 1},
        {"picture": base64.b64encode(b"RIFF\0\0\0\0WEBP").decode(), "width": "1", "height": 1},
    ],
)
def test_an_answer_our_worker_would_not_give_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        read_answer(answer(**values), 1)


def test_the_extra_is_seen_without_importing_it() -> None:
    assert pdf.is_available()
