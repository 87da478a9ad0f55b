"""Images that an HTML body shows from its own message (`cid:`, RFC 2392), by signed addresses.

The frame around the body has an origin of its own, so no session cookie comes with what it loads.
The address itself says who reads: it is signed, names one image and one reader, and dies within
minutes. Whether that reader may see the message is asked again each time.
"""

from __future__ import annotations

import logging

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import escape
from wagtail.models import PageViewRestriction

from ..archive import originals
from ..exceptions import StorageError
from ..mime.decode import decode_body
from ..models import EmailMessagePage
from ..models.privacy import passed_passwords
from .privacy import may_read

logger = logging.getLogger(__name__)

MAX_AGE = 10 * 60  # seconds; a frame loads its images at once
# An image larger than this, encoded, is an attachment to download.
MAX_LENGTH = 32 * 1024 * 1024

_SALT = "wagtail_mailarchive.inline_image"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # The frame's origin is opaque, so "same-origin" would refuse it.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


class InlineImageAddresses:
    """Makes the addresses of a message's images for one reader.

    Attributes:
        prefix: absolute, where all of them begin; what the frame's policy allows.
    """

    def __init__(self, request: HttpRequest, message: EmailMessagePage) -> None:
        asked = message.get_view_restrictions().filter(
            restriction_type=PageViewRestriction.PASSWORD, pk__in=passed_passwords(request)
        )
        self._message_id = message.pk
        self._user_id = str(request.user.pk) if request.user.is_authenticated else None
        self._passed = list(asked.values_list("pk", flat=True))
        some = reverse("wagtail_mailarchive:inline_image", args=["-"])
        self.prefix = request.build_absolute_uri(some.removesuffix("-/"))

    def address(self, position: int) -> str:
        """Return the address of the attachment at `position`, escaped for an attribute."""
        claims = [self._message_id, position, self._user_id, self._passed]
        return escape(f"{self.prefix}{signing.dumps(claims, salt=_SALT)}/")


def inline_image(request: HttpRequest, token: str) -> HttpResponse:
    """Serve the image that `token` names, to whom it names, if that reader still may see it.

    Every refusal is the same 404.
    """
    try:
        message_id, position, user_id, passed = signing.loads(token, salt=_SALT, max_age=MAX_AGE)
    except signing.BadSignature as error:
        raise Http404 from error
    message = (
        EmailMessagePage.objects.select_related("folder", "original").filter(pk=message_id).first()
    )
    if message is None or not may_read(message, user_id, passed):
        raise Http404
    image = message.attachments.filter(position=position, length__lte=MAX_LENGTH).first()
    if image is None:
        raise Http404
    try:
        encoded = originals.read(message.original, image.start, image.length)
    except StorageError as error:
        logger.exception("The original of message %s cannot be read.", message.pk)
        raise Http404 from error
    content = decode_body(encoded, image.encoding)
    kind = raster_type(content)
    if kind is None:
        raise Http404
    return HttpResponse(content, content_type=kind, headers=_HEADERS)


def raster_type(content: bytes) -> str | None:
    """Return the type of a raster image by its first bytes; None for everything else.

    What the sender calls it does not count, and SVG is a document.
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"BM"):
        return "image/bmp"
    return None
