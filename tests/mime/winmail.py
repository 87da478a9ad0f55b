"""A winmail.dat, written by [MS-OXTNEF]."""

from __future__ import annotations

import struct


def attribute(name: int, data: bytes, *, level: int = 2) -> bytes:
    head = struct.pack("<BHHI", level, name, 6, len(data))
    return head + data + struct.pack("<H", sum(data) & 0xFFFF)


def long_name(name: str) -> bytes:
    """Properties: a number, a boolean, a named one, several values, then the long file name."""
    text = name.encode("utf-16-le") + b"\0\0"
    padded = text + b"\0" * (-len(text) % 4)
    named = struct.pack("<HH16sI", 0x0003, 0x8001, b"g" * 16, 1) + struct.pack(
        "<I8sI", 6, b"a\0b\0\0\0", 5
    )
    return b"".join(
        (
            struct.pack("<I", 5),
            struct.pack("<HHI", 0x0003, 0x0E20, 7),
            struct.pack("<HHI", 0x000B, 0x7FFE, 1),
            named,
            struct.pack("<HHI", 0x1003, 0x6000, 2) + struct.pack("<II", 1, 2),
            struct.pack("<HHII", 0x001F, 0x3707, 1, len(text)) + padded,
        )
    )


def winmail(*files: tuple[str, bytes, str]) -> bytes:
    """Return the content for files, each a short name, its bytes and a long name or ""."""
    pieces = [
        b"\x78\x9f\x3e\x22\x01\x00",
        attribute(0x9006, struct.pack("<I", 0x10000), level=1),
        attribute(0x9007, struct.pack("<II", 1252, 0), level=1),
    ]
    for short, content, long in files:
        pieces.append(attribute(0x9002, b"\0" * 14))
        pieces.append(attribute(0x8010, short.encode("cp1252") + b"\0"))
        pieces.append(attribute(0x800F, content))
        if long:
            pieces.append(attribute(0x9005, long_name(long)))
    return b"".join(pieces)
