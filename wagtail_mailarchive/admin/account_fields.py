"""The fields of an account's form that Django has no field for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models.account import PORTS, Protocol
from ..sources.base import Security

MAX_MAILBOX_NAME = 500

# One choice for what the model keeps as protocol and security.
CONNECTIONS: Mapping[str, tuple[Protocol, Security]] = {
    "imaps": (Protocol.IMAP, Security.TLS),
    "imap-starttls": (Protocol.IMAP, Security.STARTTLS),
    "imap": (Protocol.IMAP, Security.PLAIN),
    "pop3s": (Protocol.POP3, Security.TLS),
    "pop3-starttls": (Protocol.POP3, Security.STARTTLS),
    "pop3": (Protocol.POP3, Security.PLAIN),
}
_NAMES: Mapping[str, str | Promise] = {
    "imaps": "IMAPS",
    "imap-starttls": "IMAP + STARTTLS",
    "imap": gettext_lazy("IMAP (not encrypted)"),
    "pop3s": "POP3S",
    "pop3-starttls": "POP3 + STARTTLS",
    "pop3": gettext_lazy("POP3 (not encrypted)"),
}


def connection_choices(*, plaintext: bool) -> list[tuple[str, str | Promise]]:
    """Return the six choices of a protocol, or the four encrypted ones."""
    return [
        (name, _NAMES[name])
        for name, (_protocol, security) in CONNECTIONS.items()
        if plaintext or security is not Security.PLAIN
    ]


def connection_of(protocol: str, security: str) -> str:
    """Return the choice that means this protocol and security."""
    wanted = (Protocol(protocol), Security(security))
    return next(name for name, each in CONNECTIONS.items() if each == wanted)


def ports_for_script() -> dict[str, int]:
    """Return choice -> its usual port."""
    return {name: PORTS[connection] for name, connection in CONNECTIONS.items()}


def unix_lines(text: str) -> str:
    """Browsers send CRLF, and what was not changed must not look as if it was."""
    return "\n".join(text.split("\r\n")).strip()


def certificates(text: str) -> str:
    """Return pasted certificates as they are stored; "" if there are none.

    Raises:
        ValidationError: this is something else, or more than that.
    """
    text = unix_lines(text)
    if text:
        try:
            load_pem_x509_certificates(text.encode())
        except ValueError:
            raise ValidationError(
                _("This is no certificate in PEM form (-----BEGIN CERTIFICATE-----).")
            ) from None
        if "PRIVATE KEY-----" in text:
            # It would be stored and shown as it is; only secrets are encrypted.
            raise ValidationError(
                _("This holds a private key. Paste the certificate of the authority alone.")
            )
    return text


class RadioWithReasons(forms.RadioSelect):
    """Radio buttons some of which cannot be chosen, with the reason below them.

    Attributes:
        group_label: what is chosen here, for screen readers.
        unavailable: the values that cannot be chosen while `is_limited`.
        reason: why not.
        is_limited: whether they cannot be chosen at the moment; the form's script changes that
            with the protocol.
    """

    template_name = "wagtail_mailarchive/admin/account_radio.html"
    group_label: str | Promise = ""
    unavailable: Sequence[str] = ()
    reason: str | Promise = ""
    is_limited = False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"] |= {
            "group_label": self.group_label,
            "reason": self.reason,
            "is_limited": self.is_limited,
        }
        return context

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        if str(option["value"]) in self.unavailable:
            attrs = option["attrs"]
            note = f"id_{option['name']}-reason"
            attrs["aria-describedby"] = f"{attrs.get('aria-describedby', '')} {note}".strip()
            attrs["data-limited"] = True
            attrs["disabled"] = self.is_limited
        return option


@dataclass(frozen=True, slots=True)
class ListedMailbox:
    """A mailbox that the server listed; `use` says what it marks it for, "" for nothing."""

    name: str
    use: str


class MailboxPicker(forms.Textarea):
    """Check boxes for the mailboxes the server listed, and lines for others.

    Attributes:
        known: what the server listed at the last test; nothing before.
        is_limited: whether there is nothing to choose from (POP3).
    """

    template_name = "wagtail_mailarchive/admin/account_mailboxes.html"
    known: Sequence[ListedMailbox] = ()
    reason: str | Promise = ""
    is_limited = False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = _lines(value)
        known = {each.name for each in self.known}
        others = [each for each in chosen if each not in known]
        context: dict[str, Any] = super().get_context(name, "\n".join(others), attrs)
        context["widget"] |= {
            "picked_name": f"{name}-picked",
            "known": [(each, each.name in chosen) for each in self.known],
            "reason": self.reason,
            "is_limited": self.is_limited,
        }
        context["widget"]["attrs"]["disabled"] = self.is_limited
        return context

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> str:
        picked = data.getlist(f"{name}-picked") if hasattr(data, "getlist") else []
        return "\n".join([*picked, data.get(name) or ""])

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and f"{name}-picked" not in data


class MailboxNames(forms.CharField):
    """Names of mailboxes; a list of strings."""

    widget = MailboxPicker(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        names = list(dict.fromkeys(_lines(super().clean(value))))
        for name in names:
            if not name.isprintable() or len(name) > MAX_MAILBOX_NAME:
                raise ValidationError(_("“%(name)s” is no mailbox name."), params={"name": name})
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _lines(self.prepare_value(initial)) != _lines(data)


def _lines(value: Any) -> list[str]:
    stripped = [line.strip() for line in str(value or "").splitlines()]
    return [line for line in stripped if line]
