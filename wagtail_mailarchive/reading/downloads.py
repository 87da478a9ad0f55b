"""Attachments and originals, to be saved: never opened by the browser as part of the site."""

from __future__ import annotations

import logging
import mimetypes
import re
from collections.abc import Iterator

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header
from django.utils.translation import gettext

from ..archive import originals
from ..exceptions import StorageError
from ..mime.decode import decoded_chunks
from ..models import Attachment, EmailMessagePage

logger = logging.getLogger(__name__)

# What a browser or phone may be told; everything else is bytes.
_TYPES = frozenset(
    {
        "application/pdf",
        "application/zip",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/calendar",
        "text/csv",
        "text/plain",
    }
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
# Controls, marks that turn the direction of text ("gpj.exe" shown as "exe.jpg"), and what some
# system takes for a path or refuses.
_NOT_IN_NAMES = re.compile(
    '[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff/\\\\:*?"<>|]'
)


def attachment(page: EmailMessagePage, request: HttpRequest, position: int) -> HttpResponseBase:
    """Send one attachment of the message, decoded."""
    found = page.attachments.filter(position=position).first()
    if found is None:
        raise Http404
    try:
        encoded = originals.read(page.original, found.start, found.length)
    except StorageError:
        return not_now(page)
    kind = found.content_type if found.content_type in _TYPES else "application/octet-stream"
    chunks = decoded_chunks(encoded, found.encoding, set())
    return _download(chunks, kind, download_name(found), found.size)


def original(page: EmailMessagePage, request: HttpRequest) -> HttpResponseBase:
    """Send the message as it came, byte for byte."""
    try:
        # So that a failing store is told of; once the answer has begun it can only break off.
        originals.read(page.original, 0, 1)
    except StorageError:
        return not_now(page)
    chunks = originals.stream(page.original)
    return _download(chunks, "message/rfc822", f"{page.slug}.eml", page.original.size)


def download_name(found: Attachment) -> str:
    """Return a name to save an attachment under: the sender's, made harmless, or one of ours."""
    name = harmless_name(found.filename)
    if name:
        return name
    return f"attachment-{found.position + 1}{mimetypes.guess_extension(found.content_type) or ''}"


def harmless_name(name: str) -> str:
    """Return `name` without what some system takes for a path, or what hides in it; may be ""."""
    return _NOT_IN_NAMES.sub("_", name).strip(" .")


def _download(chunks: Iterator[bytes], kind: str, name: str, size: int) -> StreamingHttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    response = StreamingHttpResponse(
        chunks, headers={**HEADERS, "Content-Disposition": disposition, "Content-Length": size}
    )
    response.headers["Content-Type"] = kind
    return response


def not_now(page: EmailMessagePage) -> HttpResponse:
    """Say that the original of a message cannot be read."""
    logger.exception("The original of message %s cannot be read.", page.pk)
    sentence = gettext("The stored message cannot be read at the moment. Please try again later.")
    return HttpResponse(sentence, status=503, content_type="text/plain; charset=utf-8")
