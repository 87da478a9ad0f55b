"""XOAUTH2: an access token instead of a password (Google's and Microsoft's SASL mechanism).

Where the token is not taken, the server asks once more, with an explanation, and refuses only
after an empty answer.
"""

from __future__ import annotations

from wagtail_mailarchive.exceptions import UnsafeArgument

from .arguments import checked
from .base import Endpoint

_SEPARATOR = b"\x01"


def initial_response(endpoint: Endpoint) -> bytes:
    """Return what is sent, before base64.

    Raises:
        UnsafeArgument: the user name or the token holds what separates the two.
    """
    fields = {
        "user name": checked("user name", endpoint.username),
        "access token": checked("access token", endpoint.secret),
    }
    for argument, value in fields.items():
        if _SEPARATOR in value:
            raise UnsafeArgument(argument=argument)
    return b"user=%s\x01auth=Bearer %s\x01\x01" % tuple(fields.values())
