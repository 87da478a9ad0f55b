"""Checks of `OAUTH_PROVIDERS`. No message ever holds a client secret, or any other value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from ..conf import SETTING
from ..sources.oauth_provider import NAMES, problems
from .paste import paste

_NAME = f'{SETTING}["OAUTH_PROVIDERS"]'
_AT_THE_END = "At the end of the settings, with your own values:"
_EXAMPLE = """{
    "preset": "google",
    "client_id": "your-client-id",
    "client_secret": "your-client-secret",
}"""
# Values that are right, for the hint; whoever pastes them puts in their own.
_RIGHT = {
    "preset": '"google"',
    "tenant": '"your-tenant.onmicrosoft.com"',
    "name": '"Example"',
    "authorize_url": '"https://login.example.org/authorize"',
    "token_url": '"https://login.example.org/token"',
    "scopes": '{"imap": ["mail.imap", "offline_access"]}',
    "client_id": '"your-client-id"',
    "client_secret": '"your-client-secret"',
    "client_auth": '"basic"',
    "flow": '"code"',
    "authorize_params": "{}",
    "hosts": '["imap.example.org"]',
}


@register()
def check_oauth_providers(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Check each entry; what is not usable is offered to nobody."""
    given = getattr(settings, SETTING, {})
    if not isinstance(given, Mapping):
        return []
    entries = given.get("OAUTH_PROVIDERS", {})
    if not isinstance(entries, Mapping):
        return [
            Error(
                f"{_NAME} must be a dictionary, with an entry for each provider.",
                hint=paste(_AT_THE_END, f'{_NAME} = {{\n    "google": {_indented(_EXAMPLE)},\n}}'),
                id="wagtail_mailarchive.E016",
            )
        ]
    return [message for alias, entry in entries.items() for message in _check(alias, entry)]


def _check(alias: Any, entry: Any) -> Iterator[CheckMessage]:
    for name, problem in problems(alias, entry):
        about = f"{_NAME}[{alias!r}]"
        yield Error(
            f"{about}[{name!r}] {problem}." if name else f"{about} {problem}.",
            hint=paste(_AT_THE_END, _repair(about, alias, entry, name)),
            id="wagtail_mailarchive.E017",
        )


def _repair(about: str, alias: Any, entry: Any, name: str) -> str:
    """Return Python that puts right what is wrong with `name`."""
    if not isinstance(entry, Mapping):
        return f"{about} = {_EXAMPLE}"
    if not name:
        right = re.sub(r"[^A-Za-z0-9_-]+", "-", str(alias))[:60]
        return f'{_NAME}["{right or "example"}"] = {_NAME}.pop({alias!r})'
    belongs = name != "tenant" or entry.get("preset") == "microsoft"
    if name not in NAMES or not belongs:
        return f"{about}.pop({name!r})"
    if name == "preset" and entry.get("token_url"):
        return f"{about}.pop({name!r})"
    return f"{about}[{name!r}] = {_RIGHT[name]}"


def _indented(block: str) -> str:
    return block.replace("\n", "\n    ")
