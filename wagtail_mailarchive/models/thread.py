"""`Thread`: a conversation in one folder, how it is found again, and what managers changed of it.

How threads are decided is told in docs/reference/threads.md. Messages that are joined form a
*cluster*; it is one thread unless managers split it. A cluster is known by its main thread, and
threads split off from that are part of it.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

# More are not told apart: a list names a few, and beyond these there are "more than".
PARTICIPANTS = 40


# Wagtail brings no types, so the manager of messages that refer here cannot be told.
class Thread(models.Model):  # type: ignore[django-manager-missing]
    """A conversation, with what a list of threads shows of it.

    Unlisted messages do not count, nor do their words appear here. Restrictions of single
    messages are not known here: who shows this to readers asks `archive.thread_summaries.summarise`
    about threads that hold a message which the reader may not read.

    Attributes:
        part_of: the main thread of the cluster that this one was split off from; null for a main
            thread.
        is_divided: of a main thread: whether others were split off from it.
        subject: of the first message, cut.
        first_at, last_at: `sorted_at` of the first and of the last message.
        message_count: 0 where all are unlisted.
        snippet: of the last message.
        participants: [[name, address, seconds since 1970], ...] in the order in which they first
            wrote, at most `PARTICIPANTS`.
        has_more_participants: whether others wrote as well.
        has_attachments: whether any message has.
        decided_by: the `mime.VERSION` by which its messages were joined.
    """

    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="threads", db_index=False
    )
    part_of = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    is_divided = models.BooleanField(default=False)
    subject = models.CharField(max_length=255, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    message_count = models.PositiveIntegerField(default=0)
    snippet = models.CharField(max_length=200, blank=True)
    participants = models.JSONField(default=list)
    has_more_participants = models.BooleanField(default=False)
    has_attachments = models.BooleanField(default=False)
    decided_by = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("thread")
        verbose_name_plural = _("threads")
        default_permissions = ()
        indexes = [
            models.Index(fields=["folder", "-last_at", "-id"], name="mailarchive_latest_threads"),
            models.Index(
                fields=["part_of"],
                name="mailarchive_thread_parts",
                condition=models.Q(part_of__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.subject


class ThreadKey(models.Model):
    """Something that messages of one cluster share: who shares it is one of them.

    Attributes:
        digest: 63 bits of a SHA-256 over the folder and what is shared; see `archive.thread_links`.
        thread: the main thread of the cluster.
    """

    digest = models.BigIntegerField(primary_key=True)
    thread = models.ForeignKey("Thread", on_delete=models.CASCADE, related_name="keys")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.digest)


class ThreadDecision(models.Model):
    """What a manager decided about threads; it holds until it is undone.

    Attributes:
        kind: MERGE joins the threads of `message` and `other`; SPLIT begins a thread with
            `message`, to which all belongs that answers it.
        user, undone_by: null for users who are no more.
    """

    class Kind(models.TextChoices):
        MERGE = "merge", _("merge")
        SPLIT = "split", _("split")

    folder = models.ForeignKey("EmailFolderPage", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    message = models.ForeignKey("EmailMessagePage", on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(
        "EmailMessagePage", null=True, on_delete=models.CASCADE, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
