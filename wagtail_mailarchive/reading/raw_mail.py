"""What the archive would make of raw mail, without archiving it.

The same limited parser process reads it and the same sanitiser shows it; no database is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from ..conf import archive_settings
from ..exceptions import MessageError
from ..mime.message import ParsedMessage
from ..mime.process import ParserProcess
from .html_source import html_source
from .sanitizing import Engine, sanitize


def inspect(chunks: Sequence[bytes], parser: ParserProcess, *, with_html: bool) -> dict[str, Any]:
    """Return the fields of `ParsedMessage` for one message, ready for JSON.

    Beside them stand "sha256" and "size" of the original, "sent_at" as text, and with `with_html`
    "html", the sanitised body, and "html_refused", why there is none although the mail has HTML.
    What the archive would quarantine has only "sha256", "size" and "error", a sentence.
    """
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    record: dict[str, Any] = {"sha256": digest.hexdigest(), "size": sum(map(len, chunks))}
    try:
        message = parser.parse(chunks)
    except MessageError as error:
        return {**record, "error": str(error)}
    values = asdict(message)
    values["from"] = values.pop("from_")
    values["sent_at"] = message.sent_at.isoformat() if message.sent_at else None
    if with_html:
        values |= _html(message, b"".join(chunks))
    return record | values


def _html(message: ParsedMessage, raw: bytes) -> dict[str, Any]:
    if not any(part.content_type == "text/html" for part in message.html_parts):
        return {"html": "", "html_refused": None}
    images = {part.content_id: at for at, part in enumerate(message.attachments)}

    def inline_image(content_id: str) -> str | None:
        # A relative address, as on the message's page; there it is signed as well.
        return f"attachment/{images[content_id]}/" if content_id in images else None

    sanitized = sanitize(
        html_source(message.html_parts, lambda start, length: raw[start : start + length]),
        engine=cast(Engine, archive_settings().SANITIZER),
        inline_image=inline_image,
    )
    return {"html": sanitized.html, "html_refused": sanitized.refused}
