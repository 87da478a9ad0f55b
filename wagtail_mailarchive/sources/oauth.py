"""OAuth 2.0 as a client: sign-in with a code and PKCE, renewal, and the site's own entry.

Authlib makes the requests (RFC 6749, RFC 7636); what is here bounds them, judges the answers and
tells every failure as an error of ours, without a word of the provider's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from wagtail_mailarchive.exceptions import (
    ProviderRefused,
    ProviderUnreachable,
    SignInNeeded,
    SourceError,
)

from .deadline import Deadline
from .oauth_http import BoundedAdapter, json_object, within
from .oauth_provider import ClientAuth, Provider

# Seconds for one request, from looking up the name to the last byte of the answer.
LONGEST_REQUEST = 15.0
# A token that does not say how long it is good is taken to be for that long (seconds).
_UNTOLD_LIFE = 600
_LONGEST_LIFE = 366 * 24 * 3600
_LONGEST_TOKEN = 16 * 1024

# Error codes (RFC 6749 section 5.2 and OpenID Connect) that somebody can help by signing in.
_SIGN_IN = frozenset(
    {"invalid_grant", "interaction_required", "login_required", "consent_required"}
)
_LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
# Names that providers give to the life of a refresh token; none is standard.
_REFRESH_LIFE = ("refresh_token_expires_in", "refresh_expires_in")


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint gave. Its repr shows no token.

    Attributes:
        refresh_token: "" where none came along, so that a former one stays valid.
        expires_in: life of the access token in seconds.
        refresh_expires_in: life of the refresh token in seconds; None where nobody says.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int | None


def new_verifier() -> str:
    """Return a new PKCE code verifier (RFC 7636 section 4.1)."""
    return generate_token(64)


def authorization_url(
    provider: Provider,
    protocol: str,
    *,
    redirect_uri: str,
    state: str,
    code_verifier: str,
    login_hint: str,
) -> str:
    """Return the address to send somebody's browser to (RFC 6749 section 4.1.1).

    Args:
        code_verifier: of which only the S256 challenge goes along.
        login_hint: which of their accounts is meant.
    """
    session = OAuth2Session(
        provider.client_id,
        scope=provider.scope(protocol) or None,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    with session:
        address, _state = session.create_authorization_url(
            provider.authorize_url,
            state=state,
            code_verifier=code_verifier,
            login_hint=login_hint,
            **provider.authorize_params,
        )
    return str(address)


def redeem_code(
    provider: Provider, *, code: str, code_verifier: str, redirect_uri: str, account: str
) -> Tokens:
    """Return the tokens for the code that somebody's browser brought back.

    Args:
        account: the account's name, for the error's sentence; here and below.

    Raises:
        SignInNeeded: the code is used, too old, or was issued for another verifier.
        ProviderRefused, ProviderUnreachable.
    """
    return _ask(
        provider,
        account,
        lambda session: session.fetch_token(
            provider.token_url,
            grant_type="authorization_code",
            code=code,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
        ),
    )


def refresh(provider: Provider, refresh_token: str, *, account: str) -> Tokens:
    """Return new tokens; a provider that rotates takes `refresh_token` no second time.

    Raises:
        SignInNeeded: the refresh token is not valid any more.
        ProviderRefused, ProviderUnreachable.
    """
    # Without a scope: what was granted is granted again.
    return _ask(
        provider,
        account,
        lambda session: session.refresh_token(provider.token_url, refresh_token=refresh_token),
        former=refresh_token,
    )


def client_token(provider: Provider, protocol: str, *, account: str) -> Tokens:
    """Return the site's own access token (RFC 6749 section 4.4).

    Raises:
        ProviderRefused, ProviderUnreachable.
    """
    try:
        return _ask(
            provider,
            account,
            lambda session: session.fetch_token(
                provider.token_url,
                grant_type="client_credentials",
                scope=provider.scope(protocol) or None,
            ),
        )
    except SignInNeeded:
        # There is nobody who could sign in.
        raise ProviderRefused(provider=provider.name, account=account) from None


def _ask(
    provider: Provider,
    account: str,
    request: Callable[[OAuth2Session], Mapping[str, Any]],
    *,
    former: str = "",
) -> Tokens:
    """Make one request to the token endpoint; `former` is the refresh token that it uses."""
    adapter = BoundedAdapter()
    session = OAuth2Session(
        provider.client_id,
        provider.client_secret or None,
        token_endpoint_auth_method=_auth_method(provider),
    )
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["Accept-Encoding"] = "identity"

    def judged(response: requests.Response) -> requests.Response:
        problem = _problem(response)
        if problem is not None:
            raise problem(provider=provider.name, account=account)
        return response

    # Both before Authlib looks at the answer.
    session.register_compliance_hook("access_token_response", judged)
    session.register_compliance_hook("refresh_token_response", judged)
    try:
        with session:
            given = within(Deadline(LONGEST_REQUEST), adapter, lambda: request(session))
    except (requests.RequestException, OSError, ValueError):
        # Their own words, and the request they hold, go no further.
        raise ProviderUnreachable(provider=provider.name, account=account) from None
    return _tokens(given, former)


def _auth_method(provider: Provider) -> str:
    if not provider.client_secret:
        return "none"
    if provider.client_auth is ClientAuth.POST:
        return "client_secret_post"
    return "client_secret_basic"


def _problem(response: requests.Response) -> type[SourceError] | None:
    """Return what an answer of the token endpoint means, None if it holds a token."""
    if response.status_code == 429 or response.status_code >= 500:
        return ProviderUnreachable
    body = json_object(response)
    if body is None:
        # Where there is no token endpoint, pages and redirections are the usual answer.
        return ProviderRefused if response.status_code >= 300 else ProviderUnreachable
    # Some providers tell errors with status 200.
    if "error" in body or response.status_code != 200:
        code = str(body.get("error"))
        if code in _SIGN_IN:
            return SignInNeeded
        return ProviderUnreachable if code in _LATER else ProviderRefused
    return None if _is_sound(body) else ProviderUnreachable


def _is_sound(body: Mapping[str, Any]) -> bool:
    return (
        _is_token(body.get("access_token"))
        and str(body.get("token_type", "Bearer")).lower() == "bearer"
        and (body.get("refresh_token") in (None, "") or _is_token(body["refresh_token"]))
        and _seconds(body.get("expires_in"), 1) is not None
        # Authlib would reckon with it.
        and body.get("expires_at") is None
    )


def _is_token(value: object) -> bool:
    """Whether `value` is visible ASCII (RFC 6749 appendix A.12), and no book."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_TOKEN
        and value.isascii()
        and value.isprintable()
    )


def _seconds(value: object, untold: int | None) -> int | None:
    """Return a life in seconds, `untold` where it is missing, None where it is none."""
    if value is None:
        return untold
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)  # as some providers write it
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return int(min(value, _LONGEST_LIFE))


def _tokens(given: Mapping[str, Any], former: str) -> Tokens:
    refresh_token = given.get("refresh_token") or ""
    lives = (_seconds(given.get(name), None) for name in _REFRESH_LIFE)
    return Tokens(
        access_token=given["access_token"],
        # Authlib fills in the former one where no new one came.
        refresh_token="" if refresh_token == former else refresh_token,
        expires_in=_seconds(given.get("expires_in"), _UNTOLD_LIFE) or 0,
        refresh_expires_in=next((life for life in lives if life), None),
    )
