"""Who may write notes about passages, and how many.

Whoever calls has made sure that the person may read the message; these rules only narrow that.
Notes for all readers follow what the folder says of comments: who may not comment there, or would
have to wait for a moderator, can write for themselves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from ..models import Annotation, CommentState, EmailFolderPage, EmailMessagePage
from ..models.annotation import MOST_OF_MESSAGE, MOST_REPLIES
from .comment_rules import EDITABLE, first_state, may_comment

_WHILE = timedelta(minutes=10)
_MOST_OF_PERSON = 30  # within that time


def may_share(folder: EmailFolderPage, user: Any) -> bool:
    """Whether `user` may write notes and replies that all readers see."""
    return (
        user.is_authenticated
        and may_comment(folder, user)
        and first_state(folder, user) == CommentState.SHOWN
    )


def may_reply(annotation: Annotation, folder: EmailFolderPage, user: Any) -> bool:
    if annotation.deleted_at is not None or not user.is_authenticated:
        return False
    return annotation.is_private or may_share(folder, user)


def may_edit(annotation: Annotation, user: Any) -> bool:
    """Whether `user` may change it: an own note at any time, a reply in its first minutes."""
    if annotation.deleted_at is not None or not is_own(annotation, user):
        return False
    is_young = timezone.now() - annotation.created_at < EDITABLE
    return annotation.parent_id is None or is_young


def may_delete(annotation: Annotation, folder: EmailFolderPage, user: Any) -> bool:
    """Whether `user` may delete it: who wrote it, and who moderates comments."""
    if annotation.deleted_at is not None or not user.is_authenticated:
        return False
    return is_own(annotation, user) or bool(
        folder.permissions_for_user(user).can_moderate_comments()
    )


def refusal_of_note(message: EmailMessagePage, user: Any, *, is_private: bool) -> str:
    """Return why there cannot be another note on `message` now; "" if there can be one."""
    notes = Annotation.objects.notes().filter(message=message, is_private=is_private)
    if is_private:
        notes = notes.filter(author=user.pk)
    if _reaches(notes, MOST_OF_MESSAGE):
        return _("There are as many notes on this message as there can be.")
    return _refusal_of_pace(user)


def refusal_of_reply(annotation: Annotation, user: Any) -> str:
    """Return why there cannot be another reply now; "" if there can be one."""
    if _reaches(Annotation.objects.filter(parent=annotation), MOST_REPLIES):
        return _("This conversation is full. Write a note of its own.")
    return _refusal_of_pace(user)


def _refusal_of_pace(user: Any) -> str:
    recent = Annotation.objects.filter(author=user.pk, created_at__gt=timezone.now() - _WHILE)
    if _reaches(recent, _MOST_OF_PERSON):
        return _("You wrote many notes in a short time. Please try again in a few minutes.")
    return ""


def is_own(annotation: Annotation, user: Any) -> bool:
    """Whether `user` wrote it."""
    return bool(user.is_authenticated and annotation.author_id == user.pk)


def _reaches(annotations: QuerySet[Annotation], most: int) -> bool:
    return annotations.order_by()[:most].count() >= most
