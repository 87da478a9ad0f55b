"""From an image to a small one."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from . import limits
from .content import Picture, State, Unreadable

# Pillow knows forty more, most of them unmaintained and none of them seen in mail.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
_QUALITY = 75
# What Pillow's readers raise on broken files, besides what ends the process.
_BROKEN = (OSError, SyntaxError, ValueError, IndexError, KeyError, EOFError, OverflowError)


def is_image(content: bytes) -> bool:
    """Whether `content` begins as an image does that a picture can be made of."""
    return content.startswith(
        (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
    ) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")


def small_picture(content: bytes) -> Picture:
    """Return a picture of an image file, upright, of an animation the first frame.

    Raises:
        Unreadable: it is broken, or has too many pixels; they are counted before decoding.
    """
    # Pillow's own bound warns first; ours refuses.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if image.width * image.height > limits.PIXELS:
                    raise Unreadable(State.TOO_LARGE)
                # JPEG can be decoded at a fraction of its size, and that much faster.
                image.draft("RGB", (2 * limits.PICTURE_SIDE, 2 * limits.PICTURE_SIDE))
                return shrink(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise Unreadable(State.UNSUPPORTED) from None
    except _BROKEN:
        raise Unreadable(State.FAILED) from None


def shrink(image: Image.Image) -> Picture:
    """Return `image` as a picture."""
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail((limits.PICTURE_SIDE, limits.PICTURE_SIDE))
    sink = io.BytesIO()
    image.save(sink, "WEBP", quality=_QUALITY)
    return Picture(sink.getvalue(), image.width, image.height)
