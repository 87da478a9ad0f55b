"""From the bytes of one message to a `ParsedMessage`. Never raises, whatever the bytes are."""

from __future__ import annotations

from . import invitations, limits, tnef
from .addresses import read_addresses
from .authentication import read_results
from .bodies import choose
from .dates import read_date
from .decode import decode_body, decode_text
from .details import Contained, Details, Invitation
from .headers import Fields, list_id, message_ids
from .html_text import html_to_text
from .message import ParsedMessage, Part
from .parts import describe
from .protection import traits
from .structure import Entity, scan
from .words import decode_words


def parse(raw: bytes) -> ParsedMessage:
    """Return what the archive keeps of a message, with what was wrong in it by name.

    Args:
        raw: the original, an envelope line of an mbox file ("From ...") in front allowed.
    """
    defects: set[str] = set()
    top = scan(raw, defects)
    parts: dict[str, Part] = {}
    if top.is_multipart:
        _describe_leaves(raw, top, parts, defects)
    else:
        parts[top.section] = describe(raw, top, defects)
    bodies = choose(top, parts)
    message = ParsedMessage(
        text_parts=bodies.text,
        html_parts=bodies.html,
        attachments=bodies.attachments,
        header_length=top.start,
    )
    _read_headers(top.fields, message, defects)
    _read_text(raw, message, defects)
    message.details = Details(
        traits=traits(top, message.text),
        authentication=read_results(top.fields.get("authentication-results", [])),
        invitations=_invitations(raw, list(parts.values()), defects),
        contained=_contained(raw, message.attachments),
    )
    message.defects = sorted(defects)
    return message


def _describe_leaves(
    raw: bytes, multipart: Entity, parts: dict[str, Part], defects: set[str]
) -> None:
    for child in multipart.children:
        if child.is_multipart:
            _describe_leaves(raw, child, parts, defects)
        elif child.fields or child.end > child.start:
            parts[child.section] = describe(raw, child, defects)
        # Else it is two delimiters in a row, or one too many at the end: no part.


def _read_headers(fields: Fields, message: ParsedMessage, defects: set[str]) -> None:
    message.subject = decode_words(_first(fields, "subject"))
    message.from_ = read_addresses(fields.get("from", []), defects)
    message.reply_to = read_addresses(fields.get("reply-to", []), defects)
    message.to = read_addresses(fields.get("to", []), defects)
    message.cc = read_addresses(fields.get("cc", []), defects)
    message.bcc = read_addresses(fields.get("bcc", []), defects)
    senders = message.from_ or read_addresses(fields.get("sender", []), defects)
    message.sender = senders[0] if senders else None
    if date := _first(fields, "date"):
        message.date, message.date_offset = read_date(date)
        if message.date is None:
            defects.add("bad-date")
    message.message_id = next(iter(message_ids(fields.get("message-id", []))), "")
    message.in_reply_to = message_ids(fields.get("in-reply-to", []))
    message.references = message_ids(fields.get("references", []))
    message.list_id = list_id(_first(fields, "list-id"))


def _first(fields: Fields, name: str) -> bytes:
    values = fields.get(name)
    return values[0] if values else b""


def _read_text(raw: bytes, message: ParsedMessage, defects: set[str]) -> None:
    """Set the text to read and to index, and whether any of it was made from HTML."""
    text, source = _joined(raw, message.text_parts, defects)
    if not text and message.html_parts and message.html_parts != message.text_parts:
        # An alternative for show: its text is empty.
        text, source = _joined(raw, message.html_parts, defects)
    if len(text) > limits.TEXT_CHARACTERS:
        text = text[: limits.TEXT_CHARACTERS]
        defects.add("text-truncated")
    message.text, message.text_source = text, source if text else ""


def _joined(raw: bytes, parts: list[Part], defects: set[str]) -> tuple[str, str]:
    texts: list[str] = []
    characters = 0
    source = "plain"
    for part in parts:
        if characters > limits.TEXT_CHARACTERS:
            break
        length = min(part.length, limits.TEXT_PART_BYTES)
        if length < part.length:
            defects.add("text-truncated")
        text = decode_text(part, raw[part.start : part.start + length])
        if part.content_type == "text/html":
            text = html_to_text(text)
            source = "html"
        text = text.strip("\n")
        if text.strip():
            texts.append(text)
            characters += len(text)
    return "\n\n".join(texts), source


def _invitations(raw: bytes, parts: list[Part], defects: set[str]) -> list[Invitation]:
    found: list[Invitation] = []
    calendars = [part for part in parts if part.content_type in invitations.TYPES]
    known: set[str] = set()  # often the same calendar is there twice, as a body and as a file
    for part in calendars[: invitations.CALENDARS]:
        if part.sha256 in known:
            continue
        known.add(part.sha256)
        end = part.start + min(part.length, limits.TEXT_PART_BYTES)
        text = decode_text(part, raw[part.start : end])
        try:
            found += invitations.read_invitations(part.section, text)
        except invitations.UnreadableCalendar:
            defects.add("bad-calendar")
    return found[: invitations.EVENTS]


def _contained(raw: bytes, attachments: list[Part]) -> list[Contained]:
    """Return the files inside the first winmail.dat."""
    for part in attachments:
        if part.content_type in tnef.TYPES or part.filename.lower() == "winmail.dat":
            content = decode_body(raw[part.start : part.start + part.length], part.encoding)
            return [
                Contained(part.section, each.filename, each.start, each.length)
                for each in tnef.files(content)
            ]
    return []
