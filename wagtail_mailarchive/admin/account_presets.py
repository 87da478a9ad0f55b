"""What is known of the big providers, so that an address is nearly all one has to type.

A preset is chosen by the address's domain or by hand. It fills what nobody has filled yet, in the
browser while one types and, where that has no JavaScript, on the server when the form is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models.account import Protocol
from ..sources.base import Login

OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One provider of mail.

    Attributes:
        domains: of its addresses; one that ends in "." stands for any country's.
        hosts: protocol -> host, all over TLS from the first byte on the usual port; a protocol
            that is missing is not offered there.
        login: what it takes.
        oauth: its preset in OAUTH_PROVIDERS, if it takes OAuth 2.0.
        advice: what has to be done there first.
    """

    slug: str
    name: str | Promise
    domains: Sequence[str] = ()
    hosts: dict[Protocol, str]
    login: Login = Login.PASSWORD
    oauth: str = ""
    advice: str | Promise


PRESETS: Sequence[Preset] = (
    Preset(
        slug="gmail",
        name="Gmail",
        domains=("gmail.com", "googlemail.com"),
        hosts={Protocol.IMAP: "imap.gmail.com", Protocol.POP3: "pop.gmail.com"},
        oauth="google",
        advice=_(
            "Gmail takes no ordinary password: sign in with Google (OAuth 2.0), or turn on 2-Step "
            "Verification in the Google account and make an app password. POP3 has to be enabled "
            "in Gmail's settings first, under “Forwarding and POP/IMAP”; IMAP is always on, unless "
            "an administrator of your organisation has turned it off."
        ),
    ),
    Preset(
        slug="microsoft",
        name="Microsoft 365, Outlook",
        domains=("outlook.", "hotmail.", "live.", "msn.com", "windowslive.com", "passport.com"),
        hosts={
            Protocol.IMAP: "outlook.office365.com",
            Protocol.POP3: "outlook.office365.com",
        },
        login=Login.OAUTH2,
        oauth="microsoft",
        advice=_(
            "Microsoft takes OAuth 2.0 only, no password and no app password. IMAP or POP has to "
            "be enabled for the mailbox: by an administrator for Microsoft 365, under Settings > "
            "Mail > Forwarding and IMAP for Outlook.com."
        ),
    ),
    Preset(
        slug="fastmail",
        name="Fastmail",
        domains=("fastmail.", "messagingengine.com", "sent.com"),
        hosts={Protocol.IMAP: "imap.fastmail.com", Protocol.POP3: "pop.fastmail.com"},
        advice=_(
            "Fastmail takes an app password: make one under Settings > Privacy & Security, with "
            "access to IMAP or POP. The basic plan has neither."
        ),
    ),
    Preset(
        slug="yahoo",
        name="Yahoo",
        domains=("yahoo.", "ymail.com", "rocketmail.com", "myyahoo.com"),
        hosts={Protocol.IMAP: "imap.mail.yahoo.com", Protocol.POP3: "pop.mail.yahoo.com"},
        advice=_(
            "Yahoo takes an app password: make one in the account's security settings. IMAP and "
            "POP need no enabling."
        ),
    ),
    Preset(
        slug="icloud",
        name="iCloud",
        domains=("icloud.com", "me.com", "mac.com"),
        hosts={Protocol.IMAP: "imap.mail.me.com"},
        advice=_(
            "Apple takes an app-specific password: make one at account.apple.com under Sign-In "
            "and Security. There is no POP3. If the whole address is rejected as user name, enter "
            "what stands before the “@”."
        ),
    ),
    Preset(
        slug=OTHER,
        name=_("other"),
        hosts={},
        advice=_(
            "Host, port and protocol are in the provider's instructions for mail programs. "
            "Providers with two-step sign-in usually want an app password."
        ),
    ),
)

BY_SLUG = {preset.slug: preset for preset in PRESETS}


def preset_for(address: str) -> Preset:
    """Return the preset of an e-mail address, “other” where none is known."""
    domain = address.rpartition("@")[2].strip().lower().rstrip(".")
    for preset in PRESETS:
        if any(_matches(domain, pattern) for pattern in preset.domains):
            return preset
    return BY_SLUG[OTHER]


def presets_for_script() -> list[dict[str, object]]:
    """Return the presets as the form's script reads them, in the active language."""
    return [
        {
            "slug": preset.slug,
            "domains": list(preset.domains),
            "hosts": {protocol.value: host for protocol, host in preset.hosts.items()},
            "advice": str(preset.advice),
        }
        for preset in PRESETS
    ]


def _matches(domain: str, pattern: str) -> bool:
    return domain.startswith(pattern) if pattern.endswith(".") else domain == pattern
