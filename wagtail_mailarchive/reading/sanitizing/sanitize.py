"""From the HTML that a stranger wrote to HTML that can be shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .addresses import ImageAddresses
from .bounds import is_bounded
from .engines import Engine, clean
from .marks import balanced
from .policy import MAX_CHARACTERS, MAX_MARKS
from .rewriting import Rewriter, TooDeep, TooManyElements


class Refusal(StrEnum):
    """Why HTML is not shown; the caller shows the text body instead."""

    TOO_LARGE = "too-large"
    TOO_COMPLEX = "too-complex"  # built to keep a parser busy, or as good as
    TOO_DEEP = "too-deep"


@dataclass(frozen=True, slots=True)
class SanitizedHtml:
    """HTML of a mail, safe to show.

    Attributes:
        html: a fragment, one `div`; "" if refused.
        blocked_remote: how many remote images were left out, counted as often as they occur.
        refused: None where `html` is to be shown.
    """

    html: str
    blocked_remote: int = 0
    refused: Refusal | None = None


def sanitize(
    html: str,
    *,
    engine: Engine,
    inline_image: Callable[[str], str | None],
    remote_images: bool = False,
    token: str = "",
) -> SanitizedHtml:
    """Return what `policy` lets through of `html`.

    The same input gives the same output, so it may be cached under the input's hash,
    `policy.POLICY_VERSION`, `engine`, `remote_images` and whatever `inline_image` depends on.

    Args:
        html: a decoded text/html body; anything at all.
        inline_image: returns the address of the image with this Content-ID (RFC 2392, decoded,
            without angle brackets), or None where there is none; its `alt` is shown then. What
            it returns is trusted.
        remote_images: keep http and https images, rather than leave them out and count them.
        token: letters and digits that nobody can guess, for marks around what is to be folded and
            behind links whose text lies, see `marks`; "" for no marks.
    """
    if len(html) > MAX_CHARACTERS:
        return SanitizedHtml("", refused=Refusal.TOO_LARGE)
    if html.count("<") > 3 * MAX_MARKS:  # comments and foreign elements, which go, are among them
        return SanitizedHtml("", refused=Refusal.TOO_COMPLEX)
    # Neither parser takes lone surrogates.
    html = html.encode("utf-8", "replace").decode()
    if not is_bounded(html):
        return SanitizedHtml("", refused=Refusal.TOO_COMPLEX)
    images = ImageAddresses(inline_image, remote_images=remote_images)
    rewriter = Rewriter(images, token)
    try:
        rewritten = rewriter.rewrite(html)
    except TooDeep:
        return SanitizedHtml("", refused=Refusal.TOO_DEEP)
    except TooManyElements:
        return SanitizedHtml("", refused=Refusal.TOO_COMPLEX)
    if rewritten.count("<") + rewritten.count("&") > MAX_MARKS:
        return SanitizedHtml("", refused=Refusal.TOO_COMPLEX)
    cleaned = clean(rewritten, engine, rewriter.wrote)
    return SanitizedHtml(balanced(cleaned, token) if token else cleaned, images.blocked_remote)
