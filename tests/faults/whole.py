"""Is everything whole? What is looked at after each fault, in the database and on the server."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from django.apps import apps
from django.db.models import Count
from wagtail.models import Page

from wagtail_mailarchive.archive import chain, originals
from wagtail_mailarchive.exceptions import MailArchiveError
from wagtail_mailarchive.fetching.tally import tally
from wagtail_mailarchive.models import (
    ChainEntry,
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Original,
    Outcome,
    Presence,
)

from .cases import ENDS_WITH
from .mail import TARGET

# What a fetch that finds nothing new may change.
_MAY_CHANGE = {"fetchrun", "lease", "accounthealth", "notice", "workerheartbeat"}


class Server(TypedDict):
    """A user's mail on the server.

    Attributes:
        maildirs: path by mailbox.
        delivered: by mailbox, digest and kind of each message that was ever put there.
    """

    maildirs: dict[str, str]
    delivered: dict[str, list[tuple[str, str]]]


def problems(server: Server) -> Iterator[str]:
    """Yield what is wrong at any moment, however far the fetch came."""
    twice = (
        EmailMessagePage.objects.values("folder", "original")
        .annotate(pages=Count("pk"))
        .filter(pages__gt=1)
    )
    if twice.exists():
        yield f"second pages: {list(twice)}"
    unfindable = EmailMessagePage.objects.filter(text_entry=None)
    if unfindable.exists():
        yield f"pages without a row to be found by: {list(unfindable)}"
    if any(Page.find_problems()):
        yield f"the tree is broken: {Page.find_problems()}"
    yield from _broken_chain()
    safe = set(_safe())
    removed = _delivered(server) - _on_server(server)
    yield from (f"removed and not safe: {each}" for each in removed if each not in safe)


def unfinished(server: Server, errand: str) -> Iterator[str]:
    """Yield what is wrong when all is said and done.

    Args:
        errand: one of `cases.ERRANDS`.
    """
    action = ENDS_WITH[errand]
    yield from _lost(server)
    [account] = MailAccount.objects.all()
    if not tally(account).adds_up:
        yield f"the ledger does not add up: {tally(account)}"
    rest = LedgerEntry.objects.filter(outcome=Outcome.WAITING)
    rest |= LedgerEntry.objects.filter(presence=Presence.REMOVAL_PENDING)
    if rest.exists():
        yield f"left undone: {list(rest.values('uid', 'outcome', 'presence'))}"
    for mailbox in server["maildirs"]:
        there, wanted = _digests(server, mailbox), _wanted(server, mailbox, action)
        # Whoever dies between copying and removing leaves two copies rather than none.
        most = wanted + wanted if (mailbox, errand) == (TARGET, "copy") else wanted
        if there - most or wanted - there:
            yield f"{mailbox} holds too much: {there - most}; and lacks: {wanted - there}"
        if any("T" in _flags(file) for file in _files(server["maildirs"][mailbox])):
            yield f"in {mailbox} there is mail left marked as deleted"
    if action == "mark_read":
        yield from _wrongly_read(server)


def snapshot(server: Server) -> dict[str, str]:
    """Return a digest of each table of ours, of the pages and of the server's files."""
    tables = {
        model._meta.model_name or "": model._default_manager.order_by("pk").values_list()
        for model in apps.get_app_config("wagtail_mailarchive").get_models()
        if model._meta.model_name not in _MAY_CHANGE
    }
    tables["page"] = Page.objects.order_by("pk").values_list()
    listed = [field.attname for field in Mailbox._meta.fields if field.attname != "listed_at"]
    tables["mailbox"] = Mailbox.objects.order_by("pk").values_list(*listed)
    found = {name: _digest(repr(list(rows)).encode()) for name, rows in tables.items()}
    for mailbox, path in server["maildirs"].items():
        found[f"files of {mailbox}"] = repr([file.name for file in _files(path)])
    return found


def _safe() -> Iterator[str]:
    """Yield the digests of originals that are whole and belong to a page or to quarantine."""
    owned = set(EmailMessagePage.objects.values_list("original", flat=True))
    quarantined = LedgerEntry.objects.filter(outcome=Outcome.QUARANTINED)
    owned |= set(quarantined.values_list("original", flat=True))
    for original in Original.objects.filter(pk__in=owned):
        try:
            originals.verify(original)
        except MailArchiveError:
            continue
        yield original.sha256


def _broken_chain() -> Iterator[str]:
    """Yield what is wrong with the chain: it holds exactly what came in, in an unbroken row."""
    digest = chain.BEGINNING
    for number, entry in enumerate(ChainEntry.objects.order_by("number"), start=1):
        digest = chain.digest_of(digest, number, entry.sha256, entry.archived_at, entry.mailbox)
        if (entry.number, entry.digest) != (number, digest):
            yield f"the chain is broken at {entry.number}"
            return
    chained = Counter(ChainEntry.objects.values_list("sha256", flat=True))
    came = LedgerEntry.objects.filter(outcome__in=[Outcome.ARCHIVED, Outcome.QUARANTINED])
    if chained != Counter(came.values_list("original__sha256", flat=True)):
        yield "the chain is not what came in"


def _lost(server: Server) -> Iterator[str]:
    """Yield the messages whose outcome is not what it has to be."""
    # Rows of UIDs that mean nothing any more stay, and say that their messages are gone.
    here = LedgerEntry.objects.exclude(presence=Presence.GONE)
    rows = here.values_list("outcome", "original__sha256")
    outcomes = Counter(
        ("archived" if outcome == Outcome.DUPLICATE else outcome, sha256 or "")
        for outcome, sha256 in rows
    )
    wanted: Counter[tuple[str, str]] = Counter()
    for messages in server["delivered"].values():
        for sha256, kind in messages:
            wanted[kind, "" if kind == "too_large" else sha256] += 1
    if outcomes != wanted:
        yield f"lost: {wanted - outcomes}; too many: {outcomes - wanted}"
    pages = set(EmailMessagePage.objects.values_list("original__sha256", flat=True))
    if pages != {sha256 for kind, sha256 in wanted if kind == "archived"}:
        yield f"pages: {pages}"
    unsafe = {sha256 for _, sha256 in wanted if sha256} - set(_safe())
    yield from (f"not whole: {sha256}" for sha256 in unsafe)


def _wanted(server: Server, mailbox: str, action: str) -> Counter[str]:
    """Return what has to be in a mailbox in the end."""
    delivered = server["delivered"]
    if action in ("leave", "mark_read"):
        return Counter(sha256 for sha256, _ in delivered.get(mailbox, []))
    if mailbox in delivered:
        return Counter(sha256 for sha256, kind in delivered[mailbox] if kind != "archived")
    everything = [each for messages in delivered.values() for each in messages]
    moved = [sha256 for sha256, kind in everything if kind == "archived"]
    return Counter(moved if action == "move" else [])


def _wrongly_read(server: Server) -> Iterator[str]:
    kinds = {each[0]: each[1] for messages in server["delivered"].values() for each in messages}
    for path in server["maildirs"].values():
        for file in _files(path):
            is_read = "S" in _flags(file)
            kind = kinds[_digest(file.read_bytes())]
            if is_read is not (kind == "archived"):
                yield f"{kind} mail is {'read' if is_read else 'unread'}"


def _delivered(server: Server) -> Counter[str]:
    return Counter(each[0] for messages in server["delivered"].values() for each in messages)


def _on_server(server: Server) -> Counter[str]:
    total: Counter[str] = Counter()
    for mailbox in server["maildirs"]:
        total += _digests(server, mailbox)
    return total


def _digests(server: Server, mailbox: str) -> Counter[str]:
    while True:
        try:
            files = _files(server["maildirs"][mailbox])
            return Counter(_digest(file.read_bytes()) for file in files)
        except FileNotFoundError:
            # Renamed meanwhile, because the server takes notice of it.
            continue


def _files(maildir: str) -> list[Path]:
    """Return the files of a mailbox by name; none if it was never made."""
    parts = [Path(maildir, part) for part in ("new", "cur")]
    files = [file for part in parts if part.is_dir() for file in part.iterdir()]
    return sorted(files, key=lambda file: file.name)


def _flags(file: Path) -> str:
    return file.name.partition(":2,")[2]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
