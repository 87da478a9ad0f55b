"""`mailarchive_inspect`: one object a file, whatever the file is."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from tests.factories import raw

CORPORA = Path(__file__).resolve().parents[1].parent / "shared" / "corpora"

HTML = b"""\
From: Ada <ada@example.org>\r
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r
Date: Thu, 05 Mar 2026 14:30:00 +0100\r
Content-Type: text/html; charset=utf-8\r
\r
<p onclick="steal()">Hello <b>you</b><script>steal()</script><img src="https://x.example/p.gif">
"""


def inspect(*arguments: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("mailarchive_inspect", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def file(folder: Path, content: bytes, name: str = "mail.eml") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_one_line_a_file_says_what_would_be_archived(tmp_path: Path) -> None:
    content = raw("Hello", "Body\n", Message_ID="<a@example.org>")
    first, second = file(tmp_path, content), file(tmp_path, HTML, "second.eml")

    records = inspect(first, second)

    assert [record["file"] for record in records] == [first, second]
    assert records[0]["subject"] == "Hello"
    assert records[0]["from"] == [{"name": "Ada Lovelace", "address": "ada@example.org"}]
    assert records[0]["message_id"] == "a@example.org"
    assert records[0]["text"].strip() == "Body"
    assert records[0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert records[0]["size"] == len(content)
    assert records[1]["subject"] == "Grüße"
    assert records[1]["sent_at"] == "2026-03-05T14:30:00+01:00"
    assert "html" not in records[1]


@pytest.mark.parametrize("engine", ["nh3", "bleach"])
def test_html_is_shown_as_the_site_would_show_it(
    engine: str, tmp_path: Path, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "SANITIZER": engine}

    (record,) = inspect("--html", file(tmp_path, HTML))

    assert "<b>you</b>" in record["html"]
    for bad in ("onclick", "steal", "x.example"):
        assert bad not in record["html"]


def test_mail_without_html_has_an_empty_body_of_it(tmp_path: Path) -> None:
    (record,) = inspect("--html", file(tmp_path, raw()))

    assert record["html"] == ""


def test_html_that_is_refused_says_why(tmp_path: Path) -> None:
    deep = b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000

    (record,) = inspect("--html", file(tmp_path, deep))

    assert record["html"] == ""
    assert record["html_refused"]


def test_an_inline_image_points_to_its_attachment(tmp_path: Path) -> None:
    mail = (
        b'Content-Type: multipart/related; boundary="b"\r\n\r\n'
        b'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo@x" alt="Logo">\r\n'
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
    )

    (record,) = inspect("--html", file(tmp_path, mail))

    assert 'src="attachment/0/"' in record["html"]


@pytest.mark.parametrize("name", ["missing.eml", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_an_error_in_its_line(name: str, tmp_path: Path) -> None:
    good = file(tmp_path, raw("Good"))

    records = inspect(str(tmp_path / name), good)

    assert records[0]["error"].startswith("The file cannot be read")
    assert records[1]["subject"] == "Good"


def test_a_file_beyond_the_sites_limit_is_not_read_whole(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": 1000}

    (record,) = inspect("/dev/zero")

    assert "1000 bytes" in record["error"]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw("Piped"))))

    (record,) = inspect("-")

    assert (record["file"], record["subject"]) == ("-", "Piped")


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\xff\xfe" * 100, b"From: \r\n" * 1000, b"--\r\n\r\n--"]
)
def test_no_content_makes_it_fail(content: bytes, tmp_path: Path) -> None:
    (record,) = inspect("--html", file(tmp_path, content))

    assert record["size"] == len(content)


@pytest.mark.slow
@pytest.mark.skipif(not CORPORA.is_dir(), reason="the public corpora lie beside the checkout")
def test_all_corpora_pass() -> None:
    files = sorted(str(path) for path in CORPORA.rglob("*") if path.is_file())

    records = inspect("--html", *files)

    assert [record["file"] for record in records] == files
    assert [record["file"] for record in records if "error" in record] == []
