"""The files inside a winmail.dat, Microsoft's TNEF ([MS-OXTNEF]), as byte ranges of it.

The one library there is, tnefparse, has had no release since January 2021, copies the rest of the
file for each attribute, and knows no byte ranges, by which a web process can hand out a file
without parsing anything. Only what names and holds files is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import error as CutShort  # noqa: N812
from struct import unpack_from

from .charset import decode
from .parameters import clean_filename

TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
FILES = 100

_SIGNATURE = b"\x78\x9f\x3e\x22"
_HEAD = 6  # signature and key
# Attributes ([MS-OXTNEF] section 2.1.3.2): level, id, type, length; data and a checksum follow.
_ATTRIBUTE = "<BHHI"
_ATTRIBUTE_HEAD = 9
_CHECKSUM = 2
_OEM_CODEPAGE = 0x9007
_RENDERING_DATA = 0x9002  # the first of each attachment
_TITLE = 0x8010
_DATA = 0x800F
_PROPERTIES = 0x9005

# MAPI properties ([MS-OXCDATA] section 2.11.1).
_LONG_FILENAME = 0x3707
_NAMED = 0x8000
_MULTIPLE = 0x1000
_STRING, _UNICODE = 0x001E, 0x001F
_FIXED = {
    **{0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4},
    **{0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8, 0x0040: 8, 0x0048: 16},
}
_VARIABLE = frozenset({0x000D, _STRING, _UNICODE, 0x0102})


@dataclass(slots=True)
class File:
    """Attributes: filename: without folders, "" if none; start, length: bytes of the content."""

    filename: str
    start: int
    length: int


def files(content: bytes) -> list[File]:
    """Return the files in the decoded content of a winmail.dat; linear, never raises.

    What is damaged ends the list. Messages and objects that are embedded are no files.
    """
    found: list[File] = []
    if not content.startswith(_SIGNATURE):
        return found
    charset = ""
    position = _HEAD
    while position + _ATTRIBUTE_HEAD <= len(content) and len(found) <= FILES:
        _, name, _, length = unpack_from(_ATTRIBUTE, content, position)
        start = position + _ATTRIBUTE_HEAD
        position = start + length + _CHECKSUM
        if start + length > len(content):
            break
        if name == _OEM_CODEPAGE and length >= 4:
            charset = f"cp{unpack_from('<I', content, start)[0]}"
        elif name == _RENDERING_DATA:
            found.append(File("", 0, 0))
        elif found and name == _TITLE:
            title = content[start : start + length].partition(b"\0")[0]
            found[-1].filename = found[-1].filename or clean_filename(decode(title, charset))
        elif found and name == _DATA:
            found[-1].start, found[-1].length = start, length
        elif found and name == _PROPERTIES:
            long = _long_filename(content[start : start + length], charset)
            found[-1].filename = long or found[-1].filename
    return [each for each in found if each.length][:FILES]


def _long_filename(data: bytes, charset: str) -> str:
    """Return PidTagAttachLongFilename out of a list of properties; "" if there is none."""
    try:
        (count,) = unpack_from("<I", data, 0)
        position = 4
        for _ in range(min(count, len(data) // 4)):
            kind, name = unpack_from("<HH", data, position)
            position = _behind_name(data, position + 4, name)
            values = 1
            if kind & _MULTIPLE or kind in _VARIABLE:
                (values,) = unpack_from("<I", data, position)
                position += 4
            kind &= ~_MULTIPLE
            if kind in _FIXED:
                position += values * _FIXED[kind]
                continue
            if kind not in _VARIABLE:
                break
            for _ in range(min(values, len(data) // 4)):
                (length,) = unpack_from("<I", data, position)
                value = data[position + 4 : position + 4 + length]
                position += 4 + _padded(length)
                if name == _LONG_FILENAME and kind in (_STRING, _UNICODE):
                    text = value.decode("utf-16-le", "replace") if kind == _UNICODE else ""
                    return clean_filename((text or decode(value, charset)).partition("\0")[0])
    except CutShort:
        return ""
    return ""


def _behind_name(data: bytes, position: int, name: int) -> int:
    if name < _NAMED:
        return position
    (kind,) = unpack_from("<I", data, position + 16)
    if kind == 0:
        return position + 24
    (length,) = unpack_from("<I", data, position + 20)
    return position + 24 + _padded(int(length))


def _padded(length: int) -> int:
    return length + -length % 4
