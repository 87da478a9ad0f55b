"""Settings > Mail archive: what the site's owners decide, beside what Django's settings fix."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, HelpPanel, MultiFieldPanel, ObjectList
from wagtail.contrib.settings.registry import register_setting

from ..conf import ArchiveSettings, archive_settings, is_mail_host
from ..models import ArchiveSiteSettings
from ..models.site_settings import MEGABYTE, PRIVACY_CHOICES, fixed_names
from .oauth import redirect_address

# What Django's settings may fix: our field -> their name.
SETTINGS = {
    "fetch_interval": "FETCH_INTERVAL",
    "max_message_megabytes": "MAX_MESSAGE_SIZE",
    "new_folder_privacy": "NEW_FOLDER_PRIVACY",
    "allow_server_deletion": "ALLOW_SERVER_DELETION",
    "allow_plaintext": "ALLOW_PLAINTEXT",
    "allowed_hosts": "ALLOWED_MAIL_HOSTS",
}


def is_fixed(field_name: str) -> bool:
    """Whether Django's settings decide what this field would."""
    return SETTINGS.get(field_name) in fixed_names()


def shown(field_name: str, site: ArchiveSettings) -> str:
    """Return what `site` says where the field `field_name` would, in words."""
    if field_name == "fetch_interval":
        return str(site.FETCH_INTERVAL)
    if field_name == "max_message_megabytes":
        return str(round(site.MAX_MESSAGE_SIZE / MEGABYTE, 1)).removesuffix(".0")
    if field_name == "new_folder_privacy":
        return str(dict(PRIVACY_CHOICES).get(site.NEW_FOLDER_PRIVACY, site.NEW_FOLDER_PRIVACY))
    if field_name == "allow_server_deletion":
        return _("Yes") if site.ALLOW_SERVER_DELETION else _("No")
    if field_name == "allow_plaintext":
        return _("Yes") if site.ALLOW_PLAINTEXT else _("No")
    return ", ".join(site.ALLOWED_MAIL_HOSTS) or _("none")


class SiteSettingsForm(WagtailAdminModelForm):
    """Leaves out what is fixed, so that no request changes it either."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in [name for name in self.fields if is_fixed(name)]:
            del self.fields[name]
        default = archive_settings()
        for name in SETTINGS.keys() & self.fields.keys():
            self._name_default(name, shown(name, default))

    def _name_default(self, name: str, default: str) -> None:
        field = self.fields[name]
        if isinstance(field, forms.NullBooleanField):
            labels = [("unknown", _("Default (%s)") % default), ("true", _("Yes"))]
            field.widget.choices = [*labels, ("false", _("No"))]
        elif isinstance(field, forms.TypedChoiceField):
            field.choices = [("", _("Default (%s)") % default), *PRIVACY_CHOICES]
        elif not field.help_text:
            field.help_text = _("Empty means %s.") % default

    def clean_allowed_hosts(self) -> str:
        entries = str(self.cleaned_data["allowed_hosts"]).split()
        for entry in entries:
            if not is_mail_host(entry):
                raise ValidationError(
                    _("“%(entry)s” is neither a host name nor a network."), params={"entry": entry}
                )
        return "\n".join(entries)


class FixablePanel(FieldPanel):
    """A field that is shown as a fact where Django's settings fix it."""

    class BoundPanel(FieldPanel.BoundPanel):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            if is_fixed(self.field_name):
                self.read_only = True
                self.heading = capfirst(self.panel.db_field.verbose_name)
                self.help_text = _("Set in Django's settings (WAGTAIL_MAILARCHIVE).")

        @property
        def value_from_instance(self) -> str:
            return shown(self.field_name, archive_settings())


class RedirectAddressPanel(HelpPanel):
    """Tells what to register at an OAuth 2.0 provider."""

    class BoundPanel(HelpPanel.BoundPanel):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.template_name = "wagtail_mailarchive/admin/site_settings_redirect.html"

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            return {**context, "address": redirect_address(self.request)}


def register() -> None:
    """Offer the panel in the settings menu; for who holds "change mail archive"."""
    ArchiveSiteSettings.edit_handler = ObjectList(
        [
            FieldPanel("is_on"),
            MultiFieldPanel(
                [FixablePanel("fetch_interval"), FixablePanel("max_message_megabytes")],
                heading=gettext_lazy("Fetching"),
            ),
            FixablePanel("new_folder_privacy"),
            MultiFieldPanel(
                [
                    FixablePanel("allowed_hosts"),
                    FixablePanel("allow_plaintext"),
                    FixablePanel("allow_server_deletion"),
                ],
                heading=gettext_lazy("Mail servers"),
            ),
            RedirectAddressPanel(heading=gettext_lazy("Sign-in with OAuth 2.0")),
        ],
        base_form_class=SiteSettingsForm,
    )
    register_setting(ArchiveSiteSettings, icon="mail", order=690)
