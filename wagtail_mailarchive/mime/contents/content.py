"""What is said about one attachment, and how it crosses the pipe between process and caller."""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..message import storable
from . import limits


class State(StrEnum):
    """What became of reading it."""

    READ = "read"
    UNSUPPORTED = "unsupported"
    LACKING = "lacking"
    ENCRYPTED = "encrypted"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    FAILED = "failed"


class Unreadable(Exception):
    """An attachment cannot be read, and why."""

    def __init__(self, state: State) -> None:
        super().__init__(state.value)
        self.state = state


@dataclass(frozen=True, slots=True)
class Picture:
    """A small image.

    Attributes:
        data: as WebP.
        width, height: in pixels, 1 to `limits.PICTURE_SIDE`.
    """

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Content:
    """What an attachment holds.

    Attributes:
        text: "" where there is none, as in an image.
        has_pages: a picture of the first is to be had by asking once more: drawing it may take
            what the text would not.
    """

    state: State
    text: str = ""
    picture: Picture | None = None
    has_pages: bool = False

    def to_json(self) -> bytes:
        picture = self.picture
        return json.dumps(
            {
                "state": self.state.value,
                "text": self.text,
                "picture": binascii.b2a_base64(picture.data).decode("ascii") if picture else "",
                "width": picture.width if picture else 0,
                "height": picture.height if picture else 0,
                "has_pages": self.has_pages,
            }
        ).encode("ascii")


def read_answer(answer: bytes, size: int) -> Content:
    """Rebuild what the process says, which a hostile file may have taken over.

    Args:
        size: bytes of what was asked.

    Raises:
        ValueError: our worker would not say that.
    """
    values: Any = json.loads(answer)
    if type(values) is not dict:
        raise ValueError("not a content")
    text, encoded = values.get("text"), values.get("picture")
    if type(text) is not str or type(encoded) is not str or len(text) > limits.TEXT_CHARACTERS:
        raise ValueError("not a content")
    return Content(
        State(str(values.get("state"))),
        storable(text),
        _picture(encoded, values.get("width"), values.get("height")) if encoded else None,
        has_pages=values.get("has_pages") is True,
    )


def _picture(encoded: str, width: object, height: object) -> Picture:
    data = binascii.a2b_base64(encoded)
    if len(data) > limits.PICTURE_BYTES or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("not a picture")
    if type(width) is not int or type(height) is not int:
        raise ValueError("not a picture")
    if not (0 < width <= limits.PICTURE_SIDE and 0 < height <= limits.PICTURE_SIDE):
        raise ValueError("not a picture")
    return Picture(data, width, height)
