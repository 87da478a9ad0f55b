"""The HTML body of a message, sanitised when shown and cached by what it was made from."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import cast

from django.core.cache import cache
from django.utils.html import escape
from django.utils.translation import gettext

from ..archive import originals
from ..conf import archive_settings
from ..exceptions import StorageError
from ..mime.message import Part
from ..models import Attachment, EmailMessagePage, Original
from .html_document import FOLD_CLASS, PLACE_CLASS
from .html_source import html_source
from .sanitizing import (
    POLICY_VERSION,
    Engine,
    Mark,
    Refusal,
    SanitizedHtml,
    replaced,
    sanitize,
    without_folded,
)
from .sanitizing.policy import MAX_CHARACTERS

logger = logging.getLogger(__name__)

_CACHE_SECONDS = 60 * 60
# Larger results are rare and would crowd out everything else.
_CACHE_CHARACTERS = 500_000
# A character has at most four bytes, six in UTF-7, and three letters a byte in quoted-printable.
_MAX_ENCODED = 18 * MAX_CHARACTERS
_READ_AHEAD = 1024 * 1024  # bytes, as many as a chunk of the database holds


class Problem(StrEnum):
    """Why the HTML body is not shown."""

    TOO_LARGE = "too-large"
    TOO_COMPLEX = "too-complex"
    UNREADABLE = "unreadable"  # the store of originals failed


@dataclass(frozen=True, slots=True)
class HtmlBody:
    """A sanitised body, the same for every reader; `fill` gives it a reader's images and language.

    Attributes:
        problem: None where there is HTML to show.
        blocked_remote: whether images from the internet were left out.
    """

    html: str = ""
    mark: str = ""
    blocked_remote: bool = False
    problem: Problem | None = None

    @property
    def unfolded(self) -> str:
        """What is seen of the HTML before the reader opens a fold."""
        return without_folded(self.html, self.mark) if self.mark else self.html

    def fill(self, address_of: Callable[[int], str]) -> str:
        """Return the HTML with the address of each inline image, by its attachment's position.

        Quotations and signatures are folded, with summaries in the active language.
        """
        if not self.mark:
            return self.html
        html = re.sub(rf"{self.mark}-([0-9]+)", lambda m: address_of(int(m[1])), self.html)
        return replaced(html, self.mark, _what_stands_for)


def html_body(
    message: EmailMessagePage, attachments: Sequence[Attachment], *, remote_images: bool
) -> HtmlBody:
    """Return the HTML body of `message`, which has one.

    Args:
        attachments: all of the message's.
        remote_images: whether the reader asked for images from the internet.
    """
    engine = cast(Engine, archive_settings().SANITIZER)
    parts = [Part(**each) for each in message.structure["html"]]
    images = {each.content_id: each.position for each in attachments if each.content_id}
    key = _cache_key(message.original.sha256, parts, images, engine, remote_images=remote_images)
    cached = cache.get(key)
    if isinstance(cached, HtmlBody):
        return cached
    if sum(part.length for part in parts) > _MAX_ENCODED:
        return HtmlBody(problem=Problem.TOO_LARGE)
    try:
        source = html_source(parts, _reader(message.original, parts))
    except StorageError:
        logger.exception("The HTML body of message %s cannot be read.", message.pk)
        return HtmlBody(problem=Problem.UNREADABLE)
    # Nobody who writes mail can know the mark, so none can place an image's address elsewhere,
    # say in a link that would carry it away.
    mark = secrets.token_hex(16)

    def inline_image(content_id: str) -> str | None:
        position = images.get(content_id)
        return None if position is None else f"{mark}-{position}"

    body = _body(
        sanitize(
            source,
            engine=engine,
            inline_image=inline_image,
            remote_images=remote_images,
            token=mark,
        ),
        mark,
    )
    if len(body.html) <= _CACHE_CHARACTERS:
        cache.set(key, body, _CACHE_SECONDS)
    return body


def _what_stands_for(mark: Mark) -> str:
    match mark:
        case Mark.QUOTE:
            return _fold(gettext("Quoted text"))
        case Mark.OPEN_QUOTE:
            return _fold(gettext("Quoted text"), begins="open")
        case Mark.SIGNATURE:
            return _fold(gettext("Signature"))
        case Mark.END:
            return "</div></details>"
        case Mark.PLACE:
            words = gettext("leads to")
            return f'<span class="{PLACE_CLASS}">{escape(words)} '
        case Mark.PLACE_END:
            return "</span>"


def _fold(summary: str, begins: str = "") -> str:
    return f'<details class="{FOLD_CLASS}" {begins}><summary>{escape(summary)}</summary><div>'


def _reader(original: Original, parts: Sequence[Part]) -> Callable[[int, int], bytes]:
    """Return what reads the ranges of `parts`, in few steps however many there are.

    A body is one part or two; a bomb of 10,000 would ask the store as often.
    """
    if len(parts) == 1:
        return partial(originals.read, original)
    begin = 0
    held = b""

    def read(start: int, length: int) -> bytes:
        nonlocal begin, held
        if not begin <= start <= start + length <= begin + len(held):
            begin, held = start, originals.read(original, start, max(length, _READ_AHEAD))
        return held[start - begin : start - begin + length]

    return read


def _body(sanitized: SanitizedHtml, mark: str) -> HtmlBody:
    match sanitized.refused:
        case None:
            return HtmlBody(sanitized.html, mark, blocked_remote=sanitized.blocked_remote > 0)
        case Refusal.TOO_LARGE:
            return HtmlBody(problem=Problem.TOO_LARGE)
        case Refusal.TOO_COMPLEX | Refusal.TOO_DEEP:
            return HtmlBody(problem=Problem.TOO_COMPLEX)


def _cache_key(
    sha256: str, parts: Sequence[Part], images: dict[str, int], engine: str, *, remote_images: bool
) -> str:
    made_from = repr((sha256, parts, sorted(images.items()), engine, remote_images))
    digest = hashlib.sha256(made_from.encode()).hexdigest()
    return f"wagtail_mailarchive.html.{POLICY_VERSION}.{digest}"
