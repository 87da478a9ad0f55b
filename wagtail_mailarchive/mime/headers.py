"""One header block: its fields, unfolded, and the identifiers in them."""

from __future__ import annotations

import re

from . import limits

Fields = dict[str, list[bytes]]

PART_FIELDS = frozenset(
    (b"content-type", b"content-transfer-encoding", b"content-disposition", b"content-id")
)
# What the archive reads of a message; other fields are only walked over.
MESSAGE_FIELDS = PART_FIELDS | {
    b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"date",
    b"message-id", b"in-reply-to", b"references", b"list-id",
    b"authentication-results", b"dkim-signature",
}  # fmt: skip

_IN_ANGLES = re.compile(r"<([^<>]*)>")


def read_fields(block: bytes, wanted: frozenset[bytes], defects: set[str]) -> Fields:
    """Return the wanted fields of a header block, by lower-case name, each in the block's order.

    Values are unfolded (RFC 5322 section 2.2.3) but still encoded.
    """
    if len(block) > limits.HEADER_BLOCK_BYTES:
        block = block[: limits.HEADER_BLOCK_BYTES]
        defects.add("header-truncated")
    found: dict[bytes, list[list[bytes]]] = {}
    lines: list[bytes] = []  # of the field at hand
    for line in block.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            lines.append(line.rstrip())
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            # An mbox's "From " line, or text where a field should be: what is folded to it
            # belongs to no field.
            if line.strip() and not line.startswith((b"From ", b">From ")):
                defects.add("bad-header-line")
            lines = []
            continue
        lines = [value.strip()]
        key = name.rstrip().lower()
        if key in wanted:
            found.setdefault(key, []).append(lines)
    return {
        key.decode("ascii"): [_joined(each, defects) for each in occurrences]
        for key, occurrences in found.items()
    }


def _joined(lines: list[bytes], defects: set[str]) -> bytes:
    value = b"".join(lines) if len(lines) > 1 else lines[0]
    if len(value) > limits.FIELD_BYTES:
        value = value[: limits.FIELD_BYTES]
        defects.add("header-truncated")
    return value.strip()


def message_ids(values: list[bytes]) -> list[str]:
    """Return the msg-ids (RFC 5322 section 3.6.4) of all occurrences of a field, in order.

    What stands beside them ("Your message of Tuesday") is left out, unless no angle bracket is
    there at all: then every word is taken for a msg-id.
    """
    found: list[str] = []
    for value in values:
        text = value.decode("utf-8", "replace")
        ids = _IN_ANGLES.findall(text) if "<" in text else text.split()
        found += ["".join(each.split()) for each in ids]
    return [each for each in found if each][: limits.MESSAGE_IDS]


def list_id(value: bytes) -> str:
    """Return the identifier of a List-Id field (RFC 2919), without its description."""
    text = value.decode("utf-8", "replace")
    in_angles = _IN_ANGLES.findall(text)
    return "".join((in_angles[-1] if in_angles else text).split())
