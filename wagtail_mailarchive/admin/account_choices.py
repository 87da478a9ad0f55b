"""What the form of a mail account offers to choose from, on this site and for what is chosen.

A choice that the site or the protocol lacks is shown disabled, with the reason beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import MailAccount
from ..models.account import MailboxChoice, Protocol, Selection
from ..sources.base import Login
from .account_fields import CONNECTIONS, connection_choices
from .account_presets import BY_SLUG, PRESETS, preset_for
from .oauth import alias_for_preset, available_providers, why_unavailable

if TYPE_CHECKING:
    from .account_form import MailAccountForm

POP3_MAILBOXES = gettext_lazy("POP3 has one mailbox, the INBOX. Choose IMAP for others.")
POP3_SELECTION = gettext_lazy(
    "POP3 does not say what has been read or when it arrived, so everything not yet archived is "
    "fetched. Choose IMAP for a choice."
)


def offer(form: MailAccountForm) -> None:
    """Fill in the choices of `form`, and what is to be said beside them."""
    _offer_connections(form)
    _offer_logins(form)
    _advise(form)
    _limit_to_protocol(form)


def sign_in_value(account: MailAccount) -> str:
    """Return the choice of login that `account` has."""
    if account.login == Login.OAUTH2:
        return _oauth_value(account.oauth_provider)
    return str(Login.PASSWORD.value)


def sign_in_by_preset() -> dict[str, str]:
    """Return slug of a preset -> the choice of login that it takes, where the site offers it."""
    found = {}
    for preset in PRESETS:
        alias = alias_for_preset(preset.oauth) if preset.oauth else ""
        if preset.login == Login.PASSWORD:
            found[preset.slug] = str(Login.PASSWORD.value)
        elif alias:
            found[preset.slug] = _oauth_value(alias)
    return found


def _offer_connections(form: MailAccountForm) -> None:
    field = form.fields["connection"]
    field.choices = connection_choices(plaintext=form.site.ALLOW_PLAINTEXT)
    if not form.site.ALLOW_PLAINTEXT:
        field.help_text = _("This site allows encrypted connections only.")


def _offer_logins(form: MailAccountForm) -> None:
    providers = available_providers()
    choices: list[tuple[str, str]] = [(Login.PASSWORD.value, _("password"))]
    choices += [(_oauth_value(alias), f"OAuth 2.0: {name}") for alias, name in providers]
    present = form.initial["sign_in"]
    field = form.fields["sign_in"]
    field.widget.group_label = field.label
    if not providers:
        field.widget.unavailable = [_oauth_value("")]
        field.widget.reason = why_unavailable()
        field.widget.is_limited = True
        choices.append((_oauth_value(""), "OAuth 2.0"))
    elif present not in dict(choices):
        provider = form.instance.oauth_provider
        field.widget.unavailable = [present]
        field.widget.reason = _("“%(provider)s” is not set up on this site any more.") % {
            "provider": provider
        }
        field.widget.is_limited = True
        choices.append((present, f"OAuth 2.0: {provider}"))
    field.choices = choices


def _advise(form: MailAccountForm) -> None:
    slug, address = form["preset"].value(), str(form["email"].value() or "")
    if slug or address:
        preset = BY_SLUG.get(slug) or preset_for(address)
        form["preset"].help_text = preset.advice


def _limit_to_protocol(form: MailAccountForm) -> None:
    chosen = form["connection"].value()
    limited = chosen in CONNECTIONS and CONNECTIONS[chosen][0] == Protocol.POP3
    for name, unavailable, reason in (
        ("mailbox_choice", [MailboxChoice.ALL.value], POP3_MAILBOXES),
        ("selection", [Selection.UNREAD.value, Selection.SINCE.value], POP3_SELECTION),
    ):
        field = form.fields[name]
        field.widget.group_label = field.label
        field.widget.unavailable = unavailable
        field.widget.reason = reason
        field.widget.is_limited = limited
    picker = form.fields["mailboxes"].widget
    picker.reason = POP3_MAILBOXES
    picker.is_limited = limited


def _oauth_value(provider: str) -> str:
    return f"{Login.OAUTH2.value}:{provider}"
