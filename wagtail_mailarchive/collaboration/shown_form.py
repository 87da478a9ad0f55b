"""The form for a comment as one reader sees it, below the comments of a message."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..models import Comment, CommentState, EmailMessagePage
from ..models.comment import MAX_NAME, MAX_TEXT
from .comment_form import TRAP, shown_now
from .comment_places import FORM, asked_key, draft_place
from .comment_reader import Reader
from .comment_rules import can_edit, is_closed, too_late
from .drafts import Draft, kept


@dataclass(frozen=True, slots=True)
class CommentForm:
    """The form at the end.

    Attributes:
        parent: what is replied to; None for a comment of its own.
        asks_name: of guests.
        has_to_sign_in: what is written is kept until then.
        shown: the signed time.
    """

    address: str
    text: str
    name: str
    parent: Comment | None
    problems: list[str]
    asks_name: bool
    has_to_sign_in: bool
    shown: str
    without_parent: str
    max_text: int = MAX_TEXT
    max_name: int = MAX_NAME
    trap: str = TRAP
    anchor: str = FORM


def form_for(page: EmailMessagePage, reader: Reader, address: str) -> CommentForm | None:
    """Return the form, with what was typed before; None where the reader cannot comment.

    Args:
        address: of `page`.
    """
    request = reader.request
    is_guest = not request.user.is_authenticated
    if is_closed(reader.folder) or not (reader.may_comment or is_guest):
        return None
    draft = kept(request, draft_place(page))
    if draft and draft.edits:
        draft = _of_change(draft, draft.edits, page, request)
    parent = _parent(page, draft, asked_key(request.GET.get("reply", "")))
    return CommentForm(
        address=f"{address.rstrip('/')}/comments/",
        text=draft.text if draft else "",
        name=draft.name if draft else "",
        parent=parent,
        problems=draft.problems if draft else [],
        asks_name=is_guest and reader.may_comment,
        has_to_sign_in=is_guest and not reader.may_comment,
        shown=shown_now(page),
        without_parent=f"{address}#{FORM}",
    )


def _of_change(
    draft: Draft, key: int, page: EmailMessagePage, request: HttpRequest
) -> Draft | None:
    """Return what was typed to change a comment, for the form, if it cannot be changed any more.

    None where it can, or its author has not signed in again yet.
    """
    comment = Comment.objects.filter(pk=key, message=page).first()
    if comment is None:
        return replace(draft, edits=None)
    waits = not (comment.is_guest or request.user.is_authenticated)
    if waits or can_edit(comment, request):
        return None
    return replace(draft, edits=None, parent=comment.parent_id, problems=[too_late()])


def _parent(page: EmailMessagePage, draft: Draft | None, asked: int | None) -> Comment | None:
    """Return what is replied to: what the address says, else what the draft was written for."""
    key = asked if asked is not None else draft and draft.parent
    if not key:
        return None
    return Comment.objects.filter(pk=key, message=page, state=CommentState.SHOWN).first()


def refusal(reader: Reader, has_comments: bool) -> str:
    """Return why there is no form; "" where nothing is to say."""
    if reader.may_comment or not has_comments:
        return ""
    if is_closed(reader.folder):
        return _("Comments are closed in this folder.")
    if reader.request.user.is_authenticated:
        return _("You can read comments in this folder, but not write any.")
    return ""
