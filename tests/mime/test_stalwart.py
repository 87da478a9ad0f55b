"""The parser beside Stalwart's, on Stalwart's own test mail and the results it expects there.

Where we differ on purpose, `DIFFERENCES` says which field and why; a difference that has gone is a
failure too, so that the list stays true.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.mime.corpora import STALWART, needs_corpora
from wagtail_mailarchive.mime.decode import decode_text
from wagtail_mailarchive.mime.message import Address
from wagtail_mailarchive.mime.parser import parse

pytestmark = needs_corpora

RAW_8BIT = "raw 8-bit text without a charset: we guess UTF-8, then Windows-1252; Stalwart does not"

# (files, fields, reason)
ON_PURPOSE = [
    ("legacy/010 legacy/020 legacy/022 legacy/027 legacy/052", "subject to", RAW_8BIT),
    ("legacy/017", "to", RAW_8BIT),
    ("legacy/033 legacy/052", "body", RAW_8BIT),
    ("legacy/016 legacy/023 legacy/026", "attachments", RAW_8BIT),
    (
        "malformed/001 malformed/003 malformed/006 malformed/008 malformed/009 malformed/011",
        "attachments body",
        "a multipart is not closed: Stalwart takes its last part for an attachment, to us it is as "
        "readable as the others",
    ),
    (
        "malformed/002 malformed/004",
        "attachments body",
        "no delimiter of the multipart is there: Stalwart attaches its source, we show it as text",
    ),
    ("malformed/007", "attachments", "an empty part that is not closed is an empty text to us"),
    (
        "malformed/012",
        "attachments",
        "the nested message behind an unclosed multipart is one more to us",
    ),
    (
        "malformed/016",
        "attachments body",
        "an outer delimiter closes what is inside (RFC 2046 section 5.1.2), so later delimiters "
        "of the inner multiparts are text; to Stalwart they go on",
    ),
    ("malformed/017", "attachments", "we find the file name behind an empty disposition"),
    ("malformed/019", "body", "the HTML behind a garbled header is text to us"),
    (
        "malformed/020 malformed/021",
        "body",
        "two Content-Type fields in one header: we read the multipart that the first announces, "
        "Stalwart shows its source as text",
    ),
    ("rfc/001", "attachments", "we offer only the last part of a path as file name"),
    (
        "thirdparty/002",
        "attachments body",
        "base64 ends at its padding and junk in it is skipped (RFC 2045 section 6.8); Stalwart "
        "reads on, and attaches what it cannot read",
    ),
    ("thirdparty/005", "body", "a closing delimiter in the middle of a line is none"),
    (
        "thirdparty/015",
        "attachments",
        "nested messages that are cut short do not swallow the attachments behind them",
    ),
]

DIFFERENCES: dict[str, dict[str, str]] = {}
for files, fields, reason in ON_PURPOSE:
    for file in files.split():
        DIFFERENCES.setdefault(file, {}).update(dict.fromkeys(fields.split(), reason))


def pairs(addresses: list[Address]) -> list[tuple[str, str]]:
    return [(each.name, each.address) for each in addresses]


def ours(raw: bytes) -> dict[str, Any]:
    message = parse(raw)
    # Stalwart leaves flowed text (RFC 3676) as it is.
    bodies = [
        decode_text(replace(part, format_flowed=False), raw[part.start : part.start + part.length])
        for part in message.text_parts
    ]
    return {
        "subject": message.subject,
        "from": pairs(message.from_),
        "to": pairs(message.to),
        "cc": pairs(message.cc),
        "bcc": pairs(message.bcc),
        "reply_to": pairs(message.reply_to),
        "date": message.date,
        "body": [lines(body) for body in bodies if body.strip()],
        "attachments": [part.filename for part in message.attachments],
        "nested": [part.content_type == "message/rfc822" for part in message.attachments],
    }


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def expected(path: Path) -> dict[str, Any]:
    whole = json.loads(path.read_text())
    parts = whole["parts"]
    headers: dict[str, list[Any]] = {}
    for header in parts[0]["headers"]:
        if isinstance(header["name"], str) and header["value"] != "Empty":
            headers.setdefault(header["name"], []).append(header["value"])
    bodies = [parts[number]["body"] for number in whole["text_body"]]
    texts = [body.get("Text", body.get("Html", "")) for body in bodies]
    return {
        "subject": headers["subject"][0]["Text"] if "subject" in headers else "",
        **{
            name: [pair for value in headers.get(name, []) for pair in mailboxes(value)]
            for name in ("from", "to", "cc", "bcc", "reply_to")
        },
        "date": seconds(headers["date"][0]) if "date" in headers else None,
        "body": [lines(text) for text in texts if text.strip()],
        "attachments": [filename(parts[number]) for number in whole["attachments"]],
    }


def mailboxes(value: dict[str, Any]) -> list[tuple[str, str]]:
    address = value["Address"]
    listed = address.get("List") or [
        each for group in address.get("Group", []) for each in group["addresses"]
    ]
    return [(each["name"] or "", each["address"] or "") for each in listed]


def seconds(value: dict[str, Any]) -> int | None:
    date = value.get("DateTime")
    if date is None:
        return None
    clock = [str(date[unit]) for unit in ("year", "month", "day", "hour", "minute", "second")]
    utc = datetime.strptime(" ".join(clock), "%Y %m %d %H %M %S").replace(tzinfo=UTC)
    offset = timedelta(hours=date["tz_hour"], minutes=date["tz_minute"])
    return int((utc + (offset if date["tz_before_gmt"] else -offset)).timestamp())


def filename(part: dict[str, Any]) -> str:
    for field, attribute in (("content_disposition", "filename"), ("content_type", "name")):
        for header in part["headers"]:
            if header["name"] != field or not isinstance(header["value"], dict):
                continue
            for each in header["value"]["ContentType"]["attributes"] or []:
                if each["name"] == attribute:
                    return str(each["value"])
    return ""


CASES = sorted(str(path.relative_to(STALWART).with_suffix("")) for path in STALWART.rglob("*.eml"))


def test_there_is_mail_to_compare() -> None:
    assert len(CASES) > 100
    assert set(DIFFERENCES) <= set(CASES)


@pytest.mark.parametrize("line_end", ["lf", "crlf"])
@pytest.mark.parametrize("case", CASES)
def test_we_differ_from_stalwart_only_where_we_mean_to(case: str, line_end: str) -> None:
    original = (STALWART / f"{case}.eml").read_bytes()
    if line_end == "crlf":
        # As Stalwart made the originals of its second set of results.
        original = original.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    suffix = ".json" if line_end == "lf" else ".crlf.json"
    theirs, mine = expected(STALWART / (case + suffix)), ours(original)

    nested = mine.pop("nested")
    if len(theirs["attachments"]) == len(nested):
        # We name a nested message after its subject, Stalwart leaves it without a name.
        theirs["attachments"] = [
            name or (our_name if is_nested and our_name.endswith(".eml") else "")
            for name, our_name, is_nested in zip(
                theirs["attachments"], mine["attachments"], nested, strict=True
            )
        ]
    different = {field: mine[field] for field in theirs if theirs[field] != mine[field]}

    assert set(different) == set(DIFFERENCES.get(case, {})), (different, theirs)
