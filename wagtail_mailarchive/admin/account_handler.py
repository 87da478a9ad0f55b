"""How the form of a mail account is laid out, and what its script has to know."""

from __future__ import annotations

from typing import Any

from django.forms import Media
from django.utils.translation import gettext_lazy
from wagtail.admin.panels import (
    FieldPanel,
    FieldRowPanel,
    MultiFieldPanel,
    ObjectList,
    Panel,
)

from ..models.account import AfterFetch, MailboxChoice, Protocol, Selection
from ..sources.base import Login
from .account_afterwards import GMAIL_HOSTS, for_script
from .account_choices import sign_in_by_preset
from .account_consequences import GMAIL_NOTE, archived_on_server, what_deleting_means
from .account_fields import CONNECTIONS, ports_for_script
from .account_form import MailAccountForm
from .account_presets import presets_for_script
from .oauth import people_sign_in, redirect_address, sign_in_of


class ConnectionTestPanel(Panel):
    """The button “Test connection” with its result, and the one that leads to a provider."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_mailarchive/admin/account_test.html"
        media = Media(
            js=["wagtail_mailarchive/account-form.js"],
            css={"all": ["wagtail_mailarchive/admin.css"]},
        )

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            account = self.instance
            is_signed_in_to = account.pk is not None and account.login == Login.OAUTH2
            return context | {
                "sign_in": sign_in_of(account) if is_signed_in_to else None,
                "redirect_address": redirect_address(self.request),
                "trial": self.form.trial,
                "secret_is_gone": self.form.secret_is_gone,
                "can_sign_in": people_sign_in(),
                "script_data": {
                    "presets": presets_for_script(),
                    "ports": ports_for_script(),
                    "protocols": {name: each[0].value for name, each in CONNECTIONS.items()},
                    "signIn": sign_in_by_preset(),
                    "pop3": Protocol.POP3.value,
                    "named": MailboxChoice.NAMED.value,
                    "everything": Selection.EVERYTHING.value,
                    "since": Selection.SINCE.value,
                    "leave": AfterFetch.LEAVE.value,
                    "move": AfterFetch.MOVE.value,
                    "delete": AfterFetch.DELETE.value,
                    "afterFetchKept": self.form.kept_after_fetch,
                    "afterwards": for_script(self.form.site, self.form.offered),
                    "afterwardsUntested": for_script(self.form.site, None),
                    "gmailHosts": GMAIL_HOSTS,
                },
            }


class AfterFetchPanel(Panel):
    """What is to be known before the choice, above it: numbers, and what Gmail does."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_mailarchive/admin/account_after_fetch_notes.html"

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            return context | {
                "archived": archived_on_server(self.instance),
                "is_gmail": self.form.is_gmail,
                "gmail_note": GMAIL_NOTE,
            }


class ConsequencesPanel(Panel):
    """What deleting means, where it was chosen and has to be confirmed."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_mailarchive/admin/account_consequences.html"

        def is_shown(self) -> bool:
            return bool(self.form.asks_for_address)

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            told = what_deleting_means(self.instance, is_gmail=self.form.is_gmail)
            return context | {"consequences": told}


class ConfirmationPanel(FieldPanel):
    """The field to confirm it in."""

    class BoundPanel(FieldPanel.BoundPanel):
        def is_shown(self) -> bool:
            return bool(self.form.asks_for_address) and super().is_shown()


account_handler = ObjectList(
    [
        MultiFieldPanel(
            [
                FieldPanel("folder"),
                FieldPanel("name"),
                FieldPanel("description"),
                FieldPanel("email"),
                FieldPanel("preset"),
            ],
            heading=gettext_lazy("Account"),
            icon="mail",
        ),
        MultiFieldPanel(
            [
                FieldPanel("connection"),
                FieldRowPanel([FieldPanel("host"), FieldPanel("port")]),
                FieldPanel("username"),
                FieldPanel("sign_in"),
                FieldPanel("secret"),
            ],
            heading=gettext_lazy("Server"),
            icon="globe",
        ),
        MultiFieldPanel(
            [FieldPanel("tls_minimum"), FieldPanel("ca_certificate")],
            heading=gettext_lazy("Encryption"),
            icon="lock",
            classname="collapsed",
        ),
        ConnectionTestPanel(heading=gettext_lazy("Test"), icon="circle-check"),
        MultiFieldPanel(
            [
                FieldPanel("mailbox_choice"),
                FieldPanel("mailboxes"),
                FieldPanel("selection"),
                FieldPanel("since"),
                FieldRowPanel([FieldPanel("message_limit"), FieldPanel("size_limit")]),
                FieldPanel("interval"),
                FieldPanel("enabled"),
            ],
            heading=gettext_lazy("What to fetch"),
            icon="download",
        ),
        MultiFieldPanel(
            [
                AfterFetchPanel(),
                FieldPanel("after_fetch"),
                FieldRowPanel([FieldPanel("after_fetch_days"), FieldPanel("move_to")]),
                ConsequencesPanel(),
                ConfirmationPanel("confirm_address"),
            ],
            heading=gettext_lazy("After the fetch"),
            icon="check",
        ),
    ],
    base_form_class=MailAccountForm,
    attrs={"data-controller": "mailarchive-account"},
)
