"""The reader's wish to see a message's images from the internet, for this one view.

Loading them tells the sender that, when and where the message is read, so nothing that a stranger
can write may cause it. The wish is a POST; its answer is a signature that goes into the address of
the frame. The signature names message and reader: the user, or for someone not signed in a random
cookie, so that a link made with one's own signature shows others nothing.
"""

from __future__ import annotations

import secrets

from django.core import signing
from django.http import HttpRequest, HttpResponse

from ..models import EmailMessagePage

PARAMETER = "images"
COOKIE = "mailarchive_reader"
MAX_AGE = 10 * 60  # seconds between asking and loading the frame

_SALT = "wagtail_mailarchive.remote_images"


class Wish:
    """What a reader asked for with a POST."""

    def __init__(self, request: HttpRequest, message: EmailMessagePage) -> None:
        self._cookie = ""
        reader = _reader(request)
        if reader is None:
            self._cookie = secrets.token_urlsafe(16)
            reader = f"cookie:{self._cookie}"
        self.signature = signing.dumps([message.pk, reader], salt=_SALT)

    def remember(self, request: HttpRequest, response: HttpResponse) -> None:
        """Give a reader without an account the cookie that the signature is bound to."""
        if self._cookie:
            response.set_cookie(
                COOKIE, self._cookie, httponly=True, samesite="Lax", secure=request.is_secure()
            )


def is_wished(request: HttpRequest, message: EmailMessagePage) -> bool:
    """Whether the request carries a signature for this message and this reader."""
    signature = request.GET.get(PARAMETER, "")
    try:
        wish = signing.loads(signature, salt=_SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return False
    return bool(wish == [message.pk, _reader(request)])


def _reader(request: HttpRequest) -> str | None:
    if request.user.is_authenticated:
        return f"user:{request.user.pk}"
    cookie = request.COOKIES.get(COOKIE)
    return f"cookie:{cookie}" if cookie else None
