"""Signing in at a provider from the admin: out, back, and nothing else."""

from __future__ import annotations

import html
import logging
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.admin.conftest import browser_of, user_with
from tests.servers.oauth import CLIENT_SECRET, OAuthServer
from wagtail_mailarchive.admin import oauth
from wagtail_mailarchive.fetching import tokens
from wagtail_mailarchive.models import AccountHealth, EmailFolderPage, MailAccount, OAuthGrant
from wagtail_mailarchive.models.permissions import manage_permission
from wagtail_mailarchive.sources.base import Login

pytestmark = pytest.mark.django_db
CALLBACK = "http://testserver/admin/mailarchive/oauth/callback/"


@pytest.fixture(autouse=True)
def providers(settings: Settings, oauth_server: OAuthServer) -> None:
    oauth_server.redirect_uri = CALLBACK
    oauth_server.user = "ada"
    configure(settings, example=oauth_server.entry())


def configure(settings: Settings, **entries: dict[str, Any]) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "OAUTH_PROVIDERS": entries}


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def account(folder: EmailFolderPage) -> MailAccount:
    return factories.account(
        folder, login=Login.OAUTH2.value, oauth_provider="example", enabled=False
    )


@pytest.fixture
def manager(folder: EmailFolderPage) -> User:
    user = user_with(folder.get_parent(), "add", "change", "publish")
    user.groups.get().permissions.add(manage_permission().get())
    return user


@pytest.fixture
def visitor(manager: User) -> Client:
    return browser_of(manager)


def begin(visitor: Client, account: MailAccount) -> Any:
    return visitor.post(reverse("mailarchive_oauth_sign_in", args=[account.pk]))


def at_the_provider(began: Any) -> str:
    """Follow to the provider, which consents; return the address it sends the visitor back to."""
    assert began.status_code == 302
    answer = requests.get(began["Location"], allow_redirects=False, timeout=10)
    return str(answer.headers["Location"])


def sign_in(visitor: Client, account: MailAccount) -> Any:
    return visitor.get(at_the_provider(begin(visitor, account)))


def form_of(account: MailAccount) -> str:
    return reverse("mailarchive_accounts:edit", args=[account.pk])


def said(response: Any) -> str:
    return " ".join(
        html.unescape(str(each)).strip() for each in get_messages(response.wsgi_request)
    )


def test_a_manager_signs_in_and_is_back_at_the_form(
    visitor: Client, account: MailAccount, manager: User, oauth_server: OAuthServer
) -> None:
    response = sign_in(visitor, account)

    assert response["Location"] == form_of(account)
    assert said(response) == (
        f"Signed in at Example. Test the connection, then enable {account.name}."
    )
    grant = OAuthGrant.objects.get(account=account)
    assert (grant.provider, grant.signed_in_by) == ("example", manager)
    assert tokens.access_token(account) == oauth_server.tokens[-1].access_token
    assert oauth.sign_in_of(account).sentence.startswith(f"Signed in at Example by {manager} on")


def test_the_address_to_register_is_the_one_that_is_used(
    visitor: Client, account: MailAccount, rf: Any
) -> None:
    sent = parse_qs(urlsplit(begin(visitor, account)["Location"]).query)

    assert sent["redirect_uri"] == [CALLBACK] == [oauth.redirect_address(rf.get("/"))]
    assert sent["scope"] == ["mail.imap offline_access"]
    assert sent["login_hint"] == [account.username]
    assert sent["code_challenge_method"] == ["S256"]


def test_signing_in_again_lets_a_held_account_go_on(
    visitor: Client, account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(visitor, account)
    OAuthGrant.objects.update(
        problem_code="SignInNeeded",
        problem_params={"account": account.name, "provider": "Example"},
    )
    AccountHealth.objects.create(account=account, held_code="SignInNeeded", failures=3)
    MailAccount.objects.update(enabled=True)
    stands = oauth.sign_in_of(account)
    assert (stands.is_valid, stands.is_needed) == (False, True)
    assert stands.sentence.startswith(f"{account.name} has no valid sign-in at Example.")

    response = sign_in(visitor, account)

    assert said(response).endswith(f"Mail of {account.name} is fetched again.")
    assert oauth.sign_in_of(account).is_valid
    assert AccountHealth.objects.get(account=account).held_code == ""


# -- state -----------------------------------------------------------------------------------


def test_a_state_is_good_once(visitor: Client, account: MailAccount) -> None:
    back = at_the_provider(begin(visitor, account))
    visitor.get(back)
    OAuthGrant.objects.all().delete()

    refused(visitor.get(back))


def test_a_state_is_good_in_its_own_session_only(
    visitor: Client, account: MailAccount, manager: User
) -> None:
    back = at_the_provider(begin(visitor, account))

    refused(browser_of(manager).get(back))


def test_a_state_ends_after_ten_minutes(
    visitor: Client, account: MailAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = at_the_provider(begin(visitor, account))
    later = time.time() + oauth.MAX_AGE + 1
    monkeypatch.setattr(time, "time", lambda: later)

    refused(visitor.get(back))


@pytest.mark.parametrize("query", [{}, {"state": "made up", "code": "x"}, {"code": "x"}])
def test_nothing_is_believed_without_a_state(
    visitor: Client, account: MailAccount, query: dict[str, str], oauth_server: OAuthServer
) -> None:
    begin(visitor, account)

    refused(visitor.get(f"{CALLBACK}?{urlencode(query)}"))
    assert oauth_server.asked == []


def refused(response: Any) -> None:
    assert response["Location"] == reverse("mailarchive_accounts:index")
    assert "Please begin again" in said(response)
    assert not OAuthGrant.objects.exists()


def test_several_tabs_can_sign_in_at_once(
    visitor: Client, account: MailAccount, folder: EmailFolderPage
) -> None:
    other = factories.account(folder, login=Login.OAUTH2.value, oauth_provider="example")
    first = at_the_provider(begin(visitor, account))
    second = at_the_provider(begin(visitor, other))

    visitor.get(second)
    visitor.get(first)

    assert OAuthGrant.objects.count() == 2


def test_a_session_does_not_grow_without_end(visitor: Client, account: MailAccount) -> None:
    for _ in range(12):
        begin(visitor, account)

    assert len(visitor.session["mailarchive_sign_ins"]) == 5


# -- who -------------------------------------------------------------------------------------


def test_who_may_not_manage_any_more_is_refused_at_the_way_back(
    visitor: Client, account: MailAccount, manager: User
) -> None:
    back = at_the_provider(begin(visitor, account))
    manager.groups.get().permissions.remove(manage_permission().get())

    assert visitor.get(back).status_code == 403
    assert not OAuthGrant.objects.exists()


def test_a_manager_of_another_folder_does_not_begin(account: MailAccount) -> None:
    elsewhere = user_with(factories.workspace("Elsewhere"), "add", "change", "publish")
    elsewhere.groups.get().permissions.add(manage_permission().get())

    assert begin(browser_of(elsewhere), account).status_code == 403


def test_signing_in_is_begun_by_a_button_only(visitor: Client, account: MailAccount) -> None:
    assert visitor.get(reverse("mailarchive_oauth_sign_in", args=[account.pk])).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(factories.superuser())
    assert begin(strict, account).status_code == 403


# -- what providers and site owners do -------------------------------------------------------


def back_with(visitor: Client, account: MailAccount, **query: str) -> Any:
    state = parse_qs(urlsplit(begin(visitor, account)["Location"]).query)["state"][0]
    return visitor.get(f"{CALLBACK}?{urlencode({**query, 'state': state})}")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "Example was not allowed to let this site read mail."),
        ("temporarily_unavailable", "Example cannot be reached or is busy"),
        ("unauthorized_client", "Ask the site owner to check this provider's entry"),
        ("<b>bold</b>", "Ask the site owner to check this provider's entry"),
    ],
)
def test_a_refusal_is_told_in_our_words(
    visitor: Client, account: MailAccount, error: str, words: str
) -> None:
    response = back_with(visitor, account, error=error, error_description="THEIR WORDS")

    assert response["Location"] == form_of(account)
    assert words in said(response)
    assert "THEIR WORDS" not in said(response)
    assert "bold" not in said(response)
    assert not OAuthGrant.objects.exists()


def test_a_code_that_is_none_is_told(visitor: Client, account: MailAccount) -> None:
    assert "has no valid sign-in" in said(back_with(visitor, account, code="made up"))
    assert not OAuthGrant.objects.exists()


def test_an_account_that_takes_a_password_has_nowhere_to_sign_in(
    visitor: Client, account: MailAccount
) -> None:
    back = at_the_provider(begin(visitor, account))
    MailAccount.objects.update(login=Login.PASSWORD, oauth_provider="")

    assert "has another login now" in said(visitor.get(back))
    response = begin(visitor, account)
    assert response["Location"] == form_of(account)
    assert f"{account.name} takes a password." in said(response)
    assert not OAuthGrant.objects.exists()


@pytest.mark.parametrize(
    "changed", [{"host": "imap.example.net"}, {"port": 143}, {"username": "eve"}]
)
def test_a_sign_in_begun_for_another_server_is_not_kept_for_this_one(
    visitor: Client, account: MailAccount, changed: dict[str, Any]
) -> None:
    back = at_the_provider(begin(visitor, account))
    MailAccount.objects.update(**changed)

    assert "Please sign in again" in said(visitor.get(back))
    assert not OAuthGrant.objects.exists()


def test_an_account_that_changed_its_provider_keeps_nothing_of_the_former(
    visitor: Client, account: MailAccount, settings: Settings, oauth_server: OAuthServer
) -> None:
    back = at_the_provider(begin(visitor, account))
    configure(settings, example=oauth_server.entry(), other=oauth_server.entry())
    MailAccount.objects.update(oauth_provider="other")

    assert "has another login now" in said(visitor.get(back))
    assert oauth_server.asked == []


def test_a_provider_that_is_not_configured_is_told(
    visitor: Client, account: MailAccount, settings: Settings
) -> None:
    configure(settings)
    response = begin(visitor, account)

    assert response["Location"] == form_of(account)
    assert "which this site does not know" in said(response)
    assert not oauth.sign_in_of(account).is_needed


def test_nobody_signs_in_where_the_site_itself_is_let_in(
    visitor: Client, account: MailAccount, settings: Settings, oauth_server: OAuthServer
) -> None:
    configure(settings, example=oauth_server.entry(flow="client_credentials", hosts=[account.host]))
    response = begin(visitor, account)

    assert response["Location"] == form_of(account)
    assert "nobody has to sign in" in said(response)
    stands = oauth.sign_in_of(account)
    assert (stands.is_valid, stands.is_needed) == (True, False)


# -- for the form ----------------------------------------------------------------------------


def test_the_form_learns_what_can_be_chosen(settings: Settings, oauth_server: OAuthServer) -> None:
    google = {"preset": "google", "client_id": "id", "client_secret": "secret"}
    configure(settings, gmail=google, example=oauth_server.entry(), broken={"preset": "google"})

    assert oauth.available_providers() == [("example", "Example"), ("gmail", "Google")]
    assert oauth.why_unavailable() == ""
    assert oauth.alias_for_preset("google") == "gmail"
    assert oauth.alias_for_preset("microsoft") == ""


def test_the_form_learns_why_nothing_can_be_chosen(settings: Settings) -> None:
    configure(settings)

    assert oauth.available_providers() == []
    assert oauth.why_unavailable().startswith("No provider is configured on this site.")


# -- leaks -----------------------------------------------------------------------------------


def test_no_secret_is_in_session_messages_pages_or_logs(
    visitor: Client,
    account: MailAccount,
    oauth_server: OAuthServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    began = begin(visitor, account)
    in_session = repr(dict(visitor.session))
    verifier = next(iter(visitor.session["mailarchive_sign_ins"].values()))["verifier"]
    response = visitor.get(at_the_provider(began))
    page = visitor.get(form_of(account)).content.decode()

    here = threading.current_thread().name, "mailarchive-oauth"
    shown = [record.getMessage() for record in caplog.records if record.threadName in here]
    shown += [in_session, repr(dict(visitor.session)), said(response), page, began["Location"]]
    given = oauth_server.tokens[-1]
    for secret in (given.access_token, given.refresh_token, CLIENT_SECRET):
        assert not [text for text in shown if secret in text]
    # Of use for one code only, and gone with it.
    assert verifier not in began["Location"]
    assert verifier not in repr(dict(visitor.session))
