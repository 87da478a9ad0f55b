"""Attachments on screen: small pictures of them, and those that a browser may show as they are."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag

from ..archive import originals
from ..exceptions import StorageError
from ..mime.charset import decode
from ..mime.decode import decode_body
from ..models import Attachment, AttachmentContent, EmailMessagePage
from .downloads import HEADERS, download_name, not_now
from .inline_images import raster_type

# Larger ones are for downloading; encoded bytes.
_IMAGE_BYTES = 32 * 1024 * 1024
_TEXT_BYTES = 1024 * 1024
_IMAGES = frozenset({"image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp"})
_TEXT = "text/plain"

# Browsers lay out an image alone with a style of their own.
_SHOWN = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
# A browser may keep it, and has to ask each time whether the reader still may see it.
_KEPT = {**HEADERS, "Cache-Control": "private, no-cache"}


def is_viewable(attachment: Attachment) -> bool:
    """Whether `view` shows attachments of this type and size."""
    if attachment.content_type == _TEXT:
        return attachment.length <= _TEXT_BYTES
    return attachment.content_type in _IMAGES and attachment.length <= _IMAGE_BYTES


def picture(page: EmailMessagePage, request: HttpRequest, position: int) -> HttpResponseBase:
    """Send the small picture of an attachment, made by the worker."""
    sha256 = page.attachments.filter(position=position).values_list("sha256", flat=True).first()
    content = AttachmentContent.objects.filter(sha256=sha256, width__gt=0).first()
    if content is None:
        raise Http404
    response = HttpResponse(bytes(content.picture), content_type="image/webp", headers=_KEPT)
    etag = quote_etag(f"{content.sha256[:32]}-{content.read_by}")
    response.headers["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response) or response


def view(page: EmailMessagePage, request: HttpRequest, position: int) -> HttpResponseBase:
    """Show an attachment in the browser: an image of pixels by its bytes, or plain text."""
    found = page.attachments.filter(position=position).first()
    if found is None or not is_viewable(found):
        raise Http404
    try:
        encoded = originals.read(page.original, found.start, found.length)
    except StorageError:
        return not_now(page)
    content = decode_body(encoded, found.encoding)
    if found.content_type == _TEXT:
        # As text in one charset, so that no browser guesses.
        content, kind = decode(content).encode(), f"{_TEXT}; charset=utf-8"
    elif (raster := raster_type(content)) is not None:
        kind = raster
    else:
        raise Http404
    response = HttpResponse(content, content_type=kind, headers=_SHOWN)
    name = content_disposition_header(as_attachment=False, filename=download_name(found))
    response.headers["Content-Disposition"] = name or "inline"
    return response
