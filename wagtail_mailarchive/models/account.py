"""`MailAccount`: how to reach one account on a mail server. Never part of a page's revisions."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..conf import archive_settings
from ..sources.base import Endpoint, Security
from . import secret as secrets


class Protocol(models.TextChoices):
    IMAP = "imap", "IMAP"


SECURITY_CHOICES = [
    (Security.TLS, _("TLS")),
    (Security.STARTTLS, _("STARTTLS")),
    (Security.PLAIN, _("none (not encrypted)")),
]


def default_mailboxes() -> list[str]:
    return ["INBOX"]


class MailAccount(models.Model):
    """One login on one mail server, archived into one folder."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.PROTECT,
        related_name="accounts",
        verbose_name=_("email folder"),
    )
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail address"))
    protocol = models.CharField(
        _("protocol"), max_length=10, choices=Protocol.choices, default=Protocol.IMAP
    )
    security = models.CharField(
        _("security"), max_length=10, choices=SECURITY_CHOICES, default=Security.TLS.value
    )
    host = models.CharField(_("host"), max_length=253)
    port = models.PositiveIntegerField(
        _("port"), default=993, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(_("user name"), max_length=254)
    sealed_secret = models.TextField(editable=False, blank=True)
    ca_certificate = models.TextField(
        _("own CA certificate"),
        blank=True,
        help_text=_("PEM, for servers whose certificate no public authority issued."),
    )
    mailboxes = models.JSONField(
        _("mailboxes"),
        default=default_mailboxes,
        help_text=_("Names on the server, e.g. INBOX or Archive/2024."),
    )
    interval = models.PositiveIntegerField(
        _("minutes between fetches"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty means the site's default."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
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

    def __str__(self) -> str:
        return self.name

    @property
    def _binding(self) -> secrets.Binding:
        return (str(self.uuid), self.username, self.host, self.port)

    @property
    def interval_minutes(self) -> int:
        return self.interval or archive_settings().FETCH_INTERVAL

    @sensitive_variables()
    def set_secret(self, secret: str) -> None:
        """Encrypt `secret` for this account's present user, host and port; does not save."""
        self.sealed_secret = secrets.seal(secret, self._binding)

    def endpoint(self) -> Endpoint:
        """Return how to reach the server, secret included.

        Raises:
            SecretUnreadable: the stored secret was not sealed for this user, host and port.
        """
        return Endpoint(
            host=self.host,
            port=self.port,
            security=Security(self.security),
            username=self.username,
            secret=secrets.unseal(self.sealed_secret, self._binding, self.name),
            reach=archive_settings().reach(),
            ca_certificate=self.ca_certificate,
        )

    def __getstate__(self) -> dict[str, Any]:
        # Pickled models end in caches and queues; the secret must not go with them.
        state = dict(super().__getstate__())
        state.pop("sealed_secret", None)
        return state
