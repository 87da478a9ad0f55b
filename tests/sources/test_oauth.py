"""OAuth 2.0 as a client: what goes to a provider, and what is made of its answers."""

from __future__ import annotations

import json
import logging
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.servers.dovecot import Dovecot
from tests.servers.oauth import CLIENT_SECRET, Answer, OAuthServer
from wagtail_mailarchive.exceptions import (
    ProviderRefused,
    ProviderUnreachable,
    SignInNeeded,
    SourceError,
    TokenRejected,
)
from wagtail_mailarchive.sources import oauth
from wagtail_mailarchive.sources.base import Endpoint, Login, Security
from wagtail_mailarchive.sources.oauth import Tokens
from wagtail_mailarchive.sources.oauth_provider import Flow, Provider, problems, read_provider
from wagtail_mailarchive.sources.open import open_source

REDIRECT = "https://intranet.example.org/admin/mailarchive/oauth/callback/"
JSON = {"Content-Type": "application/json"}
GOOD = {"access_token": "access-good", "token_type": "Bearer", "expires_in": 3600}


@pytest.fixture
def provider(oauth_server: OAuthServer) -> Provider:
    return read_provider("example", oauth_server.entry())


def signed_in(provider: Provider, verifier: str, *, protocol: str = "imap", user: str = "") -> str:
    """Be the browser of somebody who signs in and allows all; return the code."""
    address = oauth.authorization_url(
        provider,
        protocol,
        redirect_uri=REDIRECT,
        state="the state",
        code_verifier=verifier,
        login_hint="ada",
    )
    form = {"user": user or "ada", "answer": "allow"}
    answer = requests.post(address, data=form, allow_redirects=False, timeout=10)
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT
    assert parse_qs(back.query)["state"] == ["the state"]
    return parse_qs(back.query)["code"][0]


def redeemed(provider: Provider, code: str, verifier: str, **values: str) -> Tokens:
    given = {"redirect_uri": REDIRECT, "account": "Offers", **values}
    return oauth.redeem_code(provider, code=code, code_verifier=verifier, **given)


def refreshed(provider: Provider, refresh_token: str) -> Tokens:
    return oauth.refresh(provider, refresh_token, account="Offers")


def told(status: int, body: Any, headers: dict[str, str] = JSON) -> Answer:
    return status, body if isinstance(body, str) else json.dumps(body), headers


# -- the code flow ---------------------------------------------------------------------------


def test_only_the_challenge_of_the_verifier_goes_to_the_browser(provider: Provider) -> None:
    verifier = oauth.new_verifier()
    address = oauth.authorization_url(
        provider,
        "imap",
        redirect_uri=REDIRECT,
        state="s",
        code_verifier=verifier,
        login_hint="ada@example.org",
    )

    query = parse_qs(urlsplit(address).query)
    assert address.startswith(provider.authorize_url)
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == ["mail.imap offline_access"]
    assert query["login_hint"] == ["ada@example.org"]
    assert query["redirect_uri"] == [REDIRECT]
    assert verifier not in address
    assert CLIENT_SECRET not in address


@pytest.mark.parametrize("client_auth", ["basic", "post"])
def test_a_code_becomes_tokens(oauth_server: OAuthServer, client_auth: str) -> None:
    provider = read_provider("example", oauth_server.entry(client_auth=client_auth))
    verifier = oauth.new_verifier()

    tokens = redeemed(provider, signed_in(provider, verifier), verifier)

    assert tokens.access_token.startswith("access-")
    assert tokens.refresh_token.startswith("refresh-")
    assert tokens.expires_in == 3600
    assert oauth_server.asked[-1].get("client_secret", "") == (
        CLIENT_SECRET if client_auth == "post" else ""
    )


def test_a_code_is_worth_nothing_to_others(provider: Provider) -> None:
    verifier = oauth.new_verifier()

    with pytest.raises(SignInNeeded):
        redeemed(provider, signed_in(provider, verifier), oauth.new_verifier())
    with pytest.raises(SignInNeeded):
        redeemed(provider, signed_in(provider, verifier), verifier, redirect_uri=f"{REDIRECT}x")


def test_a_code_is_good_once(provider: Provider) -> None:
    verifier = oauth.new_verifier()
    code = signed_in(provider, verifier)
    redeemed(provider, code, verifier)

    with pytest.raises(SignInNeeded):
        redeemed(provider, code, verifier)


# -- renewal, client credentials -------------------------------------------------------------


def test_a_refresh_token_that_is_replaced_comes_along(provider: Provider) -> None:
    verifier = oauth.new_verifier()
    first = redeemed(provider, signed_in(provider, verifier), verifier)

    second = refreshed(provider, first.refresh_token)

    assert second.refresh_token not in ("", first.refresh_token)
    assert second.access_token != first.access_token
    with pytest.raises(SignInNeeded):
        refreshed(provider, first.refresh_token)


def test_a_refresh_token_that_stays_is_not_told_again(
    provider: Provider, oauth_server: OAuthServer
) -> None:
    oauth_server.instead += [told(200, GOOD), told(200, {**GOOD, "refresh_token": "same"})]

    assert refreshed(provider, "same").refresh_token == ""
    assert refreshed(provider, "same").refresh_token == ""


def test_the_site_itself_is_let_in(oauth_server: OAuthServer) -> None:
    entry = oauth_server.entry(
        flow="client_credentials",
        scopes={"imap": ["all/.default"]},
        hosts=["imap.example.org"],
    )
    provider = read_provider("example", entry)

    tokens = oauth.client_token(provider, "imap", account="Offers")

    assert tokens.access_token.startswith("access-")
    assert oauth_server.asked[-1]["scope"] == "all/.default"


def test_lives_are_read_as_providers_write_them(
    provider: Provider, oauth_server: OAuthServer
) -> None:
    oauth_server.instead += [
        told(200, {**GOOD, "expires_in": "1800", "refresh_token_expires_in": 604_799}),
        told(200, {**GOOD, "refresh_expires_in": 60}),
        told(200, {"access_token": "a", "token_type": "bearer"}),
    ]

    first, second, third = (refreshed(provider, "r") for _ in range(3))

    assert (first.expires_in, first.refresh_expires_in) == (1800, 604_799)
    assert second.refresh_expires_in == 60
    assert 0 < third.expires_in <= 600
    assert third.refresh_expires_in is None


# -- what can go wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (told(400, {"error": "invalid_grant"}), SignInNeeded),
        (told(400, {"error": "interaction_required"}), SignInNeeded),
        (told(401, {"error": "invalid_client"}), ProviderRefused),
        (told(400, {"error": "unauthorized_client"}), ProviderRefused),
        (told(400, {"error": "invalid_scope"}), ProviderRefused),
        (told(400, {"error": {"code": 7}}), ProviderRefused),
        (told(200, {"error": "invalid_grant"}), SignInNeeded),
        (told(400, {"error": "temporarily_unavailable"}), ProviderUnreachable),
        (told(429, {"error": "invalid_grant"}), ProviderUnreachable),
        (told(503, "<html>busy</html>", {}), ProviderUnreachable),
        (told(404, "<html>not here</html>", {}), ProviderRefused),
        (told(200, "<html>a hotel's network</html>", {}), ProviderUnreachable),
        (told(200, ["no", "object"]), ProviderUnreachable),
        (told(200, {**GOOD, "access_token": ""}), ProviderUnreachable),
        (told(200, {**GOOD, "access_token": "line\r\nbreak"}), ProviderUnreachable),
        (told(200, {**GOOD, "access_token": ["list"]}), ProviderUnreachable),
        (told(200, {**GOOD, "token_type": "mac"}), ProviderUnreachable),
        (told(200, {**GOOD, "expires_in": "soon"}), ProviderUnreachable),
        (told(200, {**GOOD, "expires_in": -5}), ProviderUnreachable),
        (told(200, {**GOOD, "expires_in": float("inf")}), ProviderUnreachable),
        (told(200, {**GOOD, "expires_at": []}), ProviderUnreachable),
        (told(200, {**GOOD, "refresh_token": 7}), ProviderUnreachable),
        (told(200, "[" * 60_000), ProviderUnreachable),
        (told(200, {**GOOD, "more": "x" * 70_000}), ProviderUnreachable),
    ],
)
def test_each_answer_is_told_as_an_error_of_ours(
    provider: Provider, oauth_server: OAuthServer, answer: Answer, error: type[SourceError]
) -> None:
    oauth_server.instead.append(answer)

    with pytest.raises(error) as caught:
        refreshed(provider, "secret-refresh-token")

    assert type(caught.value) is error
    assert caught.value.params == {"provider": "Example", "account": "Offers"}


def test_no_word_of_a_provider_is_in_an_error(
    provider: Provider, oauth_server: OAuthServer
) -> None:
    oauth_server.instead.append(
        told(400, {"error": "invalid_client", "error_description": "THEIR WORDS"})
    )

    with pytest.raises(ProviderRefused) as caught:
        refreshed(provider, "secret-refresh-token")

    assert "THEIR WORDS" not in str(caught.value)
    assert "THEIR WORDS" not in repr(caught.value.params)


def test_a_redirection_is_not_followed(provider: Provider, oauth_server: OAuthServer) -> None:
    elsewhere = {"Location": f"{oauth_server.url}/token"}
    oauth_server.instead += [
        told(307, "", elsewhere),
        told(302, GOOD, {**elsewhere, **JSON}),
    ]

    for _ in range(2):
        with pytest.raises(ProviderRefused):
            refreshed(provider, "secret-refresh-token")

    assert len(oauth_server.asked) == 2


def test_nobody_there_is_told(provider: Provider) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = read_provider(
        "gone",
        {
            "authorize_url": "http://127.0.0.1/a",
            "token_url": f"http://127.0.0.1:{port}/token",
            "client_id": "x",
        },
    )

    with pytest.raises(ProviderUnreachable):
        refreshed(gone, "r")


@contextmanager
def dripping(first: bytes) -> Iterator[int]:
    """A server that never ends its answer; yields its port."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(first)
            while not ended.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener], daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Endless: ", b"HTTP/1.1 200 OK\r\n\r\n{"]
)
def test_an_answer_without_end_has_one(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "LONGEST_REQUEST", 0.5)
    before = set(threading.enumerate())
    with dripping(first) as port:
        provider = read_provider(
            "slow",
            {
                "authorize_url": "http://127.0.0.1/a",
                "token_url": f"http://127.0.0.1:{port}/token",
                "client_id": "x",
            },
        )
        with pytest.raises(ProviderUnreachable):
            refreshed(provider, "r")
        # The connection was cut, so that no thread is left waiting.
        until = time.monotonic() + 20
        while _ours(before):
            assert time.monotonic() < until
            time.sleep(0.05)


def _ours(before: set[threading.Thread]) -> list[threading.Thread]:
    new = set(threading.enumerate()) - before
    return [thread for thread in new if thread.name == "mailarchive-oauth"]


# -- leaks -----------------------------------------------------------------------------------


def test_no_token_and_no_client_secret_is_shown(
    provider: Provider, oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("authlib", "requests", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    verifier = oauth.new_verifier()

    tokens = redeemed(provider, signed_in(provider, verifier), verifier)
    renewed = refreshed(provider, tokens.refresh_token)
    with pytest.raises(SignInNeeded) as caught:
        refreshed(provider, tokens.refresh_token)

    # What the provider itself logs, in this same process, is no log of ours.
    here = threading.current_thread().name, "mailarchive-oauth"
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.threadName in here
    )
    assert "POST /token" in logged
    shown = [logged, repr(provider), repr(tokens), str(caught.value), repr(caught.value)]
    shown.append(repr(pickle.dumps(caught.value)))
    for secret in (CLIENT_SECRET, tokens.access_token, tokens.refresh_token, verifier):
        assert not [text for text in shown if secret in text]
    assert renewed.refresh_token not in repr(renewed)


# -- entries of the setting ------------------------------------------------------------------


def test_google_and_microsoft_need_little() -> None:
    client = {"client_id": "id", "client_secret": "secret"}

    google = read_provider("google", {"preset": "google", **client})
    microsoft = read_provider("ms", {"preset": "microsoft", "tenant": "example.org", **client})

    assert google.name == "Google"
    assert google.scope("imap") == google.scope("pop3") == "https://mail.google.com/"
    assert google.authorize_params["access_type"] == "offline"
    assert microsoft.token_url == "https://login.microsoftonline.com/example.org/oauth2/v2.0/token"
    assert microsoft.scope("pop3") == (
        "https://outlook.office.com/POP.AccessAsUser.All offline_access"
    )


def test_microsoft_lets_a_site_in_app_only() -> None:
    entry = {
        "preset": "microsoft",
        "tenant": "example.org",
        "flow": "client_credentials",
        "client_id": "id",
        "client_secret": "secret",
    }

    provider = read_provider("ms", entry)

    assert provider.flow is Flow.CLIENT_CREDENTIALS
    assert provider.scope("imap") == "https://outlook.office365.com/.default"
    assert [name for name, _ in problems("ms", {**entry, "tenant": "common"})] == ["tenant"]
    assert provider.serves("Outlook.Office365.com.")
    assert not provider.serves("outlook.office365.com.example.org")


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example.org/token",
        "http://127.0.0.1.example.org/token",
        "http://10.0.0.1/token",
        "https:///token",
        "https://user:password@login.example.org/token",
        "https://login.example.org/token#fragment",
        "ftp://login.example.org/",
        "//login.example.org/token",
        "login.example.org",
        "https://login example.org/",
        "https://[::1/",
        7,
    ],
)
def test_addresses_that_are_not_safe_are_refused(address: object, provider: Provider) -> None:
    entry = {
        "authorize_url": "https://login.example.org/authorize",
        "token_url": address,
        "client_id": "id",
    }

    assert [name for name, _ in problems("x", entry)] == ["token_url"]
    with pytest.raises(ValueError, match="not usable"):
        read_provider("x", entry)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_this_very_machine_needs_no_encryption(host: str) -> None:
    entry = {
        "authorize_url": f"http://{host}/authorize",
        "token_url": f"http://{host}/token",
        "client_id": "id",
    }

    assert read_provider("x", entry).token_url == f"http://{host}/token"


# -- a real mail server takes the token ------------------------------------------------------


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_dovecot_lets_in_with_a_token_and_not_with_another(
    oauth_server: OAuthServer, oauth_dovecot: Dovecot, protocol: str, security: Security
) -> None:
    provider = read_provider("example", oauth_server.entry())
    ada = oauth_dovecot.create_user(f"ada-{protocol}-{security}")
    oauth_dovecot.deliver(ada, b"Subject: hello\r\n\r\nThere\r\n")
    verifier = oauth.new_verifier()
    tokens = redeemed(provider, signed_in(provider, verifier, user=ada), verifier)

    with open_source(entering(oauth_dovecot, ada, tokens, security, protocol), protocol) as source:
        assert source.open_mailbox("INBOX").exists == 1

    stranger = oauth_dovecot.create_user(f"eve-{protocol}-{security}")
    endpoint = entering(oauth_dovecot, stranger, tokens, security, protocol)
    with pytest.raises(TokenRejected), open_source(endpoint, protocol):
        pass
    oauth_server.revoke()
    endpoint = entering(oauth_dovecot, ada, tokens, security, protocol)
    with pytest.raises(TokenRejected), open_source(endpoint, protocol):
        pass


def entering(
    server: Dovecot, user: str, tokens: Tokens, security: Security, protocol: str
) -> Endpoint:
    plain = server.endpoint(user, security, protocol=protocol, secret=tokens.access_token)
    return Endpoint(**{**plain.__dict__, "login": Login.OAUTH2})
