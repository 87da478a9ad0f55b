"""Who fetches the mailbox: this project, and others beside it. All of them over TLS."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from imapclient import IMAPClient  # type: ignore[import-untyped]

from wagtail_mailarchive.sources.base import Endpoint

from .databases import Database
from .memory import PeakMemory

_BATCH = 200


class Missing(Exception):
    """A contender cannot run here; the message says why."""


def discard(endpoint: Endpoint) -> float:
    """Read every message with IMAPClient and throw it away; return seconds."""
    trusted = ssl.create_default_context(cadata=endpoint.ca_certificate)
    begin = time.perf_counter()
    with IMAPClient(endpoint.host, endpoint.port, ssl_context=trusted) as client:
        client.login(endpoint.username, endpoint.secret)
        client.select_folder("INBOX", readonly=True)
        uids = client.search()
        for start in range(0, len(uids), _BATCH):
            client.fetch(uids[start : start + _BATCH], ["BODY.PEEK[]"])
    return time.perf_counter() - begin


def mbsync(endpoint: Endpoint, scratch: Path) -> float:
    """Copy the mailbox to a Maildir, flushed to disk as mbsync does by default; return seconds."""
    program = shutil.which("mbsync")
    if program is None:
        raise Missing("mbsync is not installed (apt-get install isync)")
    with TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        (folder / "authority.pem").write_text(endpoint.ca_certificate)
        (folder / "mbsyncrc").write_text(
            f"""IMAPAccount bench
Host {endpoint.host}
Port {endpoint.port}
User {endpoint.username}
Pass "{endpoint.secret}"
SSLType IMAPS
CertificateFile {folder}/authority.pem

IMAPStore remote
Account bench

MaildirStore local
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel bench
Far :remote:
Near :local:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""
        )
        (folder / "mail").mkdir()
        begin = time.perf_counter()
        subprocess.run([program, "-q", "-c", folder / "mbsyncrc", "bench"], check=True)
        return time.perf_counter() - begin


class DjangoMailbox:
    """django-mailbox in an environment of its own, with the Django that it gets there."""

    def __init__(self, cache: Path) -> None:
        """
        Raises:
            Missing: it cannot be installed.
        """
        self._python = cache / "django-mailbox" / "bin" / "python"
        if self._python.exists():
            return
        folder = cache / "django-mailbox.building"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        installed = subprocess.run(
            [
                folder / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "django-mailbox",
                "Django",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode:
            lines = installed.stderr.strip().splitlines() or ["no reason given"]
            raise Missing(f"django-mailbox cannot be installed: {lines[-1]}")
        folder.rename(cache / "django-mailbox")

    def fetch(self, endpoint: Endpoint, scratch: Path) -> tuple[float, int]:
        """Return seconds and messages. It marks what it has read as deleted."""
        with TemporaryDirectory(dir=scratch) as name:
            done = subprocess.run(
                # -P: our module "mailbox" must not stand in for Python's.
                [self._python, "-P", Path(__file__).with_name("django_mailbox_peer.py"), name],
                input=json.dumps(_reached(endpoint)),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        result = json.loads(done.stdout.splitlines()[-1])
        return result["seconds"], result["messages"]


@dataclass(frozen=True)
class Archived:
    """What one process of this project did.

    Attributes:
        batches: (seconds since the beginning, messages archived by then) after each commit.
        again: CPU seconds, seconds and commands of looking for new mail once more, if asked for.
        peak: PSS in bytes of the process and its parser, if asked for.
    """

    seconds: float
    cpu: float
    archived: int
    error: str
    adds_up: bool
    batches: list[tuple[float, int]]
    again: dict[str, float] | None = None
    peak: int = 0


class Archiving:
    """This project in a process of its own; ready once entered."""

    def __init__(
        self,
        database: Database,
        endpoint: Endpoint,
        *,
        originals: Path | None = None,
        protocol: str = "imap",
        again: int = 0,
        sampled: bool = False,
        indexed: bool = True,
    ) -> None:
        self._environment = database.environment(originals)
        self._order = _reached(endpoint) | {
            "protocol": protocol,
            "again": again,
            "indexed": indexed,
        }
        self._sampled = sampled

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.archiving"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell(json.dumps(self._order))
        assert self._process.stdout
        answer = self._process.stdout.readline()
        assert answer == "ready\n", answer
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self) -> None:
        self._tell("begin")

    def result(self) -> Archived:
        """Wait for the end.

        Raises:
            AssertionError: not every message was archived.
        """
        with ExitStack() as stack:
            memory = PeakMemory(self._process.pid)
            if self._sampled:
                stack.enter_context(memory)
            assert self._process.stdout
            answer = self._process.stdout.readline()
            assert answer, "the process ended without an answer"
            archived = replace(Archived(**json.loads(answer)), peak=memory.peak)
        assert not archived.error, archived.error
        assert archived.adds_up
        return archived

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def archive(*processes: Archiving) -> list[Archived]:
    """Let all of `processes` fetch at the same time."""
    with ExitStack() as stack:
        # One after the other until they are ready: they make their folders in one tree.
        for process in processes:
            stack.enter_context(process)
        for process in processes:
            process.begin()
        return [process.result() for process in processes]


def _reached(endpoint: Endpoint) -> dict[str, Any]:
    names = ("host", "port", "username", "secret", "ca_certificate")
    return {name: getattr(endpoint, name) for name in names}
