"""ParsedMessage -> unsaved rows. Everything that is cut to fit a column is cut here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext

from ..mime.message import Address, ParsedMessage, Part
from ..models import Attachment, EmailMessagePage, MessageReference, MessageText, Original
from ..models.message_text import scope_of, sort_key
from ..models.reference import message_id_digest
from .dates import sort_time

_TITLE = 255
_SNIPPET = 200
# Beyond this an address list is a bomb or a mistake; the original has it whole.
_PEOPLE = 20_000


def message_record(
    folder_id: int,
    original: Original,
    parsed: ParsedMessage,
    received_at: datetime | None,
    now: datetime,
) -> EmailMessagePage:
    """Return an unsaved message with every archived field set."""
    sent_at = parsed.sent_at
    sender = parsed.sender or Address("", "")
    digest = message_id_digest(parsed.message_id) if parsed.message_id else None
    return EmailMessagePage(
        folder_id=folder_id,
        original=original,
        title=_cut(_one_line(parsed.subject) or gettext("(no subject)"), _TITLE),
        subject=parsed.subject,
        sender_name=_cut(_one_line(sender.name), 255),
        sender_address=_cut(sender.address, 320),
        sent_at=sent_at.astimezone(UTC) if sent_at else None,
        sent_offset=parsed.date_offset,
        received_at=received_at,
        sorted_at=sort_time(sent_at, received_at, now),
        message_id=parsed.message_id,
        message_id_digest=digest,
        in_reply_to=parsed.in_reply_to,
        references=parsed.references,
        list_id=_cut(parsed.list_id, 255),
        addresses={
            "from": _pairs(parsed.from_),
            "reply_to": _pairs(parsed.reply_to),
            "to": _pairs(parsed.to),
            "cc": _pairs(parsed.cc),
            "bcc": _pairs(parsed.bcc),
        },
        snippet=_cut(_one_line(parsed.text[:1000]), _SNIPPET),
        size=original.size,
        attachment_count=len(parsed.attachments),
        text_source=parsed.text_source,
        has_html=any(part.content_type == "text/html" for part in parsed.html_parts),
        structure={
            "header_length": parsed.header_length,
            "text": [asdict(part) for part in parsed.text_parts],
            "html": [asdict(part) for part in parsed.html_parts],
        },
        defects=parsed.defects,
    )


def attachment_records(message_id: int, parts: Sequence[Part]) -> list[Attachment]:
    return [
        Attachment(
            message_id=message_id,
            position=position,
            section=part.section[:200],
            filename=_cut_name(part.filename),
            content_type=part.content_type[:255],
            disposition=part.disposition,
            content_id=part.content_id[:998],
            size=part.size,
            sha256=part.sha256,
            start=part.start,
            length=part.length,
            encoding=part.encoding,
        )
        for position, part in enumerate(parts)
    ]


def reference_records(message_id: int, parsed: ParsedMessage) -> list[MessageReference]:
    return [
        MessageReference(message_id=message_id, digest=message_id_digest(name), position=position)
        for position, name in enumerate([*parsed.references, *parsed.in_reply_to])
    ]


def text_record(message: EmailMessagePage, parsed: ParsedMessage) -> MessageText:
    """Return the search row; its key may still have to make way for an equal one."""
    return MessageText(
        id=sort_key(message.sorted_at, message.pk),
        message_id=message.pk,
        scope=scope_of(message.folder_id),
        subject=parsed.subject,
        people=people_words(parsed),
        body=parsed.text,
    )


def people_words(parsed: ParsedMessage) -> str:
    """Return names, addresses and the addresses' parts.

    PostgreSQL takes "user77@example.org" for one word and would not find "user77".
    """
    words: list[str] = []
    length = 0
    for person in (*parsed.from_, *parsed.to, *parsed.cc, *parsed.bcc, *parsed.reply_to):
        entry = " ".join((person.name, person.address, *re.split(r"[^\w]+", person.address)))
        length += len(entry) + 1
        if length > _PEOPLE:
            break
        words.append(entry)
    return "\n".join(words)


def _pairs(addresses: Sequence[Address]) -> list[list[Any]]:
    return [[each.name, each.address] for each in addresses]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _cut_name(name: str) -> str:
    """Cut a file name in its middle, so that its extension stays."""
    return name if len(name) <= 255 else f"{name[:200]}…{name[-54:]}"
