"""Checks of `OAUTH_PROVIDERS`: each finds what it is for, and its hint silences it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_checks import GOOD, codes, one, paste
from wagtail_mailarchive.checks.oauth import check_oauth_providers
from wagtail_mailarchive.conf import archive_settings

SECRET = "the-secret-of-the-site"
GOOGLE = {"preset": "google", "client_id": "id", "client_secret": SECRET}
MICROSOFT = {"preset": "microsoft", "client_id": "id", "client_secret": SECRET}
OWN = {
    "authorize_url": "https://login.example.org/authorize",
    "token_url": "https://login.example.org/token",
    "client_id": "id",
    "client_secret": SECRET,
}


@pytest.mark.parametrize(
    "entry",
    [
        GOOGLE,
        MICROSOFT,
        {**MICROSOFT, "tenant": "example.org", "flow": "client_credentials"},
        OWN,
        {**OWN, "client_secret": "", "name": "Große Post", "scopes": {"pop3": ["mail"]}},
        {**OWN, "authorize_params": {"prompt": "consent"}, "client_auth": "post"},
        {**OWN, "authorize_url": "http://localhost:8080/a", "token_url": "http://[::1]/t"},
    ],
)
def test_good_entries_are_silent_and_offered(entry: dict[str, Any], settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "OAUTH_PROVIDERS": {"one": entry}}

    assert check_oauth_providers() == []
    assert list(archive_settings().oauth_providers()) == ["one"]


@pytest.mark.parametrize(
    ("alias", "entry", "words"),
    [
        ("one", "a string", "must be a dictionary"),
        ("no good alias", GOOGLE, "must have a name"),
        ("one", {**GOOGLE, "client_ident": "id"}, "is not known"),
        ("one", {**GOOGLE, "preset": "gogle"}, "must be one of google, microsoft"),
        ("one", {**OWN, "preset": "other"}, "must be one of google, microsoft"),
        ("one", {**GOOGLE, "client_id": ""}, "is missing"),
        ("one", {**OWN, "client_id": "two words"}, "must be text"),
        ("one", {**GOOGLE, "client_secret": f"{SECRET}\n"}, "must be text"),
        ("one", {**GOOGLE, "client_secret": 7}, "must be text"),
        ("one", {**GOOGLE, "flow": "client_credentials"}, "Google lets no application in"),
        ("one", {**GOOGLE, "flow": "implicit"}, "must be one of code"),
        ("one", {**GOOGLE, "tenant": "example.org"}, "belongs to the preset"),
        ("one", {**MICROSOFT, "tenant": "example.org/../other"}, "must be the tenant's"),
        ("one", {**MICROSOFT, "flow": "client_credentials"}, "must name your own tenant"),
        ("one", {**OWN, "token_url": "http://login.example.org/token"}, "must be an https://"),
        ("one", {**OWN, "authorize_url": ""}, "is missing"),
        ("one", {**OWN, "client_auth": "jwt"}, "must be one of basic, post"),
        ("one", {**OWN, "scopes": ["mail"]}, "must be a dictionary with lists"),
        ("one", {**OWN, "scopes": {"imap": "mail offline_access"}}, "lists of texts"),
        ("one", {**OWN, "scopes": {"imap": ["mail offline_access"]}}, "lists of texts"),
        ("one", {**OWN, "scopes": {"smtp": ["mail"]}}, "must be a dictionary with lists"),
        ("one", {**OWN, "authorize_params": {"prompt": 1}}, "must be a dictionary of texts"),
        ("one", {**OWN, "name": "two\nlines"}, "must be text"),
        ("one", {**OWN, "hosts": "imap.example.org"}, "must be a list of host names"),
        ("one", {**OWN, "hosts": ["two words"]}, "must be a list of host names"),
        ("one", {**OWN, "flow": "client_credentials"}, "must name the mail servers"),
    ],
)
def test_a_wrong_entry_is_found_and_its_hint_silences_it(
    alias: str, entry: Any, words: str, settings: Any
) -> None:
    providers = {alias: dict(entry) if isinstance(entry, dict) else entry}
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "OAUTH_PROVIDERS": providers}
    assert archive_settings().oauth_providers() == {}

    message = one(check_oauth_providers())
    assert codes([message]) == ["E017"]
    assert words in message.msg
    assert SECRET not in message.msg
    assert SECRET not in (message.hint or "")
    paste(message, settings, "WAGTAIL_MAILARCHIVE")

    assert check_oauth_providers() == []


def test_what_is_no_dictionary_is_found(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "OAUTH_PROVIDERS": [GOOGLE]}

    message = one(check_oauth_providers())
    assert codes([message]) == ["E016"]
    paste(message, settings, "WAGTAIL_MAILARCHIVE")

    assert check_oauth_providers() == []


def test_the_settings_never_show_a_secret(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "OAUTH_PROVIDERS": {"google": GOOGLE}}

    assert SECRET not in repr(archive_settings())
    assert GOOD["ENCRYPTION_KEYS"][0] not in repr(archive_settings())
    assert SECRET not in repr(archive_settings().oauth_providers())
