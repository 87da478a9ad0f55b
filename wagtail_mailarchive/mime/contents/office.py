"""Text of office documents: OOXML (DOCX, XLSX, PPTX) and OpenDocument (ODT, ODS, ODP).

Both are zip files of XML. What is unpacked is bounded while it is unpacked, whatever the zip file
says of its sizes.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

from . import limits
from .content import State, Unreadable
from .xml_text import walk

_ZIP = b"PK\x03\x04"
# Documents of the formats before, and every OOXML document that asks for a password.
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PIECE = 64 * 1024
_ENCRYPTED_MEMBER = 0x1

_WORD = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml")
_SLIDES = re.compile(r"ppt/(?:slides/slide|notesSlides/notesSlide)\d+\.xml")
_SHEETS = re.compile(r"xl/worksheets/sheet\d+\.xml")
_STRINGS = "xl/sharedStrings.xml"
_OPEN_DOCUMENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"

# Local names, the same in all of these formats where they mean the same.
_PARAGRAPHS = frozenset({"p", "h", "row", "table-row"})
_BREAKS = frozenset({"br", "cr", "line-break"})
_BLANKS = frozenset({"tab", "s", "tc", "table-cell"})
_RUNS = frozenset({"t"})  # OOXML: text stands nowhere else


class _Enough(Exception):
    """As much text as is kept."""


def is_office(content: bytes) -> bool:
    return content.startswith((_ZIP, _OLE))


def text_of(content: bytes) -> str:
    """Return the text of a document.

    Raises:
        Unreadable: it is encrypted, broken, a bomb, or another sort of file in the same wrapping.
    """
    if content.startswith(_OLE):
        raise Unreadable(State.ENCRYPTED if _OLE_ENCRYPTED in content else State.UNSUPPORTED)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _Document(archive).text()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
        # Broken, or packed in a way that no office program uses.
        raise Unreadable(State.FAILED) from None


class _Document:
    """One document, and how much of it may still be unpacked and kept."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.names = archive.namelist()
        if len(self.names) > limits.MEMBERS:
            raise Unreadable(State.TOO_LARGE)
        self.left = limits.UNPACKED_BYTES
        self.pieces: list[str] = []
        self.characters = 0

    def text(self) -> str:
        with suppress(_Enough):
            self._reader()()
        return "".join(self.pieces)

    def _reader(self) -> Callable[[], None]:
        if "word/document.xml" in self.names:
            return lambda: self._runs(_WORD)
        if "ppt/presentation.xml" in self.names:
            return lambda: self._runs(_SLIDES)
        if "xl/workbook.xml" in self.names:
            return self._sheets
        if _OPEN_DOCUMENT in self.names and "mimetype" in self.names:
            return self._open_document
        raise Unreadable(State.UNSUPPORTED)

    def _runs(self, wanted: re.Pattern[str]) -> None:
        for name in sorted(filter(wanted.fullmatch, self.names), key=_in_order):
            self._walk(name, within=_RUNS)

    def _open_document(self) -> None:
        if _MANIFEST in self.names and b"encryption-data" in b"".join(self._unpacked(_MANIFEST)):
            raise Unreadable(State.ENCRYPTED)
        self._walk(_OPEN_DOCUMENT, within=_PARAGRAPHS)

    def _walk(self, name: str, *, within: frozenset[str]) -> None:
        """Keep the text inside elements of the names `within`, one paragraph a line."""
        inside = 0

        def start(element: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            inside += element in within
            if element in _BREAKS:
                self._keep("\n")
            elif element in _BLANKS:
                self._keep(" ")

        def end(element: str) -> None:
            nonlocal inside
            inside -= element in within
            if element in _PARAGRAPHS:
                self._keep("\n")

        def text(piece: str) -> None:
            if inside:
                self._keep(piece)

        walk(self._unpacked(name), start=start, end=end, text=text)

    def _sheets(self) -> None:
        strings = self._shared_strings() if _STRINGS in self.names else []
        for name in sorted(filter(_SHEETS.fullmatch, self.names), key=_in_order):
            self._sheet(name, strings)

    def _shared_strings(self) -> list[str]:
        """Return the texts that cells name by number."""
        strings: list[str] = []
        pieces: list[str] = []
        inside = False

        def start(element: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            inside = element == "t"

        def end(element: str) -> None:
            nonlocal inside
            inside = False
            if element == "si":
                strings.append("".join(pieces))
                pieces.clear()

        def text(piece: str) -> None:
            if inside:
                pieces.append(piece)

        walk(self._unpacked(_STRINGS), start=start, end=end, text=text)
        return strings

    def _sheet(self, name: str, strings: list[str]) -> None:
        """Keep the values of cells, one row a line."""
        kind = ""
        inside = ""
        pieces: list[str] = []

        def start(element: str, attributes: dict[str, str]) -> None:
            nonlocal kind, inside
            inside = element if element in ("v", "t") else ""
            if element == "c":
                kind = attributes.get("t", "n")

        def end(element: str) -> None:
            nonlocal inside
            inside = ""
            if element == "c" and pieces:
                value = "".join(pieces)
                pieces.clear()
                if kind == "s":
                    number = int(value) if value.isdecimal() and len(value) < 10 else -1
                    value = strings[number] if 0 <= number < len(strings) else ""
                self._keep(value + " ")
            elif element == "row":
                self._keep("\n")

        def text(piece: str) -> None:
            if inside:
                pieces.append(piece)

        walk(self._unpacked(name), start=start, end=end, text=text)

    def _keep(self, piece: str) -> None:
        self.pieces.append(piece)
        self.characters += len(piece)
        if self.characters > limits.TEXT_CHARACTERS:
            raise _Enough

    def _unpacked(self, name: str) -> Iterator[bytes]:
        """Yield a member in pieces, as long as the whole document is no bomb."""
        info = self.archive.getinfo(name)
        if info.flag_bits & _ENCRYPTED_MEMBER:
            raise Unreadable(State.ENCRYPTED)
        with self.archive.open(info) as file:
            while piece := file.read(_PIECE):
                self.left -= len(piece)
                if self.left < 0:
                    raise Unreadable(State.TOO_LARGE)
                yield piece


def _in_order(name: str) -> tuple[str, int]:
    """Sort slide10 behind slide9, and the document before its notes."""
    found = re.fullmatch(r"(.*?)(\d*)\.xml", name)
    return (found[1], int(found[2] or 0)) if found else (name, 0)
