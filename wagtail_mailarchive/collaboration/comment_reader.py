"""Whose eyes see the comments of a message."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from ..models import Comment, CommentState, EmailMessagePage
from .comment_rules import may_comment, own_of_guest


class Reader:
    """What is asked of the reader once, and not for each comment."""

    def __init__(self, page: EmailMessagePage, request: HttpRequest) -> None:
        self.request = request
        self.folder = page.folder
        user: Any = request.user
        self.may_comment = may_comment(self.folder, user)
        self.moderates = bool(
            user.is_authenticated and self.folder.permissions_for_user(user).can_moderate_comments()
        )

    def seen(self, comments: QuerySet[Comment]) -> QuerySet[Comment]:
        """Return those of `comments` whose words this reader sees."""
        return comments.filter(self._sees)

    def standing(self, page: EmailMessagePage) -> QuerySet[Comment]:
        """Return the comments on `page` that are no replies and that something is shown of."""
        replies = self.seen(Comment.objects.filter(parent=OuterRef("pk")))
        found: QuerySet[Comment] = Comment.objects.filter(message=page, parent=None)
        return found.filter(self._sees | Exists(replies))

    @cached_property
    def _sees(self) -> Q:
        seen = Q(state=CommentState.SHOWN)
        if self.moderates:
            return seen | Q(state=CommentState.HELD)
        if self.request.user.is_authenticated:
            return seen | Q(state=CommentState.HELD, author=self.request.user.pk)
        if own := own_of_guest(self.request):
            return seen | Q(state=CommentState.HELD, pk__in=own)
        return seen
