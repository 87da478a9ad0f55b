"""All attachments of a message, or of several, as one zip file that is made while it is sent.

Nothing is held but a piece at a time. Files are stored as they are: what is attached is mostly
packed already. Where an original cannot be read on the way, the download breaks off without the
directory that a zip file ends with, so nobody takes it for whole.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from ..archive import originals
from ..archive.originals import OriginalRange
from ..exceptions import StorageError
from ..mime.decode import decoded_chunks
from ..models import Attachment, EmailMessagePage
from .downloads import HEADERS, download_name, not_now

# Windows opens devices by these names, whatever the extension.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.I)
_NAME_BYTES = 200  # file systems take 255, and a number may be added
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the format knows no time before
_LATEST_YEAR = 2107


def download(page: EmailMessagePage, request: HttpRequest) -> HttpResponseBase:
    """Send all attachments of the message."""
    return zip_response([page], name=f"{page.slug}.zip")


def zip_response(messages: Iterable[EmailMessagePage], *, name: str) -> HttpResponseBase:
    """Send all attachments of messages that the reader may see.

    Args:
        messages: asked for one by one while sending; with their originals, if that is to cost
            no query each.
        name: of the zip file.

    Raises:
        Http404: nothing is attached.
    """
    attached = _attached(messages)
    first = next(attached, None)
    if first is None:
        raise Http404
    try:
        # So that a failing store is told of; once the answer has begun it can only break off.
        originals.read(first.message.original, 0, 1)
    except StorageError:
        return not_now(first.message)

    def all_of_them() -> Iterator[Attachment]:
        yield first
        yield from attached

    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(
        _zipped(all_of_them()),
        content_type="application/zip",
        headers={**HEADERS, "Content-Disposition": disposition},
    )


def _attached(messages: Iterable[EmailMessagePage]) -> Iterator[Attachment]:
    for message in messages:
        if message.attachment_count:
            # Each comes with `message` itself, which holds what is asked of it.
            yield from message.attachments.all()


def _zipped(attached: Iterable[Attachment]) -> Iterator[bytes]:
    sink = _Sink()
    names = _Names()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for each in attached:
            info = zipfile.ZipInfo(names.unique(download_name(each)), _moment(each.message))
            # Says beforehand whether four bytes are enough for its size.
            info.file_size = each.size
            encoded = OriginalRange(each.message.original, each.start, each.length)
            with archive.open(info, "w") as file:
                for chunk in decoded_chunks(encoded, each.encoding, set()):
                    file.write(chunk)
                    yield sink.taken()
    yield sink.taken()


class _Sink:
    """What a zip file is written to; it cannot be rewound."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class _Names:
    """Names of files that no system mistakes and no two of which are the same."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def unique(self, name: str) -> str:
        stem, extension = os.path.splitext(_safe(name))
        candidate = stem + extension
        # Some systems do not tell upper from lower case.
        key = candidate.casefold()
        while candidate.casefold() in self._taken:
            self._taken[key] += 1
            candidate = f"{stem} ({self._taken[key]}){extension}"
        self._taken[candidate.casefold()] = 1
        return candidate


def _safe(name: str) -> str:
    if _DEVICES.fullmatch(name):
        name = f"_{name}"
    stem, extension = os.path.splitext(name)
    extension = extension[:20]
    room = _NAME_BYTES - len(extension.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + extension


def _moment(message: EmailMessagePage) -> tuple[int, int, int, int, int, int]:
    local = timezone.localtime(message.sorted_at)
    if not _EARLIEST[0] <= local.year <= _LATEST_YEAR:
        return _EARLIEST
    return (local.year, local.month, local.day, local.hour, local.minute, local.second)
