"""From the bytes of one attachment to a `Content`: which reader is it for?

The bytes decide, then what the sender says: many a DOCX is sent as application/octet-stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..decode import content_text, decode_body
from ..html_text import html_to_text
from ..kinds import kind_of
from ..message import ParsedMessage, Part
from ..parser import parse
from ..tnef import File as TnefFile
from ..tnef import files as files_in_tnef
from . import limits, office, pdf, pictures
from .content import Content, State, Unreadable

# Types and extensions of a kind; one of either is enough.
_TEXTS = (
    frozenset({"application/ics", "application/json", "application/x-sh", "application/xml"}),
    frozenset({
        "cfg", "conf", "csv", "diff", "ics", "ini", "json", "log", "markdown", "md", "patch", "py",
        "rst", "sh", "sql", "srt", "tex", "tsv", "txt", "vcf", "xml", "yaml", "yml",
    }),
)  # fmt: skip
_HTML = (frozenset({"text/html", "application/xhtml+xml"}), frozenset({"htm", "html", "xhtml"}))
_MESSAGE = (frozenset({"message/rfc822", "message/global"}), frozenset({"eml"}))
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TNEF = b"\x78\x9f\x3e\x22"  # as winmail.dat begins
_RTF = b"{\\rtf"


def read(content: bytes, content_type: str, filename: str) -> Content:
    """Return text, and the picture of an image; never raises on what is in the file.

    Args:
        content_type, filename: as the sender says.
    """
    try:
        if pictures.is_image(content):
            return Content(State.READ, picture=pictures.small_picture(content))
        text = _text(content, content_type, filename, depth=0)
    except Unreadable as error:
        return Content(error.state)
    has_pages = _is_pdf(content, content_type, filename)
    return Content(State.READ, text[: limits.TEXT_CHARACTERS], has_pages=has_pages)


def first_page(content: bytes) -> Content:
    """Return the picture of the first page of a PDF."""
    try:
        return Content(State.READ, picture=pdf.first_page(content))
    except Unreadable as error:
        return Content(error.state)


def _is_pdf(content: bytes, content_type: str, filename: str) -> bool:
    return pdf.is_pdf(content, is_said=kind_of(content_type, filename) == "pdf")


def _text(content: bytes, content_type: str, filename: str, *, depth: int) -> str:
    """Raises Unreadable."""
    extension = filename.rpartition(".")[2].lower() if "." in filename else ""

    def is_of(types: frozenset[str], extensions: frozenset[str]) -> bool:
        return content_type in types or extension in extensions

    if _is_pdf(content, content_type, filename):
        return _tidy(pdf.text_of(content))
    if office.is_office(content):
        return _tidy(office.text_of(content))
    is_tnef = content.startswith(_TNEF)
    if is_tnef or is_of(*_MESSAGE):
        if depth == limits.MESSAGE_DEPTH:
            raise Unreadable(State.UNSUPPORTED)
        within = _of_tnef if is_tnef else _of_message
        return "\n".join(within(content, depth + 1))
    is_html = is_of(*_HTML)
    if not (is_html or content_type.startswith("text/") or is_of(*_TEXTS)):
        raise Unreadable(State.UNSUPPORTED)
    text = _decoded(content[: limits.TEXT_BYTES], is_html=is_html)
    return html_to_text(text) if is_html else text


def _decoded(content: bytes, *, is_html: bool) -> str:
    """Raises Unreadable for what is no text."""
    charset = "utf-16" if content.startswith(_BYTE_ORDER_MARKS) else ""
    if content.startswith(_RTF) or (b"\0" in content and not charset):
        raise Unreadable(State.UNSUPPORTED)
    kind = "text/html" if is_html else "text/plain"
    # A part as the parser would say it, of which only type and charset count here.
    part = Part("", kind, charset, "", "", "", "", 0, len(content), len(content), "")
    return content_text(part, content)


def _of_message(content: bytes, depth: int) -> Iterator[str]:
    """Yield what a message says, and what is attached to it."""
    message: ParsedMessage = parse(content)
    yield message.subject
    for person in (*message.from_, *message.to, *message.cc):
        yield f"{person.name} {person.address}".strip()
    yield message.text
    parts = message.attachments[: limits.MESSAGE_PARTS]
    yield from _of_files(
        (
            (part.filename, part.content_type, decode_body(_range(content, part), part.encoding))
            for part in parts
        ),
        depth,
    )


def _of_tnef(content: bytes, depth: int) -> Iterator[str]:
    """Yield what is in the files inside a winmail.dat."""
    found = files_in_tnef(content)[: limits.MESSAGE_PARTS]
    yield from _of_files(((file.filename, "", _range(content, file)) for file in found), depth)


def _of_files(files: Iterable[tuple[str, str, bytes]], depth: int) -> Iterator[str]:
    """Yield names and texts of (name, type, content)."""
    left = limits.TEXT_CHARACTERS
    for name, content_type, content in files:
        yield name
        if pictures.is_image(content):
            continue
        try:
            text = _text(content, content_type, name, depth=depth)
        except Unreadable:
            continue
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return


def _range(content: bytes, part: Part | TnefFile) -> bytes:
    return content[part.start : part.start + part.length]


def _tidy(text: str) -> str:
    """Return `text` without blanks at the ends of lines and without empty lines in a row."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return "\n".join(
        line for number, line in enumerate(lines) if line or (number and lines[number - 1])
    ).strip()
