"""Files inside a winmail.dat, cut out of it by the byte ranges that were found while archiving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from ..archive import originals
from ..exceptions import StorageError
from ..mime.decode import decoded_chunks
from ..mime.details import Contained, Details
from ..models import Attachment, EmailMessagePage
from .addresses import route_address
from .downloads import HEADERS, download_name, harmless_name, not_now


@dataclass(frozen=True, slots=True)
class ContainedFile:
    """One file inside an attachment, as listed."""

    name: str
    size: int
    address: str


@dataclass(frozen=True, slots=True)
class Container:
    """An attachment with files inside."""

    name: str
    files: list[ContainedFile]


def containers(
    page: EmailMessagePage,
    request: HttpRequest,
    details: Details,
    attachments: Iterable[Attachment],
) -> list[Container]:
    """Return those of the message's attachments that files were found in; no query."""
    found = []
    for outer in attachments:
        files = [
            ContainedFile(
                name=_name(file, number),
                size=file.length,
                address=route_address(page, request, "contained", outer.position, number),
            )
            for number, file in enumerate(_files_of(details, outer))
        ]
        if files:
            found.append(Container(download_name(outer), files))
    return found


def contained_file(
    page: EmailMessagePage, request: HttpRequest, position: int, number: int
) -> HttpResponseBase:
    """Send file `number`, from 0, of the attachment at `position`."""
    outer = page.attachments.filter(position=position).first()
    if outer is None:
        raise Http404
    files = _files_of(Details.from_values(page.details), outer)
    if number >= len(files):
        raise Http404
    file = files[number]
    try:
        encoded = originals.read(page.original, outer.start, outer.length)
    except StorageError:
        return not_now(page)
    chunks = cut(decoded_chunks(encoded, outer.encoding, set()), file.start, file.length)
    name = _name(file, number)
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    response = StreamingHttpResponse(
        chunks, headers={**HEADERS, "Content-Disposition": disposition}
    )
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Length"] = str(file.length)
    return response


def _files_of(details: Details, outer: Attachment) -> list[Contained]:
    return [each for each in details.contained if each.section == outer.section]


def _name(file: Contained, number: int) -> str:
    return harmless_name(file.filename) or f"file-{number + 1}"


def cut(chunks: Iterable[bytes], start: int, length: int) -> Iterator[bytes]:
    """Yield `length` bytes from offset `start` on of what `chunks` are together."""
    position = 0
    end = start + length
    for chunk in chunks:
        piece = chunk[max(0, start - position) : max(0, end - position)]
        if piece:
            yield piece
        position += len(chunk)
        if position >= end:
            return
