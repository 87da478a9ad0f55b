"""What happens on the server after a fetch: the form's choice, and why something is no choice.

What the site, the protocol or the server lacks is shown disabled, with the reason below it. What
is chosen already stays a choice, so that the rest of the form can be saved; nothing is done then,
and the account says why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.forms import WagtailAdminModelForm

from ..conf import ArchiveSettings
from ..models import MailAccount, Mailbox, Trial, TrialKind, TrialStatus
from ..models.account import AfterFetch, MailboxChoice, Protocol
from .account_fields import CONNECTIONS, ListedMailbox

# A hundred years; dates before the first one there is end nothing.
MAX_DAYS = 36_500
GMAIL_HOSTS = ("imap.gmail.com", "pop.gmail.com")
# What one server differs from another by.
SERVER = ("host", "port")
_GMAIL = "X-GM-EXT-1"
_INBOX = "INBOX"

_POP3 = gettext_lazy("POP3 can only delete. Choose IMAP for this.")
_FORBIDDEN = gettext_lazy("The owners of this site allow no mail to be deleted on servers.")
_NO_DELETION = gettext_lazy(
    "This server lacks UIDPLUS: a message could not be deleted there without those that others "
    "have marked as deleted."
)
_NO_MOVE = gettext_lazy("This server lacks both MOVE and UIDPLUS, so nothing can be moved there.")


def offered_in(trial: Trial | None) -> frozenset[str] | None:
    """Return what the server said that it can do; None where no test came so far."""
    for step in trial.result.get("steps", []) if trial else []:
        if step["name"] == "capabilities" and "offered" in step["facts"]:
            return frozenset(step["facts"]["offered"])
    return None


def offered_to(account: MailAccount) -> frozenset[str] | None:
    """Return what the server of `account` can do; None if no test of its present values said so."""
    if account.pk is None or account.verified_at is None:
        return None
    tests = account.trials.filter(
        kind=TrialKind.CONNECTION,
        status=TrialStatus.DONE,
        finished_at__gte=account.verified_at,
        result__passed=True,
    )
    return offered_in(tests.order_by("-pk").first())


def reasons_against(
    protocol: str, site: ArchiveSettings, offered: Collection[str] | None
) -> dict[str, str]:
    """Return what cannot be done after a fetch -> why not, in the active language.

    Args:
        offered: the server's capabilities; None where they are not known.
    """
    found: dict[str, str | Promise] = {}
    if protocol == Protocol.POP3:
        found = {AfterFetch.MARK_READ.value: _POP3, AfterFetch.MOVE.value: _POP3}
    elif offered is not None and "UIDPLUS" not in offered:
        found[AfterFetch.DELETE.value] = _NO_DELETION
        if "MOVE" not in offered:
            found[AfterFetch.MOVE.value] = _NO_MOVE
    if not site.ALLOW_SERVER_DELETION:
        found[AfterFetch.DELETE.value] = _FORBIDDEN
    return {value: str(reason) for value, reason in found.items()}


def for_script(site: ArchiveSettings, offered: Collection[str] | None) -> dict[str, dict[str, str]]:
    """Return `reasons_against` by protocol, as the form's script reads them."""
    return {each.value: reasons_against(each, site, offered) for each in Protocol}


def is_gmail(host: str, offered: Collection[str] | None) -> bool:
    """Whether deleting means something else there."""
    return host in GMAIL_HOSTS or _GMAIL in (offered or ())


class AfterFetchRadio(forms.RadioSelect):
    """Radio buttons, each with the reason below it where it cannot be chosen.

    Attributes:
        group_label: what is chosen here, for screen readers.
        reasons: value -> why it cannot be chosen.
        kept: the value that stays a choice all the same; "" for none.
    """

    template_name = "wagtail_mailarchive/admin/account_after_fetch.html"
    group_label: str | Promise = ""
    reasons: Mapping[str, str] = {}
    kept = ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["group_label"] = self.group_label
        return context

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        value, attrs = str(option["value"]), option["attrs"]
        option["reason"] = self.reasons.get(value, "")
        option["reason_id"] = f"{attrs['id']}-reason"
        described = f"{attrs.get('aria-describedby', '')} {option['reason_id']}"
        attrs["aria-describedby"] = described.strip()
        attrs["disabled"] = bool(option["reason"]) and value != self.kept
        return option


class MailboxInput(forms.TextInput):
    """A line for the name of a mailbox, which proposes those that the server listed.

    Attributes:
        known: what it listed; nothing before a test.
    """

    template_name = "wagtail_mailarchive/admin/account_move_to.html"
    known: Sequence[ListedMailbox] = ()

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        listed = f"{context['widget']['attrs']['id']}-listed"
        context["widget"]["attrs"]["list"] = listed
        context["widget"] |= {"listed_id": listed, "known": self.known}
        return context


def problem_of_target(target: str, choice: str | None, names: Collection[str] | None) -> str:
    """Return why mail of an account cannot be moved to `target`; "" if it can.

    Args:
        choice, names: which mailboxes it archives. Where it archives all, the target is left out.
    """
    if not target:
        return _("Enter or pick the mailbox to move to.")
    if not target.isprintable():
        return _("“%(name)s” is no mailbox name.") % {"name": target}
    # The INBOX is called so in upper and lower case (RFC 3501 section 5.1), others are not.
    taken = {_INBOX} if choice == MailboxChoice.ALL else set(names or ())
    if target in taken or target.upper() in {each.upper() for each in taken} & {_INBOX}:
        return _("“%(name)s” is archived itself. Enter another mailbox.") % {"name": target}
    return ""


class ChoosesAfterFetch(WagtailAdminModelForm):
    """The part of an account's form that says what happens on the server after a fetch.

    Attributes:
        asks_for_address: whether mail will be deleted that was not to be before, so that the
            account's address has to be typed.
    """

    is_new: bool
    site: ArchiveSettings
    asks_for_address = False

    confirm_address = forms.CharField(
        label=gettext_lazy("Type the e-mail address of the account to confirm"),
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autofocus": True, "spellcheck": "false"}
        ),
    )

    def offer_after_fetch(self) -> None:
        """Fill in what can be chosen; call it once the form's other choices are there."""
        fields = self.fields
        days, radio = fields["after_fetch_days"], fields["after_fetch"].widget
        radio.group_label = fields["after_fetch"].label
        for name in ("after_fetch", "after_fetch_days"):
            # What is disabled is not sent, and then it stays as it is.
            fields[name].required = False
        days.validators.append(MaxValueValidator(MAX_DAYS))
        days.widget.attrs |= {"min": 0, "max": MAX_DAYS}
        days.help_text = _("Empty or 0: at once, in the fetch that archives it.")
        fields["move_to"].help_text = _(
            "Made if it is missing. It must not be archived itself; where all mailboxes are "
            "archived, it is left out from then on."
        )
        self.know_server(offered_to(self.instance))

    def know_server(self, offered: Collection[str] | None) -> None:
        """Take notice of what the server can do; None if that is not known."""
        self.offered = offered
        radio = self.fields["after_fetch"].widget
        radio.reasons = reasons_against(self.protocol, self.site, offered)
        is_lacking = self.protocol == Protocol.POP3 and not self.is_deleting
        radio.kept = "" if is_lacking else self.kept_after_fetch

    def know_mailboxes(self, listed: Sequence[ListedMailbox]) -> None:
        """Offer what the server listed."""
        for name in ("mailboxes", "move_to"):
            self.fields[name].widget.known = listed

    @property
    def kept_after_fetch(self) -> str:
        """What is saved, and so stays a choice; "" for a new account."""
        return "" if self.is_new else str(self.initial["after_fetch"])

    @property
    def protocol(self) -> str:
        """The protocol that is chosen at the moment."""
        chosen = self["connection"].value()
        return CONNECTIONS[chosen][0] if chosen in CONNECTIONS else self.instance.protocol

    @property
    def is_deleting(self) -> bool:
        """Whether the account deletes as it is saved."""
        return self.kept_after_fetch == AfterFetch.DELETE

    @property
    def is_gmail(self) -> bool:
        return is_gmail(str(self["host"].value() or ""), self.offered)

    def changed(self, cleaned: dict[str, Any], names: Sequence[str]) -> bool:
        """Whether what was sent differs from what is saved."""
        return any(name in cleaned and cleaned[name] != self.initial.get(name) for name in names)

    def clean_after_fetch_days(self) -> int:
        return self.cleaned_data["after_fetch_days"] or 0

    def check_after_fetch(self, cleaned: dict[str, Any]) -> None:
        """Check what is chosen against the rest of the form, which is clean by now."""
        if "after_fetch" in self.errors:
            return
        stored = self.kept_after_fetch or AfterFetch.LEAVE.value
        chosen = cleaned["after_fetch"] = cleaned["after_fetch"] or stored
        if self.changed(cleaned, SERVER):
            # What is known is about another server.
            self.know_server(None)
        radio = self.fields["after_fetch"].widget
        if chosen in radio.reasons and chosen != radio.kept:
            self.add_error("after_fetch", radio.reasons[chosen])
            return
        if chosen == AfterFetch.LEAVE:
            cleaned["after_fetch_days"] = 0
        if chosen != AfterFetch.MOVE:
            cleaned["move_to"] = ""
        else:
            self._check_target(cleaned)
        self.asks_for_address = chosen == AfterFetch.DELETE and self._deletes_more(cleaned)
        if self.asks_for_address:
            self._check_address(cleaned)

    def _check_target(self, cleaned: dict[str, Any]) -> None:
        choice, names = cleaned.get("mailbox_choice"), cleaned.get("mailboxes")
        target = cleaned["move_to"] = str(cleaned.get("move_to") or "").strip()
        if problem := problem_of_target(target, choice, names):
            self.add_error("move_to", problem)

    def _deletes_more(self, cleaned: dict[str, Any]) -> bool:
        """Whether mail is to be deleted that the account as it is saved leaves alone."""
        if not self.is_deleting:
            return True
        if self.changed(cleaned, (*SERVER, "username", "email")):
            return True
        had_all = self.initial["mailbox_choice"] == MailboxChoice.ALL
        if cleaned.get("mailbox_choice") == MailboxChoice.ALL:
            return not had_all
        names = set(cleaned.get("mailboxes") or ())
        if had_all:
            # All but Junk, Trash and Drafts, so it has to be looked up.
            known = Mailbox.objects.filter(account=self.instance, is_archived=True)
            return not names <= set(known.values_list("name", flat=True))
        return not names <= set(self.initial["mailboxes"])

    def _check_address(self, cleaned: dict[str, Any]) -> None:
        address = str(cleaned.get("email") or "")
        typed = str(cleaned.get("confirm_address") or "").strip()
        if not typed:
            message = _("Type %(address)s to have archived mail deleted.")
            self.add_error("confirm_address", message % {"address": address})
        elif address and typed.casefold() != address.casefold():
            self.add_error(
                "confirm_address", _("This is not the address of the account: %s.") % address
            )

    @property
    def changes_after_fetch(self) -> bool:
        """Whether what was sent changes what happens after a fetch, or to whose mail it does."""
        if self.is_new:
            return bool(self.cleaned_data["after_fetch"] != AfterFetch.LEAVE)
        names = ("after_fetch", "after_fetch_days", "move_to")
        return self.changed(self.cleaned_data, names) or self.asks_for_address
