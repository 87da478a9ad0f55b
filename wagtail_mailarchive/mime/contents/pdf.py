"""Text and first page of a PDF, by PDFium, where the site has the extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from . import limits
from .content import Picture, State, Unreadable
from .pictures import shrink

_HEADER = b"%PDF-"
_HEADER_WITHIN = 1024  # bytes; some programs write something in front
_LIBRARY = "pypdfium2"


def is_pdf(content: bytes, *, is_said: bool) -> bool:
    """Whether it is a PDF.

    Args:
        is_said: whether its sender says so; then the header may stand further behind.
    """
    if content.startswith(_HEADER):
        return True
    return is_said and _HEADER in content[:_HEADER_WITHIN]


def is_available() -> bool:
    """Whether the library is installed; it is not imported for that."""
    return find_spec(_LIBRARY) is not None


def text_of(content: bytes) -> str:
    """Return the text of all pages.

    Raises:
        Unreadable: no library, a password is asked for, or it is broken.
    """
    with _opened(content) as document:
        texts: list[str] = []
        left = limits.TEXT_CHARACTERS
        for number in range(min(len(document), limits.PAGES)):
            page = document[number]
            text = page.get_textpage().get_text_bounded()
            page.close()
            texts.append(text)
            left -= len(text)
            if left <= 0:
                break
    # PDFium marks a hyphen at a line's end, where the word goes on, as U+FFFE or U+0002.
    whole = "\n".join(texts).replace("\r\n", "\n")
    return whole.replace("\ufffe\n", "").replace("\x02\n", "").replace("\ufffe", "")


def first_page(content: bytes) -> Picture:
    """Return a picture of the first page.

    Raises:
        Unreadable: as for `text_of`.
    """
    with _opened(content) as document:
        if not len(document):
            raise Unreadable(State.FAILED)
        page = document[0]
        width, height = page.get_size()
        longer = max(width, height)
        if not longer > 0:
            raise Unreadable(State.FAILED)
        # Twice as large and shrunk again, because that reads better.
        bitmap = page.render(scale=2 * limits.PICTURE_SIDE / longer)
        return shrink(bitmap.to_pil())


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    """Yield the document, and make the library's errors ours."""
    try:
        import pypdfium2
        from pypdfium2 import raw
    except ImportError:
        # Installed and yet not to be imported: waiting for it to be installed would not end.
        raise Unreadable(State.FAILED if is_available() else State.LACKING) from None
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        asks = error.err_code == raw.FPDF_ERR_PASSWORD
        raise Unreadable(State.ENCRYPTED if asks else State.FAILED) from None
    try:
        yield document
    except pypdfium2.PdfiumError:
        raise Unreadable(State.FAILED) from None
    finally:
        document.close()
