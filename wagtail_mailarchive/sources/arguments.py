"""The one place that keeps line breaks and NUL out of what is sent to a server."""

from __future__ import annotations

import re

from wagtail_mailarchive.exceptions import UnsafeArgument

_UNSAFE = re.compile(rb"[\r\n\0]")


def checked(argument: str, value: str | bytes) -> bytes:
    """Return `value` as UTF-8 bytes that are one line of text.

    A line break would begin a command of its own (RFC 3501 section 2.2), and NUL separates the
    fields of AUTHENTICATE PLAIN (RFC 4616).

    Args:
        argument: what the value is, in the words of the account's form, e.g. "password".

    Raises:
        UnsafeArgument: for CR, LF, NUL, and for lone surrogates, which UTF-8 has not.
    """
    if isinstance(value, str):
        try:
            data = value.encode()
        except UnicodeEncodeError:
            data = b"\0"
    else:
        data = value
    if _UNSAFE.search(data):
        raise UnsafeArgument(argument=argument)
    return data
