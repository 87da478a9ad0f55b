"""What can be done with one account; the same buttons in the listing, its form and the folder."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from wagtail.admin.widgets.button import Button

from ..models import MailAccount
from ..sources.base import Login
from .fetch_now import fetch_button_attrs
from .ledger_rows import ledger_address
from .oauth import sign_in_of


def fetch_button(account: MailAccount, button_class: type[Button] = Button) -> Button:
    address = reverse("mailarchive_fetch_account", args=[account.pk])
    return button_class(
        _("Fetch new mail"), icon_name="mail", attrs=fetch_button_attrs(address), priority=10
    )


def sign_in_buttons(account: MailAccount, button_class: type[Button] = Button) -> list[Button]:
    """Return the one button that lets an account go on whose provider wants a sign-in."""
    if account.login != Login.OAUTH2:
        return []
    stands = sign_in_of(account)
    if stands.is_valid or not stands.is_needed:
        return []
    label = _("Sign in at %(provider)s") % {"provider": stands.provider}
    return [button_class(label, icon_name="user", attrs=_sign_in_attrs(account), priority=5)]


def _sign_in_attrs(account: MailAccount) -> dict[str, str]:
    return fetch_button_attrs(reverse("mailarchive_oauth_sign_in", args=[account.pk]))


def more_buttons(account: MailAccount) -> list[Button]:
    """Return the buttons beside edit, fetch and delete."""
    buttons = [
        Button(
            _("Ledger"),
            url=ledger_address(account=account.pk),
            icon_name="list-ul",
            priority=13,
        ),
        Button(
            _("Dry run"),
            url=reverse("mailarchive_dry_run", args=[account.pk]),
            icon_name="view",
            priority=15,
        ),
        Button(
            _("Reconcile"),
            url=reverse("mailarchive_reconciliation", args=[account.pk]),
            icon_name="check",
            priority=17,
        ),
    ]
    if account.login == Login.OAUTH2:
        buttons.append(
            Button(_("Sign in"), icon_name="user", attrs=_sign_in_attrs(account), priority=14)
        )
    if account.enabled:
        buttons.append(
            Button(
                _("Disable"),
                url=reverse("mailarchive_disable_account", args=[account.pk]),
                icon_name="minus",
                priority=16,
            )
        )
    elif account.verified_at is not None:
        buttons.append(
            Button(
                _("Enable"),
                url=reverse("mailarchive_enable_account", args=[account.pk]),
                icon_name="circle-check",
                priority=16,
            )
        )
    else:
        # What has not been tested cannot be enabled.
        buttons.append(
            Button(
                _("Test connection"),
                url=reverse("mailarchive_accounts:edit", args=[account.pk]) + "#mailarchive-test",
                icon_name="circle-check",
                priority=16,
            )
        )
    return buttons
