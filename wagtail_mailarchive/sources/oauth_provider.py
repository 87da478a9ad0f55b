"""Whom accounts sign in at with OAuth 2.0: the entries of the setting OAUTH_PROVIDERS, read.

    OAUTH_PROVIDERS = {
        "google": {"preset": "google", "client_id": "...", "client_secret": "..."},
        "example": {
            "name": "Example",
            "authorize_url": "https://login.example.org/authorize",
            "token_url": "https://login.example.org/token",
            "scopes": {"imap": ["mail.imap", "offline_access"]},
            "client_id": "...",
            "client_secret": "...",
        },
    }

The site owner names the addresses, nobody else does: a token is asked for where the entry says
and nowhere an editor or a server says, and shown to the mail servers in `hosts` alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

PROTOCOLS = ("imap", "pop3")
NAMES = (
    *("preset", "tenant", "name", "authorize_url", "token_url", "scopes"),
    *("client_id", "client_secret", "client_auth", "flow", "authorize_params", "hosts"),
)
# Aliases stand in addresses and in the account's row.
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,60}")
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
# Tenants that stand for many, whose mailboxes no application can be let into as a whole.
_SHARED_TENANTS = ("common", "organizations", "consumers")


class Flow(StrEnum):
    """How the site comes by an access token (RFC 6749)."""

    CODE = "code"  # somebody signs in; section 4.1, with PKCE (RFC 7636)
    CLIENT_CREDENTIALS = "client_credentials"  # the site itself is let in; section 4.4


class ClientAuth(StrEnum):
    """How the site shows its client secret at the token endpoint (RFC 6749 section 2.3.1)."""

    BASIC = "basic"
    POST = "post"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One usable entry. Its repr never shows the client secret.

    Attributes:
        alias: its name in the setting, which accounts keep.
        name: for people.
        preset: which of the known providers it is; "" for any other.
        authorize_url: "" where `flow` is CLIENT_CREDENTIALS.
        scopes: protocol ("imap" or "pop3") -> what is asked for; the provider's own default for
            a protocol that is missing.
        client_secret: "" for a public client, which PKCE alone protects.
        authorize_params: sent along to `authorize_url`.
        hosts: the mail servers that tokens are shown to, in lower case; empty for any, which
            only somebody who signs in can decide.
    """

    alias: str
    name: str
    preset: str = ""
    authorize_url: str = ""
    token_url: str
    scopes: Mapping[str, Sequence[str]]
    client_id: str
    client_secret: str = field(default="", repr=False)
    client_auth: ClientAuth = ClientAuth.BASIC
    flow: Flow = Flow.CODE
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()

    def serves(self, host: str) -> bool:
        """Whether tokens may be shown to the mail server named `host`."""
        return not self.hosts or _host(host) in self.hosts

    def scope(self, protocol: str) -> str:
        """Return what to ask for, as one parameter; "" to leave it to the provider."""
        return " ".join(self.scopes.get(protocol, ()))


def _google(flow: Flow, tenant: str) -> dict[str, Any]:
    # One scope for both protocols. A refresh token is given only when offline access is asked
    # for, and again to the same person only when consent is asked for again.
    return {
        "name": "Google",
        "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
        "token_url": "https://oauth2.googleapis.com/token",
        "scopes": {each: ["https://mail.google.com/"] for each in PROTOCOLS},
        "client_auth": ClientAuth.POST,
        "authorize_params": {"access_type": "offline", "prompt": "consent"},
        "hosts": ["imap.gmail.com", "pop.gmail.com", "imap.googlemail.com", "pop.googlemail.com"],
    }


def _microsoft(flow: Flow, tenant: str) -> dict[str, Any]:
    base = f"https://login.microsoftonline.com/{tenant or 'common'}/oauth2/v2.0"
    scopes = {
        "imap": ["https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"],
        "pop3": ["https://outlook.office.com/POP.AccessAsUser.All", "offline_access"],
    }
    if flow is Flow.CLIENT_CREDENTIALS:
        scopes = {each: ["https://outlook.office365.com/.default"] for each in PROTOCOLS}
    return {
        "name": "Microsoft",
        "authorize_url": f"{base}/authorize",
        "token_url": f"{base}/token",
        "scopes": scopes,
        "client_auth": ClientAuth.POST,
        # Browsers know several accounts of one person; this mailbox belongs to one of them.
        "authorize_params": {"prompt": "select_account"},
        "hosts": ["outlook.office365.com", "imap-mail.outlook.com", "pop-mail.outlook.com"],
    }


PRESETS = {"google": _google, "microsoft": _microsoft}


def read_provider(alias: str, entry: Mapping[str, Any]) -> Provider:
    """Return what an entry of OAUTH_PROVIDERS means.

    Raises:
        ValueError: `problems` finds something in it.
    """
    if any(problems(alias, entry)):
        raise ValueError(f"The entry {alias!r} is not usable.")
    values = _with_preset(entry)
    flow = Flow(values.get("flow", Flow.CODE))
    return Provider(
        alias=alias,
        name=values.get("name") or alias,
        preset=values.get("preset", ""),
        authorize_url=values.get("authorize_url", "") if flow is Flow.CODE else "",
        token_url=values["token_url"],
        scopes={name: tuple(each) for name, each in values.get("scopes", {}).items()},
        client_id=values["client_id"],
        client_secret=values.get("client_secret", ""),
        client_auth=ClientAuth(values.get("client_auth", ClientAuth.BASIC)),
        flow=flow,
        authorize_params=dict(values.get("authorize_params", {})),
        hosts=frozenset(map(_host, values.get("hosts", ()))),
    )


def problems(alias: object, entry: object) -> Iterator[tuple[str, str]]:
    """Yield (name in the entry or "", what is wrong with it), in English and without values.

    No client secret is ever part of a sentence.
    """
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
        yield "", "must have a name of at most 60 letters, digits, “-” and “_”"
    if not isinstance(entry, Mapping):
        yield "", "must be a dictionary"
        return
    for name in sorted(set(map(str, entry)) - set(NAMES)):
        yield name, "is not known here"
    if entry.get("preset", "") not in ("", *PRESETS):
        yield "preset", f"must be one of {', '.join(PRESETS)}"
        return
    if entry.get("flow", Flow.CODE) not in tuple(Flow):
        yield "flow", f"must be one of {', '.join(Flow)}"
        return
    yield from _tenant_problems(entry)
    values = _with_preset(entry)
    yield from _client_problems(values)
    yield from _address_problems(values)
    yield from _other_problems(values)


def _with_preset(entry: Mapping[str, Any]) -> dict[str, Any]:
    preset = PRESETS.get(entry.get("preset", ""))
    flow = Flow(entry.get("flow", Flow.CODE))
    known = preset(flow, str(entry.get("tenant", ""))) if preset else {}
    return {**known, **entry}


def _tenant_problems(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    tenant = entry.get("tenant", "")
    is_microsoft = entry.get("preset") == "microsoft"
    if tenant and not is_microsoft:
        yield "tenant", "belongs to the preset “microsoft” only"
    elif tenant and not (isinstance(tenant, str) and _TENANT.fullmatch(tenant)):
        yield "tenant", "must be the tenant's id or domain"
    app_only = entry.get("flow") == Flow.CLIENT_CREDENTIALS
    if is_microsoft and app_only and tenant in ("", *_SHARED_TENANTS):
        yield "tenant", "must name your own tenant where the flow is client_credentials"
    if entry.get("preset") == "google" and app_only:
        yield "flow", "must be “code”: Google lets no application in this way"


def _client_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not values.get("client_id"):
        yield "client_id", "is missing"
    elif not _is_text(values["client_id"]):
        yield "client_id", "must be text without spaces"
    secret = values.get("client_secret", "")
    if not isinstance(secret, str) or (secret and not _is_text(secret)):
        yield "client_secret", "must be text without spaces"
    elif not secret and values.get("flow") == Flow.CLIENT_CREDENTIALS:
        yield "client_secret", "is missing, and the flow client_credentials needs it"
    if values.get("client_auth", ClientAuth.BASIC) not in tuple(ClientAuth):
        yield "client_auth", f"must be one of {', '.join(ClientAuth)}"


def _address_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    wanted = ["token_url"]
    if values.get("flow", Flow.CODE) == Flow.CODE:
        wanted.insert(0, "authorize_url")
    for name in wanted:
        address = values.get(name)
        if not address:
            yield name, "is missing"
        elif not _is_address(address):
            yield name, "must be an https:// address (http:// on this very machine only)"


def _other_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = values.get("name", "")
    if not isinstance(name, str) or not name.isprintable():
        yield "name", "must be text"
    scopes = values.get("scopes", {})
    if not isinstance(scopes, Mapping) or set(scopes) - set(PROTOCOLS):
        yield "scopes", 'must be a dictionary with lists for "imap" and "pop3"'
    elif any(isinstance(each, str) or not all(map(_is_text, each)) for each in scopes.values()):
        yield "scopes", "must hold lists of texts without spaces"
    params = values.get("authorize_params", {})
    if not isinstance(params, Mapping) or not all(
        isinstance(part, str) for pair in params.items() for part in pair
    ):
        yield "authorize_params", "must be a dictionary of texts"
    hosts = values.get("hosts", ())
    if isinstance(hosts, str) or not isinstance(hosts, Sequence) or not all(map(_is_text, hosts)):
        yield "hosts", "must be a list of host names"
    elif not hosts and values.get("flow") == Flow.CLIENT_CREDENTIALS:
        # Else whoever connects accounts could have the site's own token sent anywhere.
        yield "hosts", "must name the mail servers where the flow is client_credentials"


def _host(name: str) -> str:
    return name.rstrip(".").lower()


def _is_text(value: object) -> bool:
    """Whether `value` is text of visible ASCII (RFC 6749 appendix A)."""
    return (
        isinstance(value, str)
        and bool(value)
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def _is_address(value: object) -> bool:
    if not _is_text(value):
        return False
    try:
        parts = urlsplit(str(value))
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.fragment or parts.username or parts.password:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
