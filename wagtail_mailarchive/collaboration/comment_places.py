"""Where a comment stands: its address, and its id on the page."""

from __future__ import annotations

from typing import Final

from ..models import Comment, EmailMessagePage

SECTION: Final = "mailarchive-comments"
FORM: Final = "mailarchive-comment-form"


def anchor(comment_id: int) -> str:
    """Return the id that a comment has on the message's page."""
    return f"comment-{comment_id}"


def permalink(comment: Comment, message_address: str) -> str:
    """Return the address that leads to `comment` for good, wherever it stands by then."""
    return f"{message_address.rstrip('/')}/comments/{comment.pk}/" if message_address else ""


def draft_place(message: EmailMessagePage) -> str:
    """Return by what `drafts` knows the comment that is being written on `message`."""
    return f"{message.pk} comment"


def asked_key(text: str) -> int | None:
    """Return the key that a query string or a form holds; None where it can be none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
