"""What is sent to a page that asks to sign in, because a session ended: kept until that is done."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from wagtail.models import Page

from ..models import EmailMessagePage
from . import note_drafts
from .annotations import annotate, note
from .comment_views import change, keep_change, keep_draft, write

# By the view that would have taken it.
_KEEP: Final[dict[Any, Any]] = {
    write: keep_draft,
    change: keep_change,
    annotate: note_drafts.keep,
    note: note_drafts.keep,
}


def keep_before_sign_in(
    page: Page, request: HttpRequest, args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Keep what was written, before Wagtail's privacy answers; nothing of the page is told.

    Args:
        args: the view that was routed to, and what it takes, if it is one of a `RoutedPage`.
    """
    if request.method != "POST" or request.user.is_authenticated or not args:
        return
    keep = _KEEP.get(getattr(args[0], "__func__", None))
    if keep is not None and isinstance(page, EmailMessagePage):
        keep(page, request, **args[2])
