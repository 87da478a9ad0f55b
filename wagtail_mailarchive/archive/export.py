"""Writing a whole archive out as files: originals as .eml, and an index of what the pages had.

The index is one JSON object a line, in `index.jsonl`: folders, their messages, and quarantined
mail. Beside the files of each folder stands its chain, in `chain.jsonl`. Files are named by date
and number; nothing a sender wrote becomes part of a path.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from wagtail.models import Page, PageViewRestriction

from ..exceptions import MailArchiveError, OriginalDamaged, StorageError, gettext_noop
from ..models import (
    Comment,
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Original,
    Outcome,
)
from . import chain, originals
from .file_storage import flush_folder

INDEX = "index.jsonl"
CHAIN = "chain.jsonl"
_TOGETHER = 200  # messages read from the database at once


class ExportFolderInUse(MailArchiveError):
    """The target holds files already."""

    template = gettext_noop("%(folder)s is not an empty folder. Name another one to export to.")


class ExportFailed(MailArchiveError):
    """The target could not be written."""

    template = gettext_noop(
        "The export to %(folder)s failed: %(problem)s. Nothing was deleted; "
        "see that there is room and export again."
    )


@dataclass
class Exported:
    """What an export wrote.

    Attributes:
        damaged: originals that could not be read back as they were archived; the index has an
            `error` where they belong.
    """

    messages: int = 0
    quarantined: int = 0
    damaged: int = 0


def export(target: Path, progress: Callable[[int], None] = lambda done: None) -> Exported:
    """Write every folder of the site below `target`; once this returns it is on the disk.

    Args:
        target: a folder that is empty or does not exist.
        progress: called with the number of files written so far.

    Raises:
        ExportFolderInUse: `target` holds something.
        ExportFailed: no room, no right, or a failing disk.
    """
    done = Exported()
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise ExportFolderInUse(folder=str(target))
        with (target / INDEX).open("x", encoding="ascii") as index:
            for folder in EmailFolderPage.objects.order_by("path"):
                _export_folder(folder, target, index, done, progress)
            index.flush()
            os.fsync(index.fileno())
        flush_folder(target)
    except OSError as error:
        raise ExportFailed(
            folder=str(target), problem=error.strerror or type(error).__name__
        ) from error
    return done


def _export_folder(
    folder: EmailFolderPage,
    target: Path,
    index: TextIO,
    done: Exported,
    progress: Callable[[int], None],
) -> None:
    name = f"{re.sub(r'[^a-zA-Z0-9_-]', '_', folder.slug)[:80]}-{folder.pk}"
    (target / name).mkdir()
    _write_line(index, {"kind": "folder", "file": name, **_folder_values(folder)})
    for original, file, values in _contents(folder):
        record: dict[str, Any] = {"file": f"{name}/{file}", **values}
        try:
            _write_original(target / name / file, original)
        except StorageError as error:
            record["error"] = str(error)
            done.damaged += 1
        if record["kind"] == "message":
            done.messages += 1
        else:
            done.quarantined += 1
        _write_line(index, record)
        progress(done.messages + done.quarantined)
    with (target / name / CHAIN).open("x", encoding="ascii") as entries:
        for entry in chain.told(folder.pk):
            _write_line(entries, entry)
        entries.flush()
        os.fsync(entries.fileno())
    flush_folder(target / name)


def _write_line(index: TextIO, record: dict[str, Any]) -> None:
    index.write(json.dumps(record) + "\n")


def _write_original(path: Path, original: Original) -> None:
    """Write the bytes of `original`, hashing what is written.

    Raises:
        StorageError: its store cannot be read.
        OriginalDamaged: it is not what was archived; the file holds what was found.
    """
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for piece in originals.stream(original):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != original.sha256:
        raise OriginalDamaged(sha256=original.sha256, store=original.store)


# -- what the pages had ----------------------------------------------------------------------


def _contents(folder: EmailFolderPage) -> Iterator[tuple[Original, str, dict[str, Any]]]:
    """Yield (original, file name, values for the index) of all that the folder keeps."""
    messages = (
        EmailMessagePage.objects.filter(folder=folder)
        .select_related("original")
        .prefetch_related("attachments", "entries__mailbox", "view_restrictions__groups")
        .prefetch_related("reader_comments__author")
        .order_by("pk")
    )
    for message in messages.iterator(chunk_size=_TOGETHER):
        stamp = message.sorted_at.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
        yield message.original, f"{stamp}-{message.pk}.eml", _message_values(message)
    entries = (
        LedgerEntry.objects.filter(
            mailbox__folder=folder, outcome=Outcome.QUARANTINED, original__isnull=False
        )
        .select_related("original", "mailbox")
        .order_by("pk")
    )
    for entry in entries.iterator(chunk_size=_TOGETHER):
        if entry.original is not None:
            yield entry.original, f"quarantined-{entry.pk}.eml", _quarantined_values(entry)


def _folder_values(folder: EmailFolderPage) -> dict[str, Any]:
    return {
        **_page_values(folder),
        "description": folder.description,
        "accounts": [
            {
                "name": account.name,
                "email": account.email,
                "protocol": account.protocol,
                "security": account.security,
                "host": account.host,
                "port": account.port,
                "username": account.username,
                "mailboxes": account.mailboxes,
            }
            for account in folder.accounts.all()
        ],
    }


def _message_values(message: EmailMessagePage) -> dict[str, Any]:
    return {
        "kind": "message",
        **_page_values(message),
        "subject": message.subject,
        "sender": [message.sender_name, message.sender_address],
        "addresses": message.addresses,
        "sent_at": _moment(message.sent_locally or message.sent_at),
        "received_at": _moment(message.received_at),
        "sorted_at": _moment(message.sorted_at),
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": message.references,
        "list_id": message.list_id,
        "sha256": message.original.sha256,
        "size": message.size,
        "attachments": [
            {
                "filename": attachment.filename,
                "content_type": attachment.content_type,
                "size": attachment.size,
                "sha256": attachment.sha256,
            }
            for attachment in message.attachments.all()
        ],
        "comments": [_comment_values(each) for each in message.reader_comments.all()],
        "defects": message.defects,
        "seen_in": [_place(entry) for entry in message.entries.all()],
    }


def _comment_values(comment: Comment) -> dict[str, Any]:
    return {
        "comment": comment.pk,
        "reply_to": comment.parent_id,
        "name": comment.author_name,
        "username": comment.author.get_username() if comment.author else "",
        "is_guest": comment.is_guest,
        "state": comment.state,
        "text": comment.text,
        "created_at": _moment(comment.created_at),
        "edited_at": _moment(comment.edited_at),
    }


def _quarantined_values(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "kind": "quarantined",
        "received_at": _moment(entry.received_at),
        "sha256": entry.original.sha256 if entry.original else "",
        "reason": entry.reason_code,
        "seen_in": [_place(entry)],
    }


def _page_values(page: Page) -> dict[str, Any]:
    return {
        "page": page.pk,
        "title": page.title,
        "slug": page.slug,
        "url_path": page.url_path,
        "live": page.live,
        "restrictions": [_restriction(each) for each in page.view_restrictions.all()],
    }


def _restriction(restriction: PageViewRestriction) -> dict[str, Any]:
    # A restriction's password is a secret and stays behind.
    return {
        "type": restriction.restriction_type,
        "groups": [group.name for group in restriction.groups.all()],
    }


def _place(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "mailbox": entry.mailbox.name,
        "uidvalidity": entry.uidvalidity,
        "uid": entry.uid,
        "outcome": entry.outcome,
    }


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
