"""`Follow`: somebody wants to be told by mail of what comes into a folder, a thread or a search."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MOST = 200  # of one reader


class Pace(models.TextChoices):
    """When mails about it are sent."""

    AT_ONCE = "now", _("at once")
    DAILY = "day", _("once a day")
    WEEKLY = "week", _("once a week")


def new_token() -> str:
    """Return 96 random bits in 16 characters: mailers break longer addresses for unsubscribing."""
    return secrets.token_urlsafe(12)


def to_another_of_the_thread(collector: Any, field: Any, follows: Any, using: str) -> None:
    """Let those who follow a thread follow it by another message when theirs is erased.

    They end with the thread, and where somebody follows it by the other message already.
    """
    from .message import EmailMessagePage

    ending = []
    for follow in follows:
        thread = EmailMessagePage.objects.using(using).filter(thread=follow.message.thread_id)
        # Only what is in the trash is erased.
        other = thread.filter(trashed=False).exclude(pk=follow.message_id).first()
        if other and not Follow.objects.filter(reader=follow.reader_id, message=other).exists():
            collector.add_field_update(field, other.pk, [follow])
        else:
            ending.append(follow.pk)
    if ending:
        ended: Any = Follow.objects.using(using).filter(pk__in=ending)
        models.CASCADE(collector, field, ended, using)


class Follow(models.Model):
    """What one reader follows, and how far they were told.

    Attributes:
        folder: where it looks; null for a saved search in all folders.
        message: of a thread, one of its messages: it leads to the thread whatever is merged or
            split later. Null otherwise.
        search: null for a folder and a thread.
        token: who knows it may end this, and nothing else.
        seen: folder's key (as text) -> number of the last entry in its chain that mails went out
            about. What comes into a folder without an entry here is new from the beginning.
        comments_until: mails went out about comments shown until then.
        number: of the next delivery; who moves it on makes that delivery.
        due_at: when it is looked at next; brought forward by what happens, for those at once.
    """

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    folder = models.ForeignKey(
        "EmailFolderPage", null=True, on_delete=models.CASCADE, related_name="+"
    )
    message = models.ForeignKey(
        "EmailMessagePage", null=True, on_delete=to_another_of_the_thread, related_name="+"
    )
    search = models.ForeignKey("SavedSearch", null=True, on_delete=models.CASCADE, related_name="+")
    mail = models.BooleanField(_("new mail"), default=True)
    comments = models.BooleanField(_("comments"), default=False)
    pace = models.CharField(
        _("How often"), max_length=4, choices=Pace.choices, default=Pace.AT_ONCE
    )
    token = models.CharField(max_length=16, unique=True, default=new_token)
    seen = models.JSONField(default=dict)
    comments_until = models.DateTimeField(default=timezone.now)
    number = models.PositiveIntegerField(default=1)
    due_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("follow")
        verbose_name_plural = _("follows")
        default_permissions = ()
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["reader", "folder"],
                condition=models.Q(message=None, search=None),
                name="mailarchive_follow_folder",
            ),
            models.UniqueConstraint(
                fields=["reader", "message"],
                condition=models.Q(message__isnull=False),
                name="mailarchive_follow_thread",
            ),
            models.UniqueConstraint(
                fields=["reader", "search"],
                condition=models.Q(search__isnull=False),
                name="mailarchive_follow_search",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reader_id} -> {self.folder_id}"
