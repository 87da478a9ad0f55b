"""The form of a mail account. It looks at what was typed and never at the network."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from wagtail.admin.widgets import AdminPageChooser

from ..exceptions import ConfigurationError
from ..fetching import health
from ..fetching.tokens import end_sign_in
from ..fetching.treatment import try_again
from ..models import EmailFolderPage, MailAccount
from ..models.account import (
    POP3_MAILBOX,
    PORTS,
    MailboxChoice,
    Protocol,
    Selection,
    default_mailboxes,
)
from ..models.run import sentence
from ..models.secret import keyring
from ..models.site_settings import MEGABYTE, effective_settings
from ..sources.base import Login
from .account_afterwards import AfterFetchRadio, ChoosesAfterFetch, MailboxInput
from .account_choices import POP3_MAILBOXES, POP3_SELECTION, offer, sign_in_value
from .account_consequences import log_choice
from .account_fields import (
    CONNECTIONS,
    MailboxNames,
    RadioWithReasons,
    certificates,
    connection_of,
    unix_lines,
)
from .account_presets import BY_SLUG, PRESETS, preset_for
from .account_token import was_tested
from .oauth import available_providers, refusal_of_host
from .policies import may_manage

# What a secret was entered for: a changed value must not show the old secret to another server,
# nor to those who listen on the way or have an authority of their own.
ENTERED_FOR = ("connection", "host", "port", "username", "ca_certificate")
# What a test tries. Once one of them is changed, the account has to be tested again.
TRIED = (*ENTERED_FOR, "sign_in", "tls_minimum")


class MailAccountForm(ChoosesAfterFetch):
    """A mail account with its secret, which goes in and never comes out.

    Attributes:
        trial: the test to be shown with the form; None if there is none.
        secret_is_gone: whether a secret was typed that this page does not show again.
    """

    trial: Any = None
    secret_is_gone = False

    preset = forms.ChoiceField(
        label=gettext_lazy("Provider"),
        required=False,
        choices=[("", gettext_lazy("as the address says")), *((p.slug, p.name) for p in PRESETS)],
        help_text=gettext_lazy("Fills host, port, protocol and login where they are empty."),
    )
    connection = forms.ChoiceField(label=gettext_lazy("Protocol"))
    sign_in = forms.ChoiceField(label=gettext_lazy("Login"), widget=RadioWithReasons)
    secret = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password", "spellcheck": "false"}
        ),
        help_text=gettext_lazy("Stored encrypted and never shown again."),
    )
    mailboxes = MailboxNames(
        label=gettext_lazy("Names of mailboxes"),
        required=False,
        initial=default_mailboxes,
        help_text=gettext_lazy(
            "One name a line, as on the server, e.g. INBOX or Archive/2024. After a passed test "
            "they can be picked from the server's list."
        ),
    )
    tested = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = MailAccount
        fields = [
            "folder",
            "name",
            "description",
            "email",
            "host",
            "port",
            "username",
            "tls_minimum",
            "ca_certificate",
            "mailbox_choice",
            "mailboxes",
            "selection",
            "since",
            "message_limit",
            "size_limit",
            "interval",
            "after_fetch",
            "after_fetch_days",
            "move_to",
            "enabled",
        ]
        # Two folders of one name are told apart by where they are.
        widgets = {
            "folder": AdminPageChooser(target_models=[EmailFolderPage]),
            "description": forms.Textarea(attrs={"rows": 2}),
            "ca_certificate": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
            "mailbox_choice": RadioWithReasons,
            "selection": RadioWithReasons,
            "after_fetch": AfterFetchRadio,
            "move_to": MailboxInput,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding
        self.site = effective_settings()
        self.initial |= {
            "connection": connection_of(self.instance.protocol, self.instance.security),
            "sign_in": sign_in_value(self.instance),
            "preset": "" if self.is_new else preset_for(self.instance.email).slug,
            "ca_certificate": unix_lines(self.instance.ca_certificate),
        }
        for name in ("host", "port", "username"):
            # Left empty, they follow provider, protocol and address.
            self.fields[name].required = False
        self.fields["username"].widget.attrs["autocomplete"] = "off"
        self.fields["username"].help_text = _("Empty: the e-mail address.")
        self.fields["port"].help_text = _("Empty: the usual port of the protocol.")
        if self.is_new:
            self.initial["port"] = None
            self.fields["enabled"].label = _("Fetch mail as soon as it is saved")
            self.fields["enabled"].help_text = _(
                "Takes a passed test of the connection; without one it is saved disabled."
            )
        else:
            del self.fields["enabled"]
        if self.instance.sealed_secret:
            self.fields["secret"].help_text = _(
                "Stored encrypted and never shown again. Leave it empty to keep the present one; "
                "another protocol, host, port, user name or authority needs it again."
            )
        megabytes = self.site.MAX_MESSAGE_SIZE // MEGABYTE
        self.fields["size_limit"].help_text = _(
            "Larger ones stay on the server and are listed. Empty, or more than the site's limit, "
            "means that limit: %(megabytes)s MB."
        ) % {"megabytes": megabytes}
        offer(self)
        self.offer_after_fetch()

    # -- single values -----------------------------------------------------------------------

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
        if not host.isprintable() or any(character in host for character in "/@ ?#"):
            raise ValidationError(_("Enter the host name alone, e.g. mail.example.org."))
        return host

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"])
        if not username.isprintable():
            raise ValidationError(_("A user name has no line breaks or control characters."))
        return username

    def clean_ca_certificate(self) -> str:
        return certificates(self.cleaned_data["ca_certificate"])

    # -- values together ---------------------------------------------------------------------

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        if cleaned.get("connection"):
            self._fill_what_is_empty(cleaned)
            self.instance.protocol, self.instance.security = CONNECTIONS[cleaned["connection"]]
        for name, missing in (("host", _("Enter the host.")), ("username", _("Enter the name."))):
            if name not in self.errors and not cleaned.get(name):
                self.add_error(name, missing)
        self._take_sign_in(cleaned)
        self._check_mailboxes(cleaned)
        self._check_selection(cleaned)
        self._check_secret(cleaned)
        self.check_after_fetch(cleaned)
        if "confirm_address" in self.errors and cleaned.get("secret"):
            self.secret_is_gone = True
        return cleaned

    def _fill_what_is_empty(self, cleaned: dict[str, Any]) -> None:
        protocol, _security = CONNECTIONS[cleaned["connection"]]
        address = cleaned.get("email") or ""
        preset = BY_SLUG.get(cleaned.get("preset") or "") or preset_for(address)
        filling = {
            "host": preset.hosts.get(protocol, ""),
            "port": PORTS[CONNECTIONS[cleaned["connection"]]],
            "username": address,
        }
        for name, value in filling.items():
            if name not in self.errors and cleaned.get(name) in (None, ""):
                cleaned[name] = value

    def _take_sign_in(self, cleaned: dict[str, Any]) -> None:
        login, _colon, provider = (cleaned.get("sign_in") or "").partition(":")
        if login == Login.OAUTH2 and provider not in dict(available_providers()):
            self.add_error("sign_in", str(self.fields["sign_in"].widget.reason))
        elif login:
            self.instance.login, self.instance.oauth_provider = login, provider
        host = cleaned.get("host")
        if login == Login.OAUTH2 and host and (problem := refusal_of_host(provider, host)):
            self.add_error("host", problem)

    def _check_mailboxes(self, cleaned: dict[str, Any]) -> None:
        choice, names = cleaned.get("mailbox_choice"), cleaned.get("mailboxes")
        if self.instance.protocol == Protocol.POP3:
            if choice == MailboxChoice.ALL:
                self.add_error("mailbox_choice", str(POP3_MAILBOXES))
            elif names and names != [POP3_MAILBOX]:
                self.add_error("mailboxes", str(POP3_MAILBOXES))
            cleaned["mailboxes"] = [POP3_MAILBOX]
        elif choice == MailboxChoice.NAMED and names == []:
            self.add_error("mailboxes", _("Enter or pick at least one mailbox."))

    def _check_selection(self, cleaned: dict[str, Any]) -> None:
        selection = cleaned.get("selection")
        if selection != Selection.SINCE:
            cleaned["since"] = None
        elif "since" not in self.errors and not cleaned.get("since"):
            self.add_error("since", _("Enter the first day."))
        if self.instance.protocol == Protocol.POP3 and selection not in (
            None,
            Selection.EVERYTHING,
        ):
            self.add_error("selection", str(POP3_SELECTION))

    @sensitive_variables()
    def _check_secret(self, cleaned: dict[str, Any]) -> None:
        if self.instance.login == Login.OAUTH2:
            # Nothing that was typed for another login is kept.
            cleaned["secret"] = ""
            return
        secret = cleaned.get("secret", "")
        if not secret.isprintable():
            self.add_error("secret", _("A password has no line breaks or control characters."))
        elif not secret and not self.instance.sealed_secret:
            self.add_error("secret", _("Enter the password."))
        elif not secret and self.changed(cleaned, ENTERED_FOR):
            self.add_error(
                "secret",
                _(
                    "Enter the password again: it was entered for another protocol, host, port, "
                    "user name or authority."
                ),
            )
        elif secret:
            self._check_keys()

    def _check_keys(self) -> None:
        try:
            keyring()
        except ConfigurationError as error:
            self.add_error(None, sentence(error.code, error.params))

    # -- what a test is about ----------------------------------------------------------------

    @property
    def must_be_tested(self) -> bool:
        """Whether what was sent differs from what is saved in something that a test tries."""
        changed = self.changed(self.cleaned_data, TRIED) or bool(self.cleaned_data["secret"])
        return self.is_new or changed

    def leave_what_a_test_tries(self) -> bool:
        """Validate; forget the errors of what no test tries; return whether the rest is good."""
        for name in set(self.errors) - {*TRIED, "secret", "email"}:
            del self.errors[name]
        return not self.errors

    @sensitive_variables()
    def save(self, commit: bool = True) -> MailAccount:
        with transaction.atomic():
            return self._save(commit)

    @sensitive_variables()
    def _save(self, commit: bool) -> MailAccount:
        account: MailAccount = self.instance
        secret = self.cleaned_data["secret"]
        must_be_tested = self.must_be_tested
        if not self.is_new:
            # Somebody may have switched it off, and a worker tested it, since it was read.
            present = MailAccount.objects.select_for_update().only("enabled", "verified_at")
            row = get_object_or_404(present, pk=account.pk)
            account.enabled, account.verified_at = row.enabled, row.verified_at
        if must_be_tested:
            tested = was_tested(self.cleaned_data["tested"], account, secret, self.for_user)
            account.verified_at = timezone.now() if tested else None
            account.enabled = account.enabled and tested
        if account.login == Login.OAUTH2:
            account.sealed_secret = ""
        elif secret:
            account.set_secret(secret)
        if self.is_new:
            account.created_by = self.for_user
        saved: MailAccount = super().save(commit=commit)
        if self.changes_after_fetch:
            log_choice(saved, self.for_user)
            health.note_treatment(saved.pk, None)
            try_again(saved)
        if must_be_tested and not self.is_new:
            health.release(account)
            if self.changed(self.cleaned_data, (*ENTERED_FOR, "sign_in")):
                # The tokens were for another server, user or provider.
                end_sign_in(account)
        return saved
