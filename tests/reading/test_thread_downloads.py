"""A thread as an mbox file and its attachments as a zip file, made while they are sent."""

from __future__ import annotations

import io
import mailbox
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from tests.reading import mail
from tests.reading.test_thread_page import address_of, answer, hide
from wagtail_mailarchive.models import OriginalChunk
from wagtail_mailarchive.reading import thread_messages
from wagtail_mailarchive.reading.mbox import quoted, separator


def received(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def entries(path: Path, content: bytes) -> list[bytes]:
    """What Python's own reader finds in an mbox file, a ">" taken off each quoted line."""
    path.write_bytes(content)
    found = mailbox.mbox(str(path), create=False)
    return [re.sub(rb"(?m)^>(>*From )", rb"\1", found.get_bytes(key)) for key, _ in found.items()]


pieces = st.lists(
    st.lists(st.sampled_from([b">", b"F", b"Fr", b"rom ", b"From ", b"\n", b"\r\n", b"x"])).map(
        b"".join
    ),
    max_size=8,
)


@given(pieces=pieces)
def test_quoting_depends_on_no_boundary_and_can_be_taken_back(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    written = b"".join(quoted(pieces))
    end = b"\n" if whole.endswith(b"\n") or not whole else b"\n\n"
    assert written == re.sub(rb"(?m)^(>*)From ", rb">\1From ", whole) + end
    assert not re.search(rb"(?m)^From ", written)
    taken_back = re.sub(rb"(?m)^>(>*From )", rb"\1", written.removesuffix(end))
    assert taken_back == whole


def test_hardly_anything_is_held_of_a_line_that_never_ends() -> None:
    given = quoted(iter([b"\n", *[b">" * 1000] * 50]))
    assert [len(each) for each in given] == [1, *[1000] * 50, 0, 2]


@pytest.mark.parametrize("sender", ["", "no address", "a b@example.org", "ü@example.org", "a\n@b"])
def test_the_line_above_a_message_names_no_odd_sender(sender: str) -> None:
    moment = datetime(2026, 3, 5, 9, 8, 7, tzinfo=UTC)
    assert separator(sender, moment) == b"From MAILER-DAEMON Thu Mar  5 09:08:07 2026\n"


@pytest.mark.django_db
def test_an_mbox_file_holds_the_very_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_messages, "_TOGETHER", 2)
    raws = [
        answer(0, "From here on\n>From there\nFrom: no\n"),
        answer(1).replace(b"\n", b"\r\n"),
        answer(2).rstrip(b"\n"),
        answer(3, "ä" * 500),
        answer(4),
    ]
    pages = factories.archive(factories.folder(), *raws)
    hide(pages[4])
    response = Client().get(address_of(pages[0]) + "mbox/")
    assert response.headers["Content-Disposition"] == 'attachment; filename="Plan.mbox"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    content = received(response)
    assert content.startswith(b"From writer0@example.org Thu Mar  5 12:00:00 2026\n")
    found = entries(tmp_path / "thread.mbox", content)
    assert found == [raws[0], raws[1], raws[2] + b"\n", raws[3]]


@pytest.mark.django_db
def test_a_store_that_fails_is_told_of_at_once() -> None:
    (page,) = factories.archive(factories.folder(), answer(0))
    OriginalChunk.objects.all().delete()
    assert Client().get(address_of(page) + "mbox/").status_code == 503


@pytest.mark.django_db
def test_all_attachments_come_as_one_file_without_those_of_hidden_messages() -> None:
    folder = factories.folder()
    raws = []
    for number in range(8):
        names = f"Message-ID: <n{number}@x>\nIn-Reply-To: <n{number - 1}@x>\n"
        raws.append(names.encode() + mail.attached("report.pdf", f"%PDF {number}".encode()))
    pages = factories.archive(folder, *raws)
    hide(pages[3])
    with CaptureQueriesContext(connection) as queries:
        content = received(Client().get(address_of(pages[0]) + "zip/"))
    files = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert files == ["report.pdf", *(f"report ({number}).pdf" for number in range(2, 8))]
    # Reading an original is one each.
    assert len(queries) <= 20 + len(files)
    (bare,) = factories.archive(folder, factories.raw("Nothing attached"))
    assert Client().get(address_of(bare) + "zip/").status_code == 404
