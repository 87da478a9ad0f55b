"""Who may comment in a folder, and which comments wait until a moderator has seen them.

Whoever calls has made sure that the person may read the message; these rules only narrow that.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from ..models import Comment, CommentState, EmailFolderPage, EmailMessagePage
from ..models.comment import Commenters, Moderation

EDITABLE: Final = timedelta(minutes=15)
MOST_REPLIES: Final = 100  # to one comment
_WHILE = timedelta(minutes=10)
# Comments within that time: of a person, from a guest's address, and of all guests in a folder.
_MOST_OF_PERSON = 10
_MOST_OF_GUEST = 5
_MOST_OF_GUESTS = 60
_OWN = "mailarchive_own_comments"  # in the session: the comments of a guest
_MOST_OWN = 50


def moderation_of(folder: EmailFolderPage) -> str:
    """Return a value of `Moderation`."""
    return folder.effective_moderation


def commenters_of(folder: EmailFolderPage) -> str:
    """Return a value of `Commenters`."""
    return folder.effective_commenters


def is_closed(folder: EmailFolderPage) -> bool:
    return moderation_of(folder) == Moderation.CLOSED


def may_comment(folder: EmailFolderPage, user: Any) -> bool:
    """Whether `user`, who may read a message of `folder`, may comment on it.

    At most two queries, and none unless the folder names groups.
    """
    if is_closed(folder):
        return False
    commenters = commenters_of(folder)
    if commenters == Commenters.ANYONE:
        return True
    if not user.is_authenticated:
        return False
    if commenters == Commenters.LOGIN or user.is_superuser:
        return True
    # As it is published: a draft of the folder's settings changes nothing yet.
    groups = EmailFolderPage.commenter_groups.through.objects
    return bool(
        groups.filter(
            emailfolderpage=folder.pk, group__in=user.groups.order_by().values("pk")
        ).exists()
    )


def first_state(
    folder: EmailFolderPage, user: Any, *, edited: Comment | None = None
) -> CommentState:
    """Return whether what `user` writes now is shown at once or held.

    Args:
        edited: the comment that is changed; that it was shown before does not count.
    """
    moderation = moderation_of(folder)
    if user.is_authenticated and folder.permissions_for_user(user).can_moderate_comments():
        return CommentState.SHOWN
    if moderation == Moderation.OPEN:
        return CommentState.SHOWN
    if moderation == Moderation.FIRST and user.is_authenticated:
        others = Comment.objects.filter(
            author=user.pk, state=CommentState.SHOWN, message__folder=folder
        )
        if edited is not None:
            others = others.exclude(pk=edited.pk)
        if others.exists():
            return CommentState.SHOWN
    return CommentState.HELD


# -- whose is it ------------------------------------------------------------------------------


def own_of_guest(request: HttpRequest) -> list[int]:
    """Return the keys of the comments that this session wrote without signing in."""
    return list(request.session.get(_OWN, []))


def remember_own(request: HttpRequest, comment: Comment) -> None:
    request.session[_OWN] = [*own_of_guest(request), comment.pk][-_MOST_OWN:]


def is_own(comment: Comment, request: HttpRequest) -> bool:
    """Whether whoever asks wrote `comment`."""
    if comment.is_guest:
        return comment.pk in own_of_guest(request)
    return request.user.is_authenticated and comment.author_id == request.user.pk


def can_edit(comment: Comment, request: HttpRequest) -> bool:
    """Whether whoever asks may still change `comment`."""
    is_there = comment.state in (CommentState.SHOWN, CommentState.HELD)
    is_young = timezone.now() - comment.created_at < EDITABLE
    return is_there and is_young and is_own(comment, request)


def too_late() -> str:
    """Return why a comment cannot be changed any more."""
    return _("A comment can be changed in its first 15 minutes; this one stays as it was.")


# -- limits -----------------------------------------------------------------------------------


def sender_of(request: HttpRequest) -> str:
    """Return what guests' comments are counted by: it tells no address, and changes each day."""
    address = request.META.get("REMOTE_ADDR", "")
    value = f"{timezone.now():%Y-%m-%d} {address}"
    keyed = salted_hmac("wagtail_mailarchive.comments", value, algorithm="sha256")
    return hashlib.sha256(keyed.digest()).hexdigest()[:32]


def is_too_fast(message: EmailMessagePage, request: HttpRequest) -> bool:
    """Whether so much was written of late that the next comment has to wait (two queries)."""
    recent = Comment.objects.filter(created_at__gt=timezone.now() - _WHILE)
    if request.user.is_authenticated:
        return _reaches(recent.filter(author=request.user.pk), _MOST_OF_PERSON)
    of_guests = recent.filter(is_guest=True)
    return _reaches(of_guests.filter(sent_from=sender_of(request)), _MOST_OF_GUEST) or _reaches(
        of_guests.filter(message__folder=message.folder_id), _MOST_OF_GUESTS
    )


def _reaches(comments: QuerySet[Comment], most: int) -> bool:
    return comments.order_by()[:most].count() >= most
