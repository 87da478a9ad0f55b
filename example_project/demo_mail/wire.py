"""Writes messages byte by byte: headers, encoded words, transfer encodings, MIME trees.

The standard library's generator would choose boundaries at random, fold as it likes and mend what
is meant to be odd; here every byte follows from the arguments.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

Header = tuple[str, str]


@dataclass(frozen=True)
class Part:
    """A MIME entity: its Content-* headers and its encoded body."""

    headers: tuple[Header, ...]
    body: bytes

    def to_bytes(self) -> bytes:
        return block(self.headers) + b"\r\n" + self.body


def digest(*values: object) -> str:
    """Return a hex digest that depends on `values` alone; our source of "random" tokens."""
    return hashlib.sha256("\0".join(map(str, values)).encode()).hexdigest()


def encoded(text: str, charset: str = "utf-8") -> str:
    """Return `text` as RFC 2047 encoded words of at most 75 characters; ASCII stays as it is."""
    if text.isascii():
        return text
    charset = fitting(text, charset)
    room = (75 - len(f"=?{charset}?B??=")) // 4 * 3
    words, piece = [], ""
    for character in text:
        if len((piece + character).encode(charset)) > room:
            words.append(piece)
            piece = ""
        piece += character
    words.append(piece)
    return " ".join(
        f"=?{charset}?B?{base64.b64encode(word.encode(charset)).decode()}?=" for word in words
    )


def fitting(text: str, charset: str) -> str:
    """Return us-ascii if it can hold `text`, else `charset` if that can, else utf-8."""
    for candidate in ("us-ascii", charset):
        try:
            text.encode(candidate)
        except UnicodeEncodeError:
            continue
        return candidate
    return "utf-8"


def mailbox(name: str, address: str, charset: str = "utf-8") -> str:
    """Return `name <address>` (RFC 5322 section 3.4), the name encoded or quoted as needed."""
    if not name:
        return address
    if name.isascii() and not name.replace(" ", "").isalnum():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    return f"{encoded(name, charset)} <{address}>"


def block(headers: Iterable[Header]) -> bytes:
    """Return header lines, folded at blanks towards 78 characters (RFC 5322 section 2.2.3)."""
    lines = []
    for name, value in headers:
        line = f"{name}:"
        for word in value.split(" "):
            if len(line) + 1 + len(word) > 78 and line != f"{name}:":
                lines.append(line)
                line = ""
            line += f" {word}"
        lines.append(line)
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def parameter(name: str, value: str) -> str:
    """Return `; name=value` parts, by RFC 2231 (in pieces where long) if not ASCII."""
    if value.isascii() and len(value) < 60:
        return f'; {name}="{value}"'
    if value.isascii():
        pieces = [value[start : start + 50] for start in range(0, len(value), 50)]
        return "".join(f'; {name}*{i}="{piece}"' for i, piece in enumerate(pieces))
    escaped = [quote(character, safe="") for character in value]
    lines, line = [], "utf-8''"
    for each in escaped:
        if len(line) + len(each) > 55:
            lines.append(line)
            line = ""
        line += each
    lines.append(line)
    if len(lines) == 1:
        return f"; {name}*={lines[0]}"
    return "".join(f"; {name}*{i}*={each}" for i, each in enumerate(lines))


def transfer(data: bytes, encoding: str) -> bytes:
    """Return `data` in a transfer encoding, lines ended by CRLF.

    Text has LF line ends in `data`. Binary data belongs in base64.
    """
    if encoding == "base64":
        return base64.encodebytes(data).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        data = quopri.encodestring(data)
    return data.replace(b"\n", b"\r\n")


def text(
    body: str,
    subtype: str = "plain",
    charset: str = "utf-8",
    encoding: str = "",
    parameters: str = "",
) -> Part:
    """Return a text part; without `encoding` 7bit for ASCII, else quoted-printable."""
    if not encoding:
        encoding = "7bit" if body.isascii() else "quoted-printable"
    data = body.encode(charset)
    if encoding == "base64":
        data = data.replace(b"\n", b"\r\n")
    return Part(
        (
            ("Content-Type", f"text/{subtype}; charset={charset}{parameters}"),
            ("Content-Transfer-Encoding", encoding),
        ),
        transfer(data, encoding),
    )


def file(
    data: bytes, content_type: str, name: str = "", *, cid: str = "", disposition: str = ""
) -> Part:
    """Return a base64 part: an attachment, or an inline image if it has a Content-ID."""
    headers = [("Content-Type", content_type + (parameter("name", name) if name else ""))]
    headers.append(("Content-Transfer-Encoding", "base64"))
    if cid:
        headers.append(("Content-ID", f"<{cid}>"))
    shown = disposition or ("inline" if cid else "attachment")
    headers.append(("Content-Disposition", shown + (parameter("filename", name) if name else "")))
    return Part(tuple(headers), transfer(data, "base64"))


def multipart(subtype: str, parts: Sequence[Part], parameters: str = "", note: str = "") -> Part:
    """Return a multipart entity; its boundary follows from its content."""
    bodies = [part.to_bytes() for part in parts]
    boundary = "=_" + hashlib.sha256(b"\0".join(bodies)).hexdigest()[:24]
    pieces = [f"{note}\r\n".encode("ascii") if note else b""]
    pieces += [b"--%s\r\n%s\r\n" % (boundary.encode("ascii"), body) for body in bodies]
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return Part(
        (("Content-Type", f'multipart/{subtype}; boundary="{boundary}"{parameters}'),),
        b"".join(pieces),
    )


def message(headers: Sequence[Header], part: Part) -> bytes:
    """Return a whole message."""
    return block([*headers, ("MIME-Version", "1.0"), *part.headers]) + b"\r\n" + part.body
