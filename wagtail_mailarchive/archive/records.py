"""ParsedMessage -> values of rows. Everything that is cut to fit a column is cut here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext

from ..mime import VERSION
from ..mime.kinds import is_inline, kind_of
from ..mime.message import Address, ParsedMessage, Part
from ..models.reference import message_id_digest
from .dates import sort_time
from .rows import Row
from .snippet import snippet
from .thread_links import reply_to

_TITLE = 255

_PART = [field.name for field in fields(Part)]
ATTACHMENT = (
    *("message_id", "position", "section", "filename", "content_type", "disposition"),
    *("content_id", "size", "sha256", "start", "length", "encoding"),
    *("kind", "is_inline", "folder_id", "sorted_at", "sender_address"),
)


def message_values(
    folder_id: int,
    original_id: int,
    size: int,
    parsed: ParsedMessage,
    received_at: datetime | None,
    now: datetime,
) -> dict[str, Any]:
    """Return every archived field of a message, and its title, by attribute name.

    Args:
        size: bytes of the original.
    """
    sent_at = parsed.sent_at
    sender = parsed.sender or Address("", "")
    answered = reply_to(parsed.message_id, parsed.in_reply_to)
    return {
        "folder_id": folder_id,
        "original_id": original_id,
        "title": _cut(_one_line(parsed.subject) or gettext("(no subject)"), _TITLE),
        "subject": parsed.subject,
        "sender_name": _cut(_one_line(sender.name), 255),
        "sender_address": _cut(sender.address, 320),
        "sent_at": sent_at.astimezone(UTC) if sent_at else None,
        "sent_offset": parsed.date_offset,
        "received_at": received_at,
        "sorted_at": sort_time(sent_at, received_at, now),
        "message_id": parsed.message_id,
        "message_id_digest": message_id_digest(parsed.message_id) if parsed.message_id else None,
        "in_reply_to": parsed.in_reply_to,
        "references": parsed.references,
        "reply_to_digest": message_id_digest(answered) if answered else None,
        "list_id": _cut(parsed.list_id, 255),
        "addresses": {
            "from": _pairs(parsed.from_),
            "reply_to": _pairs(parsed.reply_to),
            "to": _pairs(parsed.to),
            "cc": _pairs(parsed.cc),
            "bcc": _pairs(parsed.bcc),
        },
        "snippet": snippet(parsed.text),
        "size": size,
        "attachment_count": len(parsed.attachments),
        "text_source": parsed.text_source,
        "has_html": any(part.content_type == "text/html" for part in parsed.html_parts),
        "structure": {
            "header_length": parsed.header_length,
            "text": [_part_values(part) for part in parsed.text_parts],
            "html": [_part_values(part) for part in parsed.html_parts],
        },
        "details": {name: value for name, value in asdict(parsed.details).items() if value},
        "defects": parsed.defects,
        "parsed_by": VERSION,
    }


def attachment_rows(message_id: int, values: Mapping[str, Any], parts: Sequence[Part]) -> list[Row]:
    """Return the columns of `ATTACHMENT`.

    Args:
        values: of the message, as `message_values` gives them.
    """
    folder_id, sorted_at = values["folder_id"], values["sorted_at"]
    sender = _cut(values["sender_address"].lower(), 320)
    return [
        (
            message_id,
            position,
            part.section[:200],
            _cut_name(part.filename),
            part.content_type[:255],
            part.disposition,
            part.content_id[:998],
            part.size,
            part.sha256,
            part.start,
            part.length,
            part.encoding,
            kind := kind_of(part.content_type, part.filename),
            is_inline(kind, part.content_id, part.disposition),
            folder_id,
            sorted_at,
            sender,
        )
        for position, part in enumerate(parts)
    ]


def _part_values(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in _PART}


def _pairs(addresses: Sequence[Address]) -> list[list[Any]]:
    return [[each.name, each.address] for each in addresses]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _cut_name(name: str) -> str:
    """Cut a file name in its middle, so that its extension stays."""
    return name if len(name) <= 255 else f"{name[:200]}…{name[-54:]}"
