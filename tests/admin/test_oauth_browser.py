"""Signing in with OAuth 2.0 in Chromium: out to a provider, back, and mail comes in."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings

from tests import factories
from tests.admin.account_values import reaching
from tests.admin.conftest import manager_of
from tests.axe import Violations
from tests.browser import EVERYTHING
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import OAuthServer
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.tokens import keep_sign_in, provider_of
from wagtail_mailarchive.fetching.trials import run_trial
from wagtail_mailarchive.models import (
    EmailFolderPage,
    MailAccount,
    OAuthGrant,
    RunStatus,
    Trial,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.account import Protocol
from wagtail_mailarchive.sources.base import Login

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
RESULT = "#mailarchive-test [role=status]"
_users = itertools.count(1)


@pytest.fixture
def folder(chromium: Any, db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def values(oauth_dovecot: Dovecot) -> dict[str, Any]:
    """What to type to reach a mailbox of one message that only a token opens."""
    user = oauth_dovecot.create_user(f"browsing{next(_users)}")
    oauth_dovecot.deliver(user, factories.raw("Hello"))
    return reaching(oauth_dovecot.endpoint(user))


@pytest.fixture(autouse=True)
def providers(settings: Settings, oauth_server: OAuthServer) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": {"example": oauth_server.entry()},
    }


def pictured(tab: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS names a folder, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        tab.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def typed(tab: Page, folder: EmailFolderPage, values: dict[str, Any]) -> None:
    """Fill in the form of a new account that signs in at the provider."""
    tab.goto(reverse("mailarchive_accounts:add") + f"?folder={folder.pk}")
    tab.fill("[name=name]", "Sales inbox")
    tab.fill("[name=email]", "sales@example.org")
    for name in ("host", "port", "username"):
        tab.fill(f"[name={name}]", values[name])
    tab.click("text=Encryption >> visible=true")
    tab.fill("[name=ca_certificate]", values["ca_certificate"])
    tab.check("[name=sign_in][value='oauth2:example']")


# With either protocol the same is clicked; tests/fetching/test_tokens.py signs in with both.
@pytest.mark.parametrize("protocol", [Protocol.IMAP, Protocol.POP3][: 2 if EVERYTHING else 1])
def test_an_account_is_connected_by_signing_in(
    protocol: Protocol,
    folder: EmailFolderPage,
    values: dict[str, Any],
    tab_of: Callable[..., Page],
    oauth_server: OAuthServer,
    oauth_dovecot: Dovecot,
    axe: Violations,
) -> None:
    if protocol is Protocol.POP3:
        values |= {"connection": "pop3s", "port": str(oauth_dovecot.pop3s)}
    tab = tab_of(manager_of(folder))
    typed(tab, folder, values)
    tab.select_option("[name=connection]", values["connection"])
    tab.fill("[name=port]", values["port"])
    pictured(tab, f"oauth-form-{protocol.value}")
    tab.click("button[name=action-sign_in]")

    expect(tab.locator("h1")).to_have_text("Sign in at Example")
    assert tab.url.startswith(oauth_server.url)
    assert tab.input_value("[name=user]") == values["username"]
    tab.click("text=Allow")

    account = MailAccount.objects.get()
    tab.wait_for_url(f"**{reverse('mailarchive_accounts:edit', args=[account.pk])}")
    expect(tab.locator(".messages")).to_contain_text("Signed in at Example.")
    # What was typed is there, and not enabled: nothing was tested yet.
    assert tab.input_value("[name=host]") == values["host"]
    assert not account.enabled
    pictured(tab, f"oauth-signed-in-{protocol.value}")
    assert axe(tab) == []

    WorkerHeartbeat.beat()
    tab.click("text=Test connection")
    run_trial(requested(tab))
    expect(tab.locator(RESULT)).to_contain_text("The connection works.", timeout=30_000)
    pictured(tab, f"oauth-tested-{protocol.value}")
    assert axe(tab) == []

    tab.click("text=Enable the account")
    tab.click("text=Yes, enable")
    expect(tab.locator(".messages")).to_contain_text("“Sales inbox” is enabled.")
    run = fetch_now(MailAccount.objects.get()).run
    assert (run.status, run.archived) == (RunStatus.SUCCEEDED, 1)


def requested(tab: Page) -> int:
    """Wait for the test that the button asks for, as the worker does; return its id."""
    for _ in range(200):
        trial = Trial.objects.first()
        if trial is not None:
            return int(trial.pk)
        tab.wait_for_timeout(50)
    raise AssertionError("nobody asked for a test")


def test_who_does_not_allow_it_is_back_with_all_that_was_typed(
    folder: EmailFolderPage, values: dict[str, Any], tab_of: Callable[..., Page]
) -> None:
    tab = tab_of(manager_of(folder))
    typed(tab, folder, values)
    tab.click("button[name=action-sign_in]")
    tab.click("text=Deny")

    expect(tab.locator(".messages")).to_contain_text("Nothing has changed.")
    assert tab.input_value("[name=name]") == "Sales inbox"
    assert tab.input_value("[name=username]") == values["username"]
    assert not OAuthGrant.objects.exists()


def test_a_held_account_goes_on_after_one_click(
    folder: EmailFolderPage,
    values: dict[str, Any],
    tab_of: Callable[..., Page],
    oauth_server: OAuthServer,
    oauth_dovecot: Dovecot,
) -> None:
    user = values["username"]
    account = factories.account(
        folder,
        oauth_dovecot.endpoint(user),
        login=Login.OAUTH2.value,
        oauth_provider="example",
        verified_at=timezone.now(),
    )
    keep_sign_in(account, provider_of(account), oauth_server.sign_in(user), None)
    oauth_server.revoke()
    OAuthGrant.objects.update(access_expires_at=timezone.now())
    assert fetch_now(account).run.error_code == "SignInNeeded"
    # At the provider they are signed in, and have allowed it before.
    oauth_server.user = user
    tab = tab_of(manager_of(folder))
    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    expect(tab.locator(".mailarchive-condition")).to_contain_text("has no valid sign-in at Example")
    pictured(tab, "oauth-held")
    tab.click("text=Sign in at Example")

    expect(tab.locator(".messages")).to_contain_text("is fetched again.")
    assert fetch_now(account).run.status == RunStatus.SUCCEEDED


def test_signing_in_needs_no_script(
    folder: EmailFolderPage, values: dict[str, Any], tab_of: Callable[..., Page]
) -> None:
    tab = tab_of(manager_of(folder), java_script_enabled=False)
    tab.goto(reverse("mailarchive_accounts:add") + f"?folder={folder.pk}")
    tab.fill("[name=name]", "Sales inbox")
    tab.fill("[name=email]", "sales@example.org")
    for name in ("host", "port", "username", "ca_certificate"):
        tab.fill(f"[name={name}]", values[name])
    tab.check("[name=sign_in][value='oauth2:example']")
    tab.click("button[name=action-sign_in]")
    tab.click("text=Allow")

    expect(tab.locator("body")).to_contain_text("Signed in at Example.")
    assert OAuthGrant.objects.count() == 1


def test_without_a_provider_the_form_says_why(
    folder: EmailFolderPage, tab_of: Callable[..., Page], settings: Settings, axe: Violations
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "OAUTH_PROVIDERS": {}}
    tab = tab_of(manager_of(folder))
    tab.goto(reverse("mailarchive_accounts:add") + f"?folder={folder.pk}")

    expect(tab.locator("[name=sign_in][value^=oauth2]")).to_be_disabled()
    expect(tab.locator("#id_sign_in-reason")).to_contain_text("No provider is configured")
    expect(tab.locator("button[name=action-sign_in]")).to_have_count(0)
    assert axe(tab) == []
