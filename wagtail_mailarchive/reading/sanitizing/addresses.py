"""Decide what becomes of each address in HTML mail: of links, and of images."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from .policy import DATA_IMAGE, LINK_SCHEMES, MAX_LINK_CHARACTERS

_ENDS: Final = "".join(map(chr, range(0x21)))
_LINE_BREAKS: Final = {ord(each): None for each in "\t\n\r"}
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_WEB: Final = re.compile(r"https?://[^\s/\\?#]+", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")


def _cleaned(address: str) -> str:
    """Return `address` as a browser reads it (URL standard, "basic URL parser", step 1-3)."""
    return address.strip(_ENDS).translate(_LINE_BREAKS)


def link(address: str) -> str | None:
    """Return where a link may lead, or None.

    Relative addresses and fragments lead nowhere: a mail has no base, and names are dropped.
    """
    address = _cleaned(address)
    if address.startswith("//"):
        address = f"https:{address}"
    scheme = _SCHEME.match(address)
    if scheme is None or len(address) > MAX_LINK_CHARACTERS or _UNPRINTABLE.search(address):
        return None
    name = scheme[1].lower()
    if name not in LINK_SCHEMES or (name in {"http", "https"} and not _WEB.match(address)):
        return None
    return address


class ImageAddresses:
    """Turns the address of an image in mail into one that the frame may load.

    Attributes:
        blocked_remote: how many remote images were refused so far.
    """

    def __init__(self, inline_image: Callable[[str], str | None], *, remote_images: bool) -> None:
        self._inline_image = inline_image
        self._remote_images = remote_images
        self.blocked_remote = 0

    def __call__(self, address: str) -> str | None:
        """Return the address to load instead of `address`, or None for no image."""
        address = _cleaned(address)
        scheme = _SCHEME.match(address)
        name = scheme[1].lower() if scheme else ""
        if name == "cid":
            return self._inline_image(unquote(address[4:]))  # RFC 2392 section 2
        if name == "data":
            address = re.sub(r"\s|%0[ad]|%20", "", address, flags=re.IGNORECASE)
            return address if DATA_IMAGE.fullmatch(address) else None
        if address.startswith("//"):
            address = f"https:{address}"
        if not _WEB.match(address) or _UNPRINTABLE.search(address):
            return None
        if self._remote_images and len(address) <= MAX_LINK_CHARACTERS:
            return address
        self.blocked_remote += 1
        return None
