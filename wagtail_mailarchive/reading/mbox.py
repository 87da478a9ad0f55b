"""Messages as one mbox file (RFC 4155), in its variant "mboxrd", that loses nothing.

Lines that begin with "From ", or with ">" before that, get one ">" more: whoever takes one off each
has the very bytes again. Line ends stay what they are.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

# RFC 5322's addr-spec as far as everybody can read it.
_ADDRESS = re.compile(r"[!-;=?-~]{1,300}@[!-;=?-~]{1,250}")
_NOBODY = "MAILER-DAEMON"
_LINE = re.compile(rb"^(>*)From ", re.MULTILINE)
# How a line may begin that is not at hand in full yet.
_BEGUN = re.compile(rb">*(F(?:r(?:om?)?)?)?")


def separator(sender: str, moment: datetime) -> bytes:
    """Return the line above a message.

    Args:
        sender: address; one that is none is left out.
        moment: aware.
    """
    name = sender if _ADDRESS.fullmatch(sender) else _NOBODY
    stamp = time.asctime(moment.astimezone(UTC).timetuple())
    return f"From {name} {stamp}\n".encode("ascii")


def quoted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a message, given in pieces, as it stands in the file, and the blank line behind it.

    Holds one piece at a time.
    """
    held = b""
    # Whether what comes next stands at the beginning of a line, or behind nothing but ">".
    is_beginning = True
    last = b"\n"
    for piece in pieces:
        data = held + piece
        if not data:
            continue
        begin = 0 if is_beginning else data.find(b"\n") + 1 or len(data)
        last_line = max(data.rfind(b"\n") + 1, begin)
        if last_line == len(data):
            begun, is_beginning = None, data.endswith(b"\n")
        else:
            begun = _BEGUN.fullmatch(data, last_line)
            is_beginning = begun is not None
        held = (begun and begun[1]) or b""
        ready = data[: len(data) - len(held)]
        yield ready[:begin] + _LINE.sub(rb">\1From ", ready[begin:])
        last = data[-1:]
    yield held
    yield b"\n" if last == b"\n" else b"\n\n"
