"""Writing, changing, deleting and deciding on comments: what happens in the database.

Who may do it is the caller's to ask (`comment_rules`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ..models import Comment, CommentNotice, CommentState, EmailMessagePage
from ..models.comment import MAX_NAME
from ..signals import comment_posted
from . import comment_notices, mentions
from .comment_rules import first_state, sender_of


def post(
    message: EmailMessagePage,
    request: HttpRequest,
    text: str,
    *,
    name: str = "",
    parent: Comment | None = None,
) -> Comment:
    """Write a comment, shown or held as the folder's rules say.

    Args:
        name: of a guest; people who are signed in have their own.
        parent: what it replies to.
    """
    user: Any = request.user if request.user.is_authenticated else None
    with transaction.atomic():
        comment = Comment.objects.create(
            message=message,
            # Two levels: a reply to a reply stands below what both reply to.
            parent_id=(parent.parent_id or parent.pk) if parent else None,
            author=user,
            author_name=(user.get_full_name() or user.get_username() if user else name)[:MAX_NAME],
            is_guest=user is None,
            sent_from="" if user else sender_of(request),
            text=text,
            state=first_state(message.folder, request.user),
        )
        mentions.note_mentions(comment)
        _tell(comment)
    comment_posted.send_robust(Comment, comment=comment)
    return comment


def edit(comment: Comment, user: Any, text: str) -> None:
    """Replace the text of `comment`; where comments are held, it is held again."""
    if text == comment.text:
        return
    with transaction.atomic():
        comment.text = text
        comment.edited_at = timezone.now()
        comment.state = first_state(comment.message.folder, user, edited=comment)
        # Unless somebody deleted or rejected it meanwhile.
        standing = Comment.objects.filter(pk=comment.pk).filter(
            state__in=[CommentState.SHOWN, CommentState.HELD]
        )
        if standing.update(text=text, edited_at=comment.edited_at, state=comment.state):
            mentions.note_mentions(comment)
            _tell(comment)


@transaction.atomic
def delete(comments: QuerySet[Comment]) -> int:
    """Delete the words of `comments`; that there was one stays, for what replied to it."""
    keys = list(comments.exclude(state=CommentState.DELETED).values_list("pk", flat=True))
    CommentNotice.objects.filter(comment__in=keys, told_at=None).delete()
    return Comment.objects.filter(pk__in=keys).update(
        text="", state=CommentState.DELETED, sent_from=""
    )


@transaction.atomic
def decide(comments: QuerySet[Comment], user: Any, *, approved: bool) -> int:
    """Let `comments` be shown, or reject them, as a moderator; return how many changed."""
    to = CommentState.SHOWN if approved else CommentState.REJECTED
    others = comments.exclude(state__in=[to, CommentState.DELETED])
    keys: Collection[int] = list(others.values_list("pk", flat=True))
    changed = Comment.objects.filter(pk__in=keys).exclude(state=CommentState.DELETED)
    number = changed.update(state=to, decided_by=user, decided_at=timezone.now())
    if approved:
        mentions.release(list(keys))
        transaction.on_commit(comment_notices.request_sending)
    return number


def _tell(comment: Comment) -> None:
    if comment.state == CommentState.HELD:
        comment_notices.tell_moderators(comment.message.folder)
    transaction.on_commit(comment_notices.request_sending)
