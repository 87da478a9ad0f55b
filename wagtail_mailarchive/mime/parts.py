"""From a leaf of the tree to what the archive keeps of it: names, measures, a hash."""

from __future__ import annotations

import hashlib

from . import limits
from .decode import decode_body, decoded_chunks
from .headers import read_fields
from .message import Part
from .parameters import Parameters, clean_filename, read_parameters
from .structure import Entity
from .words import decode_words

_ENCODINGS = {
    "7bit": "7bit",
    "8bit": "8bit",
    "binary": "binary",
    "base64": "base64",
    "quoted-printable": "quoted-printable",
    "x-uuencode": "x-uuencode",
    "uuencode": "x-uuencode",
    "x-uue": "x-uuencode",
    "uue": "x-uuencode",
}
# A nested message's header is read only for its subject.
_NESTED_HEADER_BYTES = 64 * 1024


def describe(raw: bytes, leaf: Entity, defects: set[str]) -> Part:
    """Return the part that `leaf` is, its content measured and hashed."""
    part = _declared(leaf, defects)
    digest = hashlib.sha256()
    size = 0
    for chunk in decoded_chunks(memoryview(raw)[leaf.start : leaf.end], part.encoding, defects):
        digest.update(chunk)
        size += len(chunk)
    part.size = size
    part.sha256 = digest.hexdigest()
    if part.content_type == "message/rfc822" and not part.filename:
        part.filename = _name_of_nested(raw, leaf, part.encoding)
    return part


def _declared(leaf: Entity, defects: set[str]) -> Part:
    """What the part's header says, before its body is looked at."""
    fields = leaf.fields
    transfer, _ = read_parameters(fields.get("content-transfer-encoding", [b"7bit"])[0])
    if transfer not in _ENCODINGS:
        defects.add("unknown-transfer-encoding")
    disposition, its_parameters = "", Parameters()
    if values := fields.get("content-disposition"):
        disposition, its_parameters = read_parameters(values[0])
        # RFC 2183 section 2.8: an unknown disposition means attachment.
        if disposition and disposition != "inline":
            disposition = "attachment"
    parameters = leaf.parameters
    charset = parameters.get("charset", "").split(" ", 1)[0].lower()
    content_id = fields.get("content-id", [b""])[0].decode("utf-8", "replace")
    return Part(
        section=leaf.section,
        content_type=leaf.content_type,
        charset=charset[: limits.TOKEN_CHARACTERS],
        encoding=_ENCODINGS.get(transfer, "8bit"),
        disposition=disposition,
        filename=clean_filename(its_parameters.get("filename") or parameters.get("name", "")),
        content_id=content_id.strip("<> \t")[: limits.TOKEN_CHARACTERS],
        start=leaf.start,
        length=leaf.end - leaf.start,
        size=0,
        sha256="",
        format_flowed=parameters.get("format", "").lower() == "flowed",
        delsp=parameters.get("delsp", "").lower() == "yes",
    )


def _name_of_nested(raw: bytes, leaf: Entity, encoding: str) -> str:
    head = decode_body(raw[leaf.start : min(leaf.end, leaf.start + _NESTED_HEADER_BYTES)], encoding)
    block = head.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")[0]
    subject = read_fields(block, frozenset((b"subject",)), set()).get("subject", [b""])[0]
    # A slash in a subject separates no folders.
    stem = clean_filename(decode_words(subject).replace("/", "-").replace("\\", "-"))
    return clean_filename((stem or "message") + ".eml")
