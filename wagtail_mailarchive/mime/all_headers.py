"""A whole header block as a reader wants to see it: every field in its place, decoded."""

from __future__ import annotations

import re

from .message import storable
from .words import decode_words

# Of the block, and of one field: beyond, the original is there to be downloaded.
BLOCK_BYTES = 256 * 1024
FIELD_BYTES = 16 * 1024
FIELDS = 1_000

_FIELD = re.compile(rb"[^\n]+(?:\n[ \t][^\n]*)*")
_NAME = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_FOLD = re.compile(rb"[ \t]*\r?\n[ \t]+")


def all_fields(block: bytes) -> list[tuple[str, str]]:
    """Return (name, value) of each field of a header block, unfolded and decoded; never raises.

    A line that is no field has the name "". Linear, within the limits above.
    """
    block = block[:BLOCK_BYTES]
    if b"\n" not in block:  # old Macintoshes
        block = block.replace(b"\r", b"\n")
    found: list[tuple[str, str]] = []
    for match in _FIELD.finditer(block):
        raw = match[0].rstrip()
        name = _NAME.match(raw)
        if raw and len(found) < FIELDS:
            value = raw[name.end() :] if name else raw
            text = decode_words(_FOLD.sub(b" ", value.strip())[:FIELD_BYTES])
            found.append((name[1].decode("ascii") if name else "", storable(text)))
    return found
