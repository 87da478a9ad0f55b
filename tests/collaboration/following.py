"""What tests of following have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from wagtail_mailarchive import tasks
from wagtail_mailarchive.collaboration.following import begin
from wagtail_mailarchive.models import Comment, CommentState, EmailMessagePage, Follow


def follow(reader: User, **values: Any) -> Follow:
    """What the form would have saved."""
    made = Follow(reader=reader, **values)
    begin(made)
    return made


def work() -> None:
    """All that is due at some time is due now; the worker works on it."""
    Follow.objects.update(due_at=timezone.now())
    tasks.tell_followers()


def comment(message: EmailMessagePage, author: User, text: str, **values: Any) -> Comment:
    """A comment that was shown a while ago, but after whoever follows began."""
    moment = timezone.now() - timedelta(minutes=2)
    Follow.objects.filter(comments_until__gt=moment).update(comments_until=moment)
    given = {"state": CommentState.SHOWN, "created_at": timezone.now() - timedelta(seconds=90)}
    return Comment.objects.create(
        message=message, author=author, author_name=author.username, text=text, **(given | values)
    )
