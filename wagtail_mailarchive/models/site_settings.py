"""`ArchiveSiteSettings`: what site owners decide under Settings > Mail archive.

What Django's settings name is fixed there, and the panel only shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.contrib.settings.models import BaseGenericSetting

from ..conf import SETTING, ArchiveSettings, archive_settings

MEGABYTE = 1024 * 1024

PRIVACY_CHOICES = [
    ("editors", _("administrators and the groups that can edit or publish it")),
    ("login", _("everyone who is signed in")),
    ("groups", _("nobody but administrators, until groups are chosen")),
    ("public", _("everybody")),
]


class ArchiveSiteSettings(BaseGenericSetting):
    """One row for the site; null or empty means the app's own default.

    Attributes:
        max_message_megabytes: MiB.
        allowed_hosts: names and networks (CIDR), one a line.
        edit_handler: how the panel shows it; set where the admin is (`admin.site_settings_panel`).
    """

    edit_handler: ClassVar[Any]

    is_on = models.BooleanField(
        _("Archive mail"),
        default=True,
        help_text=_("Off: nothing is fetched and no folder is made; archived mail stays readable."),
    )
    fetch_interval = models.PositiveIntegerField(
        _("Minutes between fetches"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    max_message_megabytes = models.PositiveIntegerField(
        _("Largest message, in MB"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    new_folder_privacy = models.CharField(
        _("Who can read a new folder"), max_length=10, choices=PRIVACY_CHOICES, blank=True
    )
    allow_server_deletion = models.BooleanField(
        _("Allow deleting archived mail on servers"), null=True, blank=True
    )
    allow_plaintext = models.BooleanField(_("Allow connections without TLS"), null=True, blank=True)
    allowed_hosts = models.TextField(
        _("Hosts allowed beside public ones"),
        blank=True,
        help_text=_("Names or networks, one a line, e.g. mail.intranet or 10.0.0.0/8."),
    )

    class Meta:
        verbose_name = _("Mail archive")

    def decided(self) -> dict[str, Any]:
        """Return what this row decides, by the settings' names."""
        megabytes = self.max_message_megabytes
        found = {
            "FETCH_INTERVAL": self.fetch_interval,
            "MAX_MESSAGE_SIZE": megabytes and megabytes * MEGABYTE,
            "NEW_FOLDER_PRIVACY": self.new_folder_privacy,
            "ALLOW_SERVER_DELETION": self.allow_server_deletion,
            "ALLOW_PLAINTEXT": self.allow_plaintext,
            "ALLOWED_MAIL_HOSTS": tuple(self.allowed_hosts.split()),
        }
        return {name: value for name, value in found.items() if value not in (None, "", ())}


def fixed_names() -> frozenset[str]:
    """Return the settings that Django's settings name, which no panel can change."""
    given = getattr(settings, SETTING, {})
    return frozenset(given) if isinstance(given, Mapping) else frozenset()


def effective_settings() -> ArchiveSettings:
    """Return the site's settings with what its owners decided in the panel (one query)."""
    decided = (ArchiveSiteSettings.objects.first() or ArchiveSiteSettings()).decided()
    free = {name: value for name, value in decided.items() if name not in fixed_names()}
    return replace(archive_settings(), **free)


def is_on() -> bool:
    """Whether mail is archived on this site at all (one query)."""
    return not ArchiveSiteSettings.objects.filter(is_on=False).exists()
