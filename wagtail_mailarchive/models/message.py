"""`EmailMessagePage`: one original as archived in one folder. Read-only for everyone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.models import Page

from ..exceptions import MessageIsReadOnly
from ..mime.message import Address
from .permissions import MessagePermissionTester
from .routing import RoutedPage
from .shown_message import ShownMessage

# What Wagtail may change about a message: its place when a folder moves, and its bookkeeping.
_CHANGEABLE = frozenset(
    {"path", "depth", "numchild", "url_path", "owner", "live", "listed", "has_unpublished_changes"}
    | {"first_published_at", "last_published_at", "go_live_at", "expire_at", "expired"}
    | {"locked", "locked_at", "locked_by", "latest_revision", "live_revision"}
    | {"latest_revision_created_at", "content_type", "show_in_menus", "page_ptr"}
)


class MessageChangeRefused(MessageIsReadOnly, PermissionDenied):
    """`MessageIsReadOnly` as Wagtail's views and API understand it: answered with 403, not 500."""


class EmailMessagePage(ShownMessage, RoutedPage, Page):
    """A message.

    Attributes:
        folder: the parent, kept beside the dates so that one index serves folder and order.
        original: the bytes.
        subject: whole; the page's title is cut.
        sent_at: the Date header (UTC); null if missing or unreadable.
        sent_offset: the sender's zone in minutes east of UTC; null if the header gave none.
        received_at: INTERNALDATE; null where the source knows none.
        sorted_at: `sent_at` where it is plausible, else `received_at`, else when archived.
        message_id_digest: see `reference.message_id_digest`; null without a Message-ID.
        addresses: {"from" | "reply_to" | "to" | "cc" | "bcc": [[name, address], ...]}.
        references, in_reply_to: lists of msg-ids.
        reply_to_digest: digest of the msg-id in In-Reply-To that counts, see
            `archive.thread_links`; null without one.
        source_thread: what the server calls the message's thread (X-GM-THRID); null where it
            tells none.
        thread: null only for what was archived before there were threads, until it is read again.
        snippet: the text's beginning, in one line.
        structure: {"header_length": bytes, "text": [part...], "html": [part...]}, each part as
            `mime.message.Part`.
        details: `mime.details.Details` as JSON, without what is empty.
        parsed_by: the `mime.VERSION` that all this was read with; 0 for one before there were any.
        listed: published and not in the trash; indexed, for counts.
        trashed: it is in the trash; see `TrashEntry`.
        defects: names of what was wrong with the message.
    """

    urlconf = "wagtail_mailarchive.reading.message_urls"
    collaboration_urlconf = "wagtail_mailarchive.collaboration.message_urls"
    is_creatable = False
    parent_page_types = ["wagtail_mailarchive.EmailFolderPage"]
    subpage_types: list[str] = []
    preview_modes: list[Any] = []
    content_panels: list[Any] = []
    promote_panels: list[Any] = []
    settings_panels: list[Any] = []
    search_fields: list[Any] = []
    search_auto_update = False
    wagtail_reference_index_ignore = True

    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.PROTECT,
        related_name="messages",
        verbose_name=_("email folder"),
        editable=False,
        db_index=False,
    )
    original = models.ForeignKey(
        "Original", on_delete=models.PROTECT, related_name="messages", editable=False
    )
    subject = models.TextField(_("subject"), blank=True, editable=False)
    sender_name = models.CharField(_("sender"), max_length=255, blank=True, editable=False)
    sender_address = models.CharField(
        _("sender's address"), max_length=320, blank=True, editable=False
    )
    sent_at = models.DateTimeField(_("sent"), null=True, editable=False)
    sent_offset = models.SmallIntegerField(null=True, editable=False)
    received_at = models.DateTimeField(_("received"), null=True, editable=False)
    sorted_at = models.DateTimeField(editable=False)
    message_id = models.TextField(_("Message-ID"), blank=True, editable=False)
    message_id_digest = models.BigIntegerField(null=True, editable=False)
    in_reply_to = models.JSONField(default=list, editable=False)
    references = models.JSONField(default=list, editable=False)
    reply_to_digest = models.BigIntegerField(null=True, editable=False)
    source_thread = models.BigIntegerField(null=True, editable=False)
    thread = models.ForeignKey(
        "Thread",
        null=True,
        on_delete=models.SET_NULL,
        related_name="messages",
        editable=False,
        db_index=False,
    )
    list_id = models.CharField(max_length=255, blank=True, editable=False)
    addresses = models.JSONField(default=dict, editable=False)
    snippet = models.CharField(max_length=200, blank=True, editable=False)
    size = models.BigIntegerField(_("size"), editable=False)
    attachment_count = models.PositiveIntegerField(_("attachments"), default=0, editable=False)
    text_source = models.CharField(max_length=5, blank=True, editable=False)
    has_html = models.BooleanField(default=False, editable=False)
    structure = models.JSONField(default=dict, editable=False)
    details = models.JSONField(default=dict, editable=False)
    defects = models.JSONField(default=list, editable=False)
    parsed_by = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    listed = models.BooleanField(default=True, editable=False)
    trashed = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(
                fields=["folder", "original"], name="mailarchive_original_once_per_folder"
            )
        ]
        indexes = [
            models.Index(
                fields=["folder", "-sorted_at", "-page_ptr"],
                name="mailarchive_newest_first",
                condition=models.Q(trashed=False),
            ),
            models.Index(fields=["message_id_digest"], name="mailarchive_message_id"),
            models.Index(
                fields=["reply_to_digest"],
                name="mailarchive_reply_to",
                condition=models.Q(reply_to_digest__isnull=False),
            ),
            models.Index(
                fields=["thread", "sorted_at", "page_ptr", "listed"], name="mailarchive_thread"
            ),
            models.Index(
                fields=["folder"],
                name="mailarchive_unlisted",
                condition=models.Q(listed=False, trashed=False),
            ),
        ]

    # -- what is shown ------------------------------------------------------------------------

    def address_list(self, header: str) -> list[Address]:
        """Return the addresses of "from", "reply_to", "to", "cc" or "bcc"."""
        return [Address(name, address) for name, address in self.addresses.get(header, [])]

    def get_admin_display_title(self) -> str:
        # Without a subject the title holds the words for that in the language of the worker.
        return self.title if self.subject.strip() else gettext("(no subject)")

    # -- read-only ----------------------------------------------------------------------------

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Save bookkeeping of Wagtail's; refuse to change what was archived.

        Raises:
            MessageChangeRefused: an archived field differs from the stored one, or the message is
                new: only `archive` makes messages.
        """
        stored = type(self).objects.filter(pk=self.pk).first() if self.pk else None
        if stored is None:
            raise MessageChangeRefused
        # Threads grow while somebody holds an older copy of one of their messages.
        self.thread_id = stored.thread_id
        # Nor does publishing it by some other way bring it back from the trash.
        self.trashed = stored.trashed
        if self.trashed:
            self.live = False
        for field in self._meta.concrete_fields:
            if field.name in _CHANGEABLE or field.attname in self.get_deferred_fields():
                continue
            if getattr(self, field.attname) != getattr(stored, field.attname):
                raise MessageChangeRefused
        self.listed = self.live
        if kwargs.get("update_fields") is not None and "live" in kwargs["update_fields"]:
            kwargs["update_fields"] = [*kwargs["update_fields"], "listed"]
        # Validation is for what people type; the stored fields were checked just now.
        kwargs["clean"] = False
        return super().save(*args, **kwargs)

    def save_revision(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise MessageChangeRefused

    def copy(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise MessageChangeRefused

    def create_alias(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise MessageChangeRefused

    def copy_for_translation(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise MessageChangeRefused

    def move(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise MessageChangeRefused

    def can_move_to(self, parent: Page) -> bool:
        return False

    def permissions_for_user(self, user: Any) -> MessagePermissionTester:
        return MessagePermissionTester(user, self)

    def is_shown(self) -> bool:
        return not self.trashed and super().is_shown()

    # -- how Wagtail sees it ------------------------------------------------------------------

    def get_url_parts(self, request: Any = None) -> Any:
        # Much mail is brought after a folder that moves by a worker; where the folder is at hand,
        # it says where its mail is, however far that is.
        if type(self).folder.is_cached(self):
            self.url_path = f"{self.folder.url_path}{self.slug}/"
        return super().get_url_parts(request)

    @classmethod
    def get_indexed_objects(cls) -> Any:
        # Wagtail's database search rescans its whole index on each write; ours is apart.
        return cls.objects.none()

    def get_route_paths(self) -> Iterable[str]:
        # Moving a folder must not write a redirect for each message.
        return []
