"""The process that reads attachments: one bad file harms no other, and nothing is left behind."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator

import pytest

from wagtail_mailarchive.mime.contents.content import State
from wagtail_mailarchive.mime.contents.process import Asked, ContentProcess

from . import documents

# Stands in for our worker: answers like it, but obeys what the file says.
OBEDIENT = """
import os, signal, sys, time
from wagtail_mailarchive.mime.contents.worker import answer_to
from wagtail_mailarchive.mime.worker import main
def obey(item):
    if b"hang" in item:
        time.sleep(600)
    if b"die" in item:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"babble" in item:
        return b"[]"
    return answer_to(item)
sys.argv = ["", "2", str(1 << 30)]
main(obey)
"""


@pytest.fixture(scope="module")
def process() -> Iterator[ContentProcess]:
    with ContentProcess() as process:
        yield process


def test_files_are_decoded_and_read_in_their_order(process: ContentProcess) -> None:
    whole = [
        Asked(base64.encodebytes(documents.pdf("A page")), "base64"),
        Asked(b"gr=C3=BCn", "quoted-printable", "text/plain"),
        Asked(documents.image(), "binary"),
        Asked(base64.encodebytes(documents.pdf("A page")), "base64", first_page=True),
        Asked(b"", "7bit"),
    ]
    found = list(process.read(whole))
    assert [each.text for each in found] == ["A page", "grün", "", "", ""]
    assert [each.picture is not None for each in found] == [False, False, True, True, False]
    assert [each.has_pages for each in found] == [True, False, False, False, False]


def test_a_file_that_takes_too_much_memory_harms_no_other() -> None:
    with ContentProcess(memory=300 * 1024 * 1024) as process:
        large = documents.image("PNG", (10_000, 6_000))
        asked = [Asked(b"one", "", "text/plain"), Asked(large, ""), Asked(b"two", "", "text/plain")]
        found = list(process.read(asked))
    assert [each.state for each in found] == [State.READ, State.FAILED, State.READ]


def test_a_file_that_hangs_kills_or_takes_over_harms_no_other() -> None:
    names = ["one", "hang", "two", "die", "three", "babble", "four"]
    with ContentProcess(seconds=2, command=[sys.executable, "-c", OBEDIENT]) as process:
        found = list(process.read([Asked(each.encode(), "", "text/plain") for each in names]))
    assert [each.state for each in found] == [
        *(State.READ, State.TOO_SLOW, State.READ, State.FAILED, State.READ, State.FAILED),
        State.READ,
    ]
