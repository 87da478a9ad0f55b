"""What the parser says about one message: plain values, no Django, no bytes of the message.

A `ParsedMessage` crosses the pipe between the parser's process and its caller as JSON.
`from_json` is the one boundary where NUL and lone surrogates end: no string that came through it
holds either, so none can reach the database.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .details import Details

# NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot hold.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# How JSON in ASCII writes them, and pairs of surrogates, which are fine: looked at more closely.
_ESCAPED = r"\\u(?:0000|[dD][89a-fA-F])"
_ESCAPED_TEXT, _ESCAPED_BYTES = re.compile(_ESCAPED), re.compile(_ESCAPED.encode("ascii"))


@dataclass(slots=True)
class Address:
    """One mailbox of an address list (RFC 5322 section 3.4); groups are flattened.

    Attributes:
        name: the display name, decoded; "" if there is none.
        address: the addr-spec as written, e.g. "ada@example.org"; "" if it cannot be told.
    """

    name: str
    address: str


@dataclass(slots=True)
class Part:
    """One leaf of the MIME tree, with the byte range that holds its body in the original.

    Attributes:
        section: its number as IMAP counts (RFC 3501 section 6.4.5), e.g. "1.2".
        content_type: "type/subtype" in lower case; "text/plain" where the header is unusable.
        charset: as declared, lower case; "" if not declared.
        encoding: the transfer encoding that really applies: "7bit", "8bit", "binary", "base64",
            "quoted-printable" or "x-uuencode".
        disposition: "inline", "attachment" or "".
        filename: decoded, in one line, without folders; "" if none. A nested message is named
            after its subject with ".eml".
        content_id: without angle brackets; "" if none.
        start: offset of the still encoded body's first byte in the original.
        length: number of its bytes there.
        size: number of bytes once decoded.
        sha256: hex digest of the decoded bytes.
        format_flowed: RFC 3676 format=flowed.
        delsp: RFC 3676 DelSp=yes.
    """

    section: str
    content_type: str
    charset: str
    encoding: str
    disposition: str
    filename: str
    content_id: str
    start: int
    length: int
    size: int
    sha256: str
    format_flowed: bool = False
    delsp: bool = False


@dataclass(slots=True)
class ParsedMessage:
    """What the archive keeps of a message, beside its original.

    Attributes:
        subject: decoded and unfolded, whole; "" if missing.
        sender: the first From mailbox, else Sender's; None if neither can be read.
        from_, reply_to, to, cc, bcc: address lists in the header's order.
        date: the Date header in seconds since 1970 (UTC), None if missing or unreadable.
        date_offset: its zone in minutes east of UTC; None if it gave none ("-0000" too).
        message_id: without angle brackets; "" if none.
        in_reply_to, references: msg-ids without angle brackets, in order, at most 1,000 each.
        list_id: RFC 2919, without angle brackets; "" if none.
        text: the body to read and to index: the text/plain parts, else the HTML as text.
        text_source: "plain", "html" or "" where there is no text.
        text_parts, html_parts: bodies as RFC 8621 section 4.1.4 chooses them.
        attachments: everything else that is a leaf, inline images included.
        header_length: number of bytes of the header block, its blank line included.
        details: what a message page tells beside all that.
        defects: short English names of what was wrong, e.g. "bad-base64"; never raises.
    """

    subject: str = ""
    sender: Address | None = None
    from_: list[Address] = field(default_factory=list)
    reply_to: list[Address] = field(default_factory=list)
    to: list[Address] = field(default_factory=list)
    cc: list[Address] = field(default_factory=list)
    bcc: list[Address] = field(default_factory=list)
    date: int | None = None
    date_offset: int | None = None
    message_id: str = ""
    in_reply_to: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    list_id: str = ""
    text: str = ""
    text_source: str = ""
    text_parts: list[Part] = field(default_factory=list)
    html_parts: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)
    header_length: int = 0
    details: Details = field(default_factory=Details)
    defects: list[str] = field(default_factory=list)

    @property
    def sent_at(self) -> datetime | None:
        """The Date header as an aware datetime in the sender's zone; None if there is none."""
        if self.date is None:
            return None
        zone = timezone(timedelta(minutes=self.date_offset or 0))
        return datetime.fromtimestamp(self.date, zone)

    def to_json(self) -> str:
        """Return this message as one line of JSON (ASCII)."""
        return _encode(self)

    @classmethod
    def from_json(cls, line: str | bytes) -> ParsedMessage:
        """Rebuild a message from `to_json`, with every string made storable.

        Raises:
            ValueError, KeyError, TypeError: `line` is not what `to_json` writes.
        """
        values = json.loads(line)
        if not line.isascii() or _may_be_unstorable(line):
            values = _storable(values)
        for name in ("from_", "reply_to", "to", "cc", "bcc"):
            values[name] = [Address(**each) for each in values[name]]
        for name in ("text_parts", "html_parts", "attachments"):
            values[name] = [Part(**each) for each in values[name]]
        if values["sender"] is not None:
            values["sender"] = Address(**values["sender"])
        values["details"] = Details.from_values(values["details"])
        return cls(**values)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


# Several times faster than dataclasses.asdict, and this is done for every message.
_encode = json.JSONEncoder(separators=(",", ":"), default=_fields).encode


def _may_be_unstorable(line: str | bytes) -> bool:
    if isinstance(line, str):
        return _ESCAPED_TEXT.search(line) is not None
    return _ESCAPED_BYTES.search(line) is not None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {key: _storable(each) for key, each in value.items()}
    return value


def storable(text: str) -> str:
    """Return `text` with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)
