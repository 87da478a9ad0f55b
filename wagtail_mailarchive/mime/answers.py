"""What comes back from the parser process, which hostile mail may have taken over."""

from __future__ import annotations

from .message import Address, ParsedMessage, Part

_TEXTS = ("subject", "message_id", "list_id", "text", "text_source")
_ADDRESSES = ("from_", "reply_to", "to", "cc", "bcc")
_TEXT_LISTS = ("in_reply_to", "references", "defects")
_PARTS = ("text_parts", "html_parts", "attachments")
_PART_TEXTS = (
    "section", "content_type", "charset", "encoding", "disposition", "filename", "content_id",
    "sha256",
)  # fmt: skip
# Seconds; years 1 to 9999 with a day of room for zones, as dates.py gives them.
_EARLIEST, _LATEST = -62_135_510_400, 253_402_214_400
_DAY = 24 * 60  # minutes


def read_answer(answer: bytes, size: int) -> ParsedMessage:
    """Rebuild the message that `answer` describes, and believe nothing that cannot be true.

    Args:
        size: number of bytes of the original.

    Raises:
        ValueError: the answer is not what our worker would say about such an original.
    """
    try:
        message = ParsedMessage.from_json(answer)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not a message") from error
    if not (
        _fields_hold(message, size) and all(_part_holds(part, size) for part in _parts(message))
    ):
        raise ValueError("not a message")
    return message


def _parts(message: ParsedMessage) -> list[Part]:
    return [*message.text_parts, *message.html_parts, *message.attachments]


def _fields_hold(message: ParsedMessage, size: int) -> bool:
    addresses = [each for name in _ADDRESSES for each in getattr(message, name)]
    if message.sender is not None:
        addresses.append(message.sender)
    return (
        all(type(getattr(message, name)) is str for name in _TEXTS)
        and all(_is_texts(getattr(message, name)) for name in _TEXT_LISTS)
        and all(map(_address_holds, addresses))
        and _is_number(message.date, _EARLIEST, _LATEST, optional=True)
        and _is_number(message.date_offset, -_DAY + 1, _DAY - 1, optional=True)
        and _is_number(message.header_length, 0, size)
        and message.details.holds()
    )


def _address_holds(address: Address) -> bool:
    return type(address.name) is str and type(address.address) is str


def _part_holds(part: Part, size: int) -> bool:
    return (
        all(type(getattr(part, name)) is str for name in _PART_TEXTS)
        and _is_number(part.start, 0, size)
        and _is_number(part.length, 0, size - part.start)
        # uuencode makes the most out of a body: up to 63 bytes out of one letter and a line end.
        and _is_number(part.size, 0, 63 * part.length)
        and type(part.format_flowed) is bool
        and type(part.delsp) is bool
    )


def _is_texts(value: object) -> bool:
    return type(value) is list and all(type(each) is str for each in value)


def _is_number(value: object, least: int, most: int, *, optional: bool = False) -> bool:
    if value is None:
        return optional
    return type(value) is int and least <= value <= most
