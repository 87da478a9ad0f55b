"""Encoded words (RFC 2047) and raw 8-bit headers, as bytes, to text in one line."""

from __future__ import annotations

import binascii
import re

from .charset import decode
from .decode import decode_body

# A text with "?" in it would be no encoded word; excluding it keeps the search linear. Blanks in
# it are forbidden too but met in the wild. RFC 2231 section 5 adds a language to the charset.
ENCODED_WORD = rb"=\?([^?\s*]{1,64})(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?="
_ENCODED_WORD = re.compile(ENCODED_WORD)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def decode_words(value: bytes) -> str:
    """Return an unfolded header value as text, its encoded words decoded.

    The words of one charset that follow each other are decoded together, because many programs
    cut in the middle of a character.
    """
    if b"=?" not in value:
        return _one_line(value.decode("ascii") if value.isascii() else decode(value))
    pieces: list[str] = []
    charset = ""  # of the words held back
    held: list[bytes] = []
    end = 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        name = word[1].decode("latin-1").lower()
        if held and (between.strip() or name != charset):
            pieces.append(decode(b"".join(held), charset))
            held.clear()
        # RFC 2047 section 6.2: blanks between two words do not count.
        if between.strip() or (end == 0 and between):
            pieces.append(decode(between))
        charset = name
        held.append(_content(word[2], word[3]))
        end = word.end()
    pieces.append(decode(b"".join(held), charset))
    pieces.append(decode(value[end:]))
    return _one_line("".join(pieces))


def _content(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"bB":
        return decode_body(text, "base64")
    return binascii.a2b_qp(text, header=True)


def _one_line(text: str) -> str:
    return (text if text.isprintable() else _CONTROLS.sub(" ", text)).strip()
