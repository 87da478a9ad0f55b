"""One hostile message on its way: the parser's process, the archive, the reader's pages."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from django.core.cache import cache
from django.http.response import HttpResponseBase
from django.test import Client
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.archive import originals, search
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.process import ParserProcess, Result
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    MessageText,
    Outcome,
)

SECONDS = 10
GIGABYTE = 1 << 30
# Of the attachments of one message this many are saved, the first ones and the last ones.
_SAVED = 3
# Ends a line, makes a path or turns the direction of text.
_HARMFUL = re.compile("[\x00-\x1f/\\\\\u202e\u2066-\u2069]")
_WORD = re.compile(r"[a-zA-Z]{3,20}")


class Measured:
    """A parser's process under its real limits, and what each message takes of it."""

    def __init__(self) -> None:
        self.process = ParserProcess()

    def parse(self, raw: bytes) -> Result:
        """Return what becomes of `raw`, and see that it took less than ten seconds and 1 GB."""
        if (pid := self._pid()) is not None:
            _forget_peak(pid)
        before = self._seconds_used()
        started = time.monotonic()
        (result,) = self.process.parse_many([[raw]])
        # The process may have to be started; the deadline is for the message alone.
        assert time.monotonic() - started < SECONDS + 20
        if (pid := self._pid()) is not None:
            assert self._seconds_used() - before < SECONDS
            limits = Path(f"/proc/{pid}/limits").read_text()
            allowed = int(re.findall(r"Max address space +(\d+)", limits)[0])
            assert allowed == GIGABYTE + 4 * len(raw)
            assert _peak(pid) < GIGABYTE
        return result

    def _pid(self) -> int | None:
        return self.process._child.process.pid if self.process._child else None

    def _seconds_used(self) -> float:
        """Processor time of the process; another one after a message that killed it."""
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{self._pid()}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / 100
        return 0.0


@contextmanager
def within_limits() -> Iterator[None]:
    """See that what this process does in the block takes less than ten seconds and 1 GB, too.

    That is processor time, which does not depend on what else the machine does, and memory beside
    what was in use before.
    """
    pid = os.getpid()
    _forget_peak(pid)
    before, held = time.process_time(), _peak(pid)
    yield
    assert time.process_time() - before < SECONDS
    assert _peak(pid) - held < GIGABYTE


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> int:
    """Return how many bytes of memory a process has used at most."""
    found = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[0]) * 1024


def archived(
    folder: EmailFolderPage, raws: Sequence[bytes], results: Sequence[Result]
) -> list[EmailMessagePage | None]:
    """Put messages into `folder` in one batch; return their pages, None for those in quarantine.

    Each original is byte for byte what came, whatever became of the message.
    """
    factories.archive(folder, *raws, parsed=results)
    entries = LedgerEntry.objects.filter(mailbox__folder=folder).select_related("message")
    mine = list(entries.order_by("-uid")[: len(raws)])[::-1]
    for entry, raw, result in zip(mine, raws, results, strict=True):
        read = isinstance(result, ParsedMessage)
        assert (entry.outcome != Outcome.QUARANTINED) == read
        assert (entry.message is not None) == read
        assert entry.original is not None
        assert entry.original.sha256 == hashlib.sha256(raw).hexdigest()
        assert originals.read(entry.original) == raw
        originals.verify(entry.original)
    return [entry.message for entry in mine]


def shows(client: Client, page: EmailMessagePage) -> None:
    """See that a reader gets the message, its HTML, its attachments and its original."""
    cache.clear()
    shown = _get(client, page.url)
    _get(client, page.url + "?view=text")
    if page.has_html:
        body = client.get(page.url + "body/")
        # HTML that is refused has no address; its page shows the text and says why.
        assert body.status_code == (200 if b"<iframe" in shown else 404)
        if body.status_code == 200:
            assert "sandbox" in body["Content-Security-Policy"]
    attachments = list(page.attachments.order_by("position"))
    for each in {*attachments[:_SAVED], *attachments[-_SAVED:]}:
        content = _download(client, f"{page.url}attachment/{each.position}/")
        assert len(content) == each.size
        assert hashlib.sha256(content).hexdigest() == each.sha256
    assert _download(client, page.url + "original/") == originals.read(page.original)


def is_found(client: Client, pages: Iterable[EmailMessagePage]) -> None:
    """See that the folder lists its messages and finds each by a word of its subject."""
    for page in pages:
        folder = page.folder
        _get(client, folder.url)
        row = MessageText.objects.get(message=page)
        for word in _WORD.findall(row.subject)[:1]:
            # It must be a word of its own: "zabc" is not found by "abc".
            if re.search(rf"(?<!\w){word}(?!\w)", row.subject[:1_000]):
                assert row.pk in search.find(folder.pk, word, limit=10_000)
        _get(client, folder.url, q=row.subject[:200])
        _get(client, folder.url, q=row.body[:200])


def tree_is_whole() -> bool:
    return not any(Page.find_problems())


def _get(client: Client, address: str, **query: str) -> bytes:
    response = client.get(address, query)
    assert response.status_code == 200
    return response.content


def _download(client: Client, address: str) -> bytes:
    response = client.get(address)
    assert response.status_code == 200
    _is_a_harmless_download(response)
    return response.getvalue()


def _is_a_harmless_download(response: HttpResponseBase) -> None:
    headers = response.headers
    disposition = headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert disposition.isascii()
    _, encoded, name = disposition.partition("filename*=utf-8''")
    assert not _HARMFUL.search(unquote(name, errors="strict") if encoded else disposition)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
