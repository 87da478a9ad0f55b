"""The form of a mail account. It looks at what was typed and never at the network."""

from __future__ import annotations

from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.admin.widgets import AdminPageChooser

from ..exceptions import ConfigurationError
from ..models import EmailFolderPage, MailAccount
from ..models.account import default_mailboxes
from ..models.run import sentence
from ..models.secret import keyring
from ..models.site_settings import effective_settings
from ..sources.base import Security
from .policies import may_manage

MAX_MAILBOX_NAME = 500
# What a secret is bound to: a changed value must not carry the old secret to another server.
BINDING = ("host", "port", "username")


class MailboxNames(forms.CharField):
    """One name a line; a list of strings."""

    widget = forms.Textarea(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in str(super().clean(value) or "").splitlines()]
        names = list(dict.fromkeys(line for line in lines if line))
        for name in names:
            if not name.isprintable() or len(name) > MAX_MAILBOX_NAME:
                raise ValidationError(_("“%(name)s” is no mailbox name."), params={"name": name})
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class MailAccountForm(WagtailAdminModelForm):
    """A mail account with its secret, which goes in and never comes out."""

    secret = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password", "spellcheck": "false"}
        ),
        help_text=gettext_lazy(
            "Stored encrypted and never shown again. Leave it empty to keep the present one; "
            "another host, port or user name needs it again."
        ),
    )
    mailboxes = MailboxNames(
        label=gettext_lazy("Mailboxes"),
        initial=default_mailboxes,
        help_text=gettext_lazy("One name a line, as on the server, e.g. INBOX or Archive/2024."),
    )

    class Meta:
        model = MailAccount
        fields = [
            "folder",
            "name",
            "email",
            "security",
            "host",
            "port",
            "username",
            "ca_certificate",
            "mailboxes",
            "interval",
            "enabled",
        ]
        # Two folders of one name are told apart by where they are.
        widgets = {
            "folder": AdminPageChooser(target_models=[EmailFolderPage]),
            "ca_certificate": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        security = self.fields["security"]
        if not effective_settings().ALLOW_PLAINTEXT:
            security.choices = [
                choice for choice in security.choices if choice[0] != Security.PLAIN.value
            ]
        self.fields["username"].widget.attrs["autocomplete"] = "off"

    @sensitive_variables()
    def full_clean(self) -> None:
        # Each field's own cleaning holds the secret in a variable of Django's.
        super().full_clean()

    def clean_folder(self) -> EmailFolderPage:
        folder: EmailFolderPage = self.cleaned_data["folder"]
        if not may_manage(self.for_user, folder):
            raise ValidationError(_("You may not manage the mail accounts of this folder."))
        stored = self.initial.get("folder")
        if self.instance.pk and stored != folder.pk and self.instance.known_mailboxes.exists():
            raise ValidationError(
                _(
                    "Mail of this account is already archived in its folder. "
                    "Connect a second account to archive into another one."
                )
            )
        return folder

    def clean_host(self) -> str:
        host = str(self.cleaned_data["host"]).strip().rstrip(".").lower()
        if not host or not host.isprintable() or any(character in host for character in "/@ ?#"):
            raise ValidationError(_("Enter the host name alone, e.g. mail.example.org."))
        return host

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"])
        if not username.isprintable():
            raise ValidationError(_("A user name has no line breaks or control characters."))
        return username

    def clean_ca_certificate(self) -> str:
        text = str(self.cleaned_data["ca_certificate"])
        if text.strip():
            try:
                load_pem_x509_certificates(text.encode())
            except ValueError:
                raise ValidationError(
                    _("This is no certificate in PEM form (-----BEGIN CERTIFICATE-----).")
                ) from None
        return text

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        secret = cleaned.get("secret", "")
        if not secret.isprintable():
            self.add_error("secret", _("A password has no line breaks or control characters."))
        elif not secret and not self.instance.sealed_secret:
            self.add_error("secret", _("Enter the password."))
        elif not secret and self._binding_changed(cleaned):
            self.add_error(
                "secret",
                _("Enter the password again: it was entered for another host, port or user name."),
            )
        elif secret:
            self._check_keys()
        return cleaned

    def _binding_changed(self, cleaned: dict[str, Any]) -> bool:
        return any(name in cleaned and cleaned[name] != self.initial.get(name) for name in BINDING)

    def _check_keys(self) -> None:
        try:
            keyring()
        except ConfigurationError as error:
            self.add_error(None, sentence(error.code, error.params))

    @sensitive_variables()
    def save(self, commit: bool = True) -> MailAccount:
        secret = self.cleaned_data["secret"]
        if secret:
            self.instance.set_secret(secret)
        if self.instance._state.adding:
            self.instance.created_by = self.for_user
        account: MailAccount = super().save(commit=commit)
        return account
