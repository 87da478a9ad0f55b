"""`Comment`: what a reader wrote about a message; the message itself stays as it came."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MAX_TEXT = 5_000  # characters
MAX_NAME = 100


class Moderation(models.TextChoices):
    """Which comments wait until a moderator has seen them."""

    OPEN = "open", _("None: comments show at once")
    FIRST = "first", _("A person’s first one, and those of guests")
    HELD = "held", _("All")
    CLOSED = "closed", _("Nobody can comment")


class Commenters(models.TextChoices):
    """Which of those who may read a message may comment on it."""

    ANYONE = "anyone", _("Everyone who can read the message, guests too")
    LOGIN = "login", _("Everyone who is signed in")
    GROUPS = "groups", _("Members of the groups below")


class CommentState(models.TextChoices):
    SHOWN = "shown", _("shown")
    HELD = "held", _("held")
    REJECTED = "rejected", _("rejected")
    DELETED = "deleted", _("deleted")


class Comment(models.Model):
    """A comment on a message, or a reply to one.

    Attributes:
        parent: the comment that this replies to; never a reply itself.
        author: null for guests, and for people whose user is deleted.
        author_name: as it was when this was written.
        sent_from: of guests, a digest of their address that changes each day; for limits alone.
        text: plain; empty once it is deleted.
        decided_by, decided_at: which moderator let it be shown or rejected it last.
    """

    message = models.ForeignKey(
        "EmailMessagePage",
        on_delete=models.CASCADE,
        related_name="reader_comments",
        db_index=False,
        verbose_name=_("message"),
    )
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="replies")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("author"),
    )
    author_name = models.CharField(_("name"), max_length=MAX_NAME)
    is_guest = models.BooleanField(default=False)
    sent_from = models.CharField(max_length=32, blank=True)
    text = models.TextField(_("text"), max_length=MAX_TEXT)
    state = models.CharField(max_length=8, choices=CommentState.choices)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        default_permissions = ()
        indexes = [
            models.Index(fields=["message", "state"], name="mailarchive_comments"),
            models.Index(fields=["author", "created_at"], name="mailarchive_comments_by"),
            models.Index(fields=["state", "-id"], name="mailarchive_comment_queue"),
            models.Index(
                fields=["created_at"],
                name="mailarchive_guest_comments",
                condition=Q(is_guest=True),
            ),
            # What was shown lately, for those who follow: held ones, since they were let through.
            # The state is a column of it, for SQLite prefers any index that begins with the state
            # to one of shown comments alone by time.
            models.Index(
                "state", Coalesce("decided_at", "created_at"), name="mailarchive_comment_shown_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:40]}"


class CommentNotice(models.Model):
    """A mail about comments that somebody is to get; kept, so that nobody is told twice.

    Attributes:
        comment: what mentions `recipient`; null for a moderator, who is told that comments wait.
        try_at: when it is due; null while there is nothing to send. Whoever tries moves it on, so
            that no two workers send it.
        tries: since it became due.
        told_at: when the mail server last took it.
    """

    folder = models.ForeignKey("EmailFolderPage", on_delete=models.CASCADE, related_name="+")
    comment = models.ForeignKey(
        Comment, on_delete=models.CASCADE, null=True, related_name="mentions"
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    try_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveIntegerField(default=0)
    told_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["comment", "recipient"],
                name="mailarchive_one_mention",
                condition=Q(comment__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["folder", "recipient"],
                name="mailarchive_one_queue_notice",
                condition=Q(comment__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.folder_id} -> {self.recipient_id}"


# In SQL, because Django takes several times as long to write it as a database to answer it.
_COUNTS: Final = f"""
SELECT message_id, COUNT(*) FROM {Comment._meta.db_table}
WHERE state = %s AND message_id IN ({{places}}) GROUP BY message_id
"""  # noqa: S608 (the table's name is ours)


def comment_counts(messages: Collection[int]) -> dict[int, int]:
    """Return how many comments are shown on each of `messages` that has some (one query)."""
    if not messages:
        return {}
    places = ", ".join(["%s"] * len(messages))
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(places=places), [CommentState.SHOWN.value, *messages])
        return dict(cursor.fetchall())
