"""`MailAccount`: how to reach one account on a mail server. Never part of a page's revisions."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..sources.base import Endpoint, Login, Security, TLSVersion
from . import secret as secrets
from .site_settings import MEGABYTE, effective_settings


class Protocol(models.TextChoices):
    IMAP = "imap", "IMAP"
    POP3 = "pop3", "POP3"


class MailboxChoice(models.TextChoices):
    NAMED = "named", _("these mailboxes")
    ALL = "all", _("all except Junk, Trash and Drafts")


class Selection(models.TextChoices):
    EVERYTHING = "everything", _("everything not yet archived")
    UNREAD = "unread", _("unread mail only")
    SINCE = "since", _("mail since a date")


class AfterFetch(models.TextChoices):
    """What happens on the server to a message that is archived."""

    LEAVE = "leave", _("leave untouched")
    MARK_READ = "mark_read", _("mark as read")
    MOVE = "move", _("move to a mailbox")
    DELETE = "delete", _("delete")


SECURITY_CHOICES = [
    (Security.TLS, _("TLS")),
    (Security.STARTTLS, _("STARTTLS")),
    (Security.PLAIN, _("none (not encrypted)")),
]
LOGIN_CHOICES = [
    (Login.PASSWORD, _("password")),
    (Login.OAUTH2, "OAuth 2.0"),
]
TLS_CHOICES = [
    (TLSVersion.TLS_1_2, "TLS 1.2"),
    (TLSVersion.TLS_1_3, "TLS 1.3"),
]
PORTS = {
    (Protocol.IMAP, Security.TLS): 993,
    (Protocol.IMAP, Security.STARTTLS): 143,
    (Protocol.IMAP, Security.PLAIN): 143,
    (Protocol.POP3, Security.TLS): 995,
    (Protocol.POP3, Security.STARTTLS): 110,
    (Protocol.POP3, Security.PLAIN): 110,
}
# POP3 has one mailbox and no name for it (RFC 1939).
POP3_MAILBOX = "INBOX"


def default_mailboxes() -> list[str]:
    return ["INBOX"]


class MailAccount(models.Model):
    """One login on one mail server, archived into one folder.

    Attributes:
        mailboxes: names to archive where `mailbox_choice` is NAMED.
        since: where `selection` is SINCE, the first day (UTC) by the server's date of arrival.
        message_limit: messages a run, oldest first; null for no limit.
        size_limit: MiB of one message; the smaller of this and the site's counts. Null for the
            site's alone.
        after_fetch_days: how long after archiving a message that happens to it.
        move_to: the mailbox to move to, where `after_fetch` is MOVE; made if it is missing.
        verified_at: when a test of the present server, port, security and login passed; null
            if none did. An account is enabled only after that.
        oauth_provider: the provider's name in OAUTH_PROVIDERS, where `login` is OAUTH2.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.PROTECT,
        related_name="accounts",
        verbose_name=_("email folder"),
    )
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    email = models.EmailField(_("e-mail address"))
    protocol = models.CharField(
        _("protocol"), max_length=10, choices=Protocol.choices, default=Protocol.IMAP
    )
    security = models.CharField(
        _("security"), max_length=10, choices=SECURITY_CHOICES, default=Security.TLS.value
    )
    tls_minimum = models.CharField(
        _("oldest TLS version"),
        max_length=5,
        choices=TLS_CHOICES,
        default=TLSVersion.TLS_1_2.value,
    )
    host = models.CharField(_("host"), max_length=253)
    port = models.PositiveIntegerField(
        _("port"), default=993, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(_("user name"), max_length=254)
    login = models.CharField(
        _("login method"), max_length=10, choices=LOGIN_CHOICES, default=Login.PASSWORD.value
    )
    oauth_provider = models.CharField(_("sign in with"), max_length=60, blank=True)
    sealed_secret = models.TextField(editable=False, blank=True)
    ca_certificate = models.TextField(
        _("own CA certificate"),
        blank=True,
        help_text=_("PEM, for servers whose certificate no public authority issued."),
    )
    mailbox_choice = models.CharField(
        _("mailboxes"), max_length=10, choices=MailboxChoice.choices, default=MailboxChoice.NAMED
    )
    mailboxes = models.JSONField(
        _("names of mailboxes"),
        default=default_mailboxes,
        blank=True,
        help_text=_("Names on the server, e.g. INBOX or Archive/2024."),
    )
    selection = models.CharField(
        _("which mail"), max_length=10, choices=Selection.choices, default=Selection.EVERYTHING
    )
    since = models.DateField(_("since"), null=True, blank=True)
    message_limit = models.PositiveIntegerField(
        _("messages a fetch"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Oldest first; the rest comes with the next fetch. Empty means no limit."),
    )
    size_limit = models.PositiveIntegerField(
        _("largest message, in MB"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Larger ones stay on the server and are listed. Empty means the site's limit."),
    )
    after_fetch = models.CharField(
        _("after the fetch, on the server"),
        max_length=10,
        choices=AfterFetch.choices,
        default=AfterFetch.LEAVE,
    )
    after_fetch_days = models.PositiveIntegerField(
        _("days after archiving"), default=0, help_text=_("0 means in the fetch that archives it.")
    )
    move_to = models.CharField(_("mailbox to move to"), max_length=500, blank=True)
    interval = models.PositiveIntegerField(
        _("minutes between fetches"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty means the site's default."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    verified_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("connected by"),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("mail account")
        verbose_name_plural = _("mail accounts")
        ordering = ["name", "pk"]
        # One permission for all that is done with accounts; see models.permissions.
        default_permissions = ()
        permissions = [("manage_mailaccount", _("Can manage mail accounts"))]

    def __str__(self) -> str:
        return self.name

    @property
    def binding(self) -> secrets.Binding:
        """What secrets of this account are sealed for."""
        return (str(self.uuid), self.username, self.host, self.port)

    @property
    def server(self) -> str:
        """User and host: whose UIDs and unique-ids the ledger holds."""
        return f"{self.username}@{self.host}"

    def largest_message(self) -> int:
        """Return how many bytes a message may have that is read (one query)."""
        largest = effective_settings().MAX_MESSAGE_SIZE
        return min(largest, self.size_limit * MEGABYTE) if self.size_limit else largest

    @sensitive_variables()
    def set_secret(self, secret: str) -> None:
        """Encrypt `secret` for this account's present user, host and port; does not save."""
        self.sealed_secret = secrets.seal(secret, self.binding)

    @sensitive_variables()
    def endpoint(self, secret: str | None = None) -> Endpoint:
        """Return how to reach and enter the server.

        Args:
            secret: what to enter with, e.g. an access token; None for the stored password.

        Raises:
            SecretUnreadable: the password was not sealed for this user, host and port.
        """
        if secret is None:
            secret = secrets.unseal(self.sealed_secret, self.binding, self.name)
        return Endpoint(
            host=self.host,
            port=self.port,
            security=Security(self.security),
            username=self.username,
            secret=secret,
            login=Login(self.login),
            reach=effective_settings().reach(),
            ca_certificate=self.ca_certificate,
            tls_minimum=TLSVersion(self.tls_minimum),
        )

    def __getstate__(self) -> dict[str, Any]:
        # Pickled models end in caches and queues; the secret must not go with them.
        state = dict(super().__getstate__())
        state.pop("sealed_secret", None)
        return state
