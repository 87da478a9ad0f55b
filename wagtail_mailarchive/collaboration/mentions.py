"""“@ada” in a comment: whom it means, and who is told.

Only people who may see the message at that moment are meant; of others nothing is said, so that
nobody learns who there is. Guests mention nobody.
"""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.utils import timezone

from ..models import Comment, CommentNotice, CommentState
from ..models.privacy import may_see

MOST: Final = 10  # people in one comment
# What stands before keeps mail addresses and web addresses from being taken for mentions.
MENTION = re.compile(r"(?<![\w.@+/-])@([\w.@+-]{1,150})")
_BEHIND = ".@+-"


def names_in(text: str) -> list[str]:
    """Return the user names that `text` may mean, the first few, each once.

    A point behind a name may be its own or the sentence's, so that both are returned.
    """
    found: dict[str, None] = {}
    for match in MENTION.finditer(text):
        for name in (match[1], match[1].rstrip(_BEHIND)):
            if name:
                found[name] = None
        if len(found) >= 2 * MOST:
            break
    return list(found)


def note_mentions(comment: Comment) -> None:
    """Note whom `comment` mentions; they are told once it is shown.

    Five queries, and about three for each that is mentioned.
    """
    names = [] if comment.author_id is None else names_in(comment.text)
    known = CommentNotice.objects.filter(comment=comment)
    if not names:
        known.filter(told_at=None).delete()
        return
    told = set(known.exclude(told_at=None).values_list("recipient", flat=True))
    # Over all of its versions: who edits does not tell ever more people.
    people = [each for each in _people(comment, names) if each.pk not in told][: MOST - len(told)]
    known.filter(told_at=None).exclude(recipient__in=people).delete()
    CommentNotice.objects.bulk_create(
        [
            CommentNotice(folder_id=comment.message.folder_id, comment=comment, recipient=each)
            for each in people
        ],
        ignore_conflicts=True,
    )
    if comment.state == CommentState.SHOWN:
        release([comment.pk])


def release(comments: list[int]) -> None:
    """Have those told who are mentioned in `comments`, which are shown now."""
    waiting = CommentNotice.objects.filter(comment__in=comments, told_at=None, try_at=None)
    waiting.update(try_at=timezone.now(), tries=0)


def _people(comment: Comment, names: list[str]) -> list[Any]:
    users = get_user_model()
    found = users._default_manager.filter(
        **{f"{users.USERNAME_FIELD}__in": names}, is_active=True
    ).exclude(pk__in=[comment.author_id])
    return [each for each in found.order_by("pk")[:MOST] if may_see(comment.message, each)]
