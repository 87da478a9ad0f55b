"""From the encoded bytes of one part to its content, for the parser and for web views.

Everything here is linear in its input and never raises on it. The caller bounds the input: the
parser by the limits, a web view by the range it reads from the original.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Protocol

from . import limits
from .charset import decode
from .message import Part

Buffer = bytes | memoryview


class Range(Protocol):
    """Bytes that need not be in memory: they are asked for piece by piece."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
# RFC 2045 section 6.7: blanks at a line's end were added on the way, also after a soft break. The
# lookbehind keeps this linear: a run of blanks is tried from its first only.
_BLANKS_AT_END = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n)")
_UU_BEGIN = re.compile(rb"^begin [^\n]*\n", re.MULTILINE)
_LINE = re.compile(rb"[^\r\n]+")
_META_CHARSET = re.compile(rb"<meta\s[^<>]*?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.I)
_META_WITHIN = 2048
_FIRST_LINES = 2048


def decode_body(encoded: Buffer, encoding: str) -> bytes:
    """Return the content of a body.

    Args:
        encoded: the body's bytes as they stand in the original.
        encoding: as in `Part.encoding`; anything unknown is taken as no encoding at all.
    """
    return b"".join(decoded_chunks(encoded, encoding, set()))


def decoded_chunks(encoded: Buffer | Range, encoding: str, defects: set[str]) -> Iterator[bytes]:
    """Yield the content of a body in pieces of about a mebibyte, naming what was wrong."""
    if encoding == "base64":
        return _base64(encoded, defects)
    if encoding == "quoted-printable":
        return _quoted_printable(encoded)
    if encoding == "x-uuencode":
        whole = encoded if isinstance(encoded, bytes | memoryview) else encoded[: len(encoded)]
        return _uuencoded(whole, defects)
    return _pieces(encoded)


def _pieces(data: Buffer | Range) -> Iterator[bytes]:
    for start in range(0, len(data), limits.CHUNK_BYTES):
        yield bytes(data[start : start + limits.CHUNK_BYTES])


def _base64(encoded: Buffer | Range, defects: set[str]) -> Iterator[bytes]:
    """RFC 2045 section 6.8, with junk skipped and padding missing."""
    in_one_piece = len(encoded) <= limits.CHUNK_BYTES
    rest = b""
    for piece in _pieces(encoded):
        if in_one_piece:  # junk may stay; taking out line ends makes decoding twice as fast
            letters = piece.replace(b"\n", b"").replace(b"\r", b"")
        else:
            letters = rest + piece.translate(None, _NOT_BASE64)
        # Padding ends the data (RFC 2045 section 6.8); what follows is a list's footer mostly.
        letters, ended, more = letters.partition(b"=")
        whole = len(letters) if in_one_piece or ended else len(letters) // 4 * 4
        rest = letters[whole:]
        yield _quads(letters[:whole], defects)
        if ended:
            if more.strip(b"= \t"):
                defects.add("data-after-base64")
            break
    if rest:
        yield _quads(rest, defects)


def _quads(letters: bytes, defects: set[str]) -> bytes:
    try:
        return binascii.a2b_base64(letters + b"==")
    except binascii.Error:  # six bits are left over, which make no byte
        defects.add("bad-base64")
    letters = letters.translate(None, _NOT_BASE64).rstrip(b"=")
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4])


def _quoted_printable(encoded: Buffer | Range) -> Iterator[bytes]:
    start = 0
    while start < len(encoded):
        piece = bytes(encoded[start : start + limits.CHUNK_BYTES])
        if start + len(piece) < len(encoded):
            # Cut behind a line; in a line without end, in front of an escape that may be cut.
            cut = piece.rfind(b"\n") + 1
            piece = piece[: cut or piece.find(b"=", len(piece) - 2) % (len(piece) + 1)]
        start += len(piece)
        yield _unquoted(piece)


def _unquoted(text: bytes) -> bytes:
    if b"\n" not in text:  # the lines of old Macintoshes; a2b_qp would drop all behind "=\r"
        text = text.replace(b"\r", b"\n")
    # One search: nobody mixes line ends within a part.
    if (b" \r\n" if b"\r\n" in text[:_FIRST_LINES] else b" \n") in text:
        text = _BLANKS_AT_END.sub(b"", text)
    return binascii.a2b_qp(text)


def _uuencoded(encoded: Buffer, defects: set[str]) -> Iterator[bytes]:
    """The lines between "begin" and "end"; without a "begin", all of them."""
    begin = _UU_BEGIN.search(encoded)
    content = bytearray()
    for match in _LINE.finditer(encoded, begin.end() if begin else 0):
        line = bytes(match[0]).rstrip(b" ")
        if line == b"end":
            break
        try:
            content += binascii.a2b_uu(line)
        except binascii.Error:
            # Some encoders write too many letters; the first says how many bytes are meant.
            letters = ((line[0] - 32 & 63) * 4 + 5) // 3 if line else 0
            try:
                content += binascii.a2b_uu(line[:letters])
            except binascii.Error:
                defects.add("bad-uuencode")
        if len(content) >= limits.CHUNK_BYTES:
            yield bytes(content)
            content.clear()
    yield bytes(content)


def decode_text(part: Part, encoded: Buffer) -> str:
    """Return the text of a text part, or the source of a text/html part.

    Lines end in "\n", flowed paragraphs (RFC 3676) are joined again, undecodable bytes are
    U+FFFD, and there is no lone surrogate in it.

    Args:
        part: what the parser said of the part.
        encoded: its bytes as they stand in the original; may be cut at its end.
    """
    return content_text(part, decode_body(encoded, part.encoding))


def content_text(part: Part, content: bytes) -> str:
    """Like `decode_text`, of content that is already out of its transfer encoding."""
    charset = part.charset
    if not charset and part.content_type == "text/html":
        declared = _META_CHARSET.search(content[:_META_WITHIN])
        charset = declared[1].decode("ascii") if declared else ""
    text = decode(content, charset)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if part.format_flowed and part.content_type == "text/plain":
        text = _unflowed(text, delsp=part.delsp)
    return text


def _unflowed(text: str, *, delsp: bool) -> str:
    """Join lines that end in a space, within one depth of quoting (RFC 3676 section 4)."""
    paragraphs: list[str] = []
    open_lines: list[str] = []
    open_depth = 0

    def close() -> None:
        if open_lines:
            quoted = ">" * open_depth + " " if open_depth else ""
            paragraphs.append(quoted + "".join(open_lines))
            open_lines.clear()

    for line in text.split("\n"):
        unquoted = line.lstrip(">")
        depth = len(line) - len(unquoted)
        unquoted = unquoted.removeprefix(" ")  # space-stuffing
        if depth != open_depth or unquoted == "-- ":
            close()
        open_depth = depth
        flowed = unquoted.endswith(" ") and unquoted != "-- "
        open_lines.append(unquoted[:-1] if flowed and delsp else unquoted)
        if not flowed:
            close()
    close()
    return "\n".join(paragraphs)
