"""An OAuth 2.0 authorization server on the loopback interface: Authlib's own server side.

It insists on PKCE (S256), gives a new refresh token at each use and takes a second use of an old
one for theft, as the strictest providers do. Mail servers ask it whose an access token is
(RFC 7662).
"""

# The stubs of Authlib's server side are narrower than what it does.
# mypy: disable-error-code="override"

from __future__ import annotations

import html
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    OAuth2Error,
    OAuth2Request,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from wagtail_mailarchive.sources import oauth
from wagtail_mailarchive.sources.oauth import Tokens
from wagtail_mailarchive.sources.oauth_provider import read_provider

CLIENT_ID = "mailarchive"
CLIENT_SECRET = "the-client-secret-of-tests"
Answer = tuple[int, str, dict[str, str]]


@dataclass
class _Client(ClientMixin):
    redirect_uris: Callable[[], str | None]

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        registered = self.redirect_uris()
        return registered is None or redirect_uri == registered

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


@dataclass
class _Code:
    user: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class _Token(TokenMixin):
    """What one sign-in or one renewal gave; `family` is common to all since the sign-in."""

    access_token: str
    refresh_token: str
    user: str
    scope: str
    ends: float
    family: list[_Token] = field(default_factory=list, repr=False)
    used: bool = False
    revoked: bool = False

    def check_client(self, client: object) -> bool:
        return True

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return round(self.ends - time.time())

    def is_expired(self) -> bool:
        return self.ends <= time.time()

    def is_revoked(self) -> bool:
        return self.revoked


class _Request(OAuth2Request):
    def __init__(self, handler: _Handler, body: str) -> None:
        address = f"http://{handler.headers['Host']}{handler.path}"
        super().__init__(handler.command, address, headers=dict(handler.headers.items()))
        self._args = dict(parse_qsl(urlsplit(handler.path).query))
        self._form = dict(parse_qsl(body))
        self.payload = BasicOAuth2Payload({**self._args, **self._form})

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Challenge(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        if not grant.request.payload.data.get("code_challenge"):
            raise InvalidRequestError("PKCE is required.")
        super().validate_code_challenge(grant, redirect_uri)


class _CodeGrant(grants.AuthorizationCodeGrant):
    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        self.server.outer.codes[code] = _Code(
            user=request.user,
            redirect_uri=data["redirect_uri"],
            scope=data.get("scope", ""),
            code_challenge=data["code_challenge"],
            code_challenge_method=data["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, client: object) -> _Code | None:
        found: _Code | None = self.server.outer.codes.get(code)
        return found

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        codes = self.server.outer.codes
        for code, each in list(codes.items()):
            if each is authorization_code:
                del codes[code]

    def authenticate_user(self, authorization_code: _Code) -> str:
        return authorization_code.user


class _RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> _Token | None:
        outer: OAuthServer = self.server.outer
        outer.refreshed_with.append(refresh_token)
        token = outer.by_refresh_token(refresh_token)
        if token is not None and token.used:
            # Stolen, by whoever used it first or second.
            for each in token.family:
                each.revoked = True
        return None if token is None or token.revoked else token

    def authenticate_user(self, refresh_token: _Token) -> str:
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: _Token) -> None:
        refresh_token.used = True
        new = self.server.outer.tokens[-1]
        new.family = refresh_token.family
        new.family.append(new)


class _ClientCredentialsGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class _Introspection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def check_permission(self, token: _Token, client: object, request: object) -> bool:
        return True

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Token | None:
        found = (each for each in self.server.outer.tokens if each.access_token == token_string)
        return next(found, None)

    def introspect_token(self, token: _Token) -> dict[str, Any]:
        return {
            "active": True,
            "client_id": CLIENT_ID,
            "token_type": "Bearer",
            "username": token.user,
            "scope": token.scope,
            "exp": int(token.ends),
        }


class _Server(AuthorizationServer):
    def __init__(self, outer: OAuthServer) -> None:
        super().__init__()
        self.outer = outer
        self.register_grant(_CodeGrant, [_Challenge(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_grant(_ClientCredentialsGrant)
        self.register_endpoint(_Introspection)
        generator = BearerTokenGenerator(
            lambda **_: f"access-{generate_token(30)}",
            lambda **_: f"refresh-{generate_token(30)}" if outer.gives_refresh_tokens else "",
            lambda *_: outer.expires_in,
        )
        self.register_token_generator("default", generator)

    def query_client(self, client_id: str) -> _Client | None:
        return _Client(lambda: self.outer.redirect_uri) if client_id == CLIENT_ID else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        kept = _Token(
            access_token=token["access_token"],
            refresh_token=token.get("refresh_token") or "",
            user=request.user or self.outer.user_of_the_site,
            scope=token.get("scope", ""),
            ends=time.time() + token["expires_in"],
        )
        kept.family.append(kept)
        self.outer.tokens.append(kept)

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        text = body if isinstance(body, str) else json.dumps(body)
        return status, text, dict(headers)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HTTPServer

    def log_message(self, format: str, *args: object) -> None:
        """Tests read what the server keeps."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = _Request(self, self.rfile.read(length).decode())
        status, text, headers = self.server.outer.answer(self.path, request)
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    outer: OAuthServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Who hangs up in the middle of an answer is no mistake of this server.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class OAuthServer:
    """One server with one client. Ends with its `with` block.

    Attributes:
        redirect_uri: the only one that is registered; None for any.
        user: who is signed in at the provider and consents to all; "" shows a page that asks.
        user_of_the_site: whose mailbox a token of client credentials opens.
        expires_in: seconds that access tokens live.
        delay: seconds that the token endpoint takes to answer.
        refreshed_with: every refresh token it was asked to renew with.
        asked: the form of every request to the token endpoint.
        instead: what the token endpoint answers next, once each, in place of the truth.
    """

    def __init__(self) -> None:
        self.redirect_uri: str | None = None
        self.user = ""
        self.user_of_the_site = ""
        self.expires_in = 3600
        self.delay = 0.0
        self.gives_refresh_tokens = True
        self.codes: dict[str, _Code] = {}
        self.tokens: list[_Token] = []
        self.refreshed_with: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.instead: list[Answer] = []
        self._lock = threading.Lock()
        self._authlib: Any = _Server(self)
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        self._http.outer = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def entry(self, **values: object) -> dict[str, Any]:
        """Return an entry of OAUTH_PROVIDERS for this server."""
        return {
            "name": "Example",
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "scopes": {"imap": ["mail.imap", "offline_access"], "pop3": ["mail.pop"]},
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **values,
        }

    def introspection_url(self) -> str:
        """Return where a mail server asks whose a token is, as client."""
        return f"http://{CLIENT_ID}:{CLIENT_SECRET}@{self.url.removeprefix('http://')}/introspect"

    def by_refresh_token(self, refresh_token: str) -> _Token | None:
        return next((each for each in self.tokens if each.refresh_token == refresh_token), None)

    def revoke(self) -> None:
        """Take back all that was ever given, as somebody would in their account there."""
        for token in self.tokens:
            token.revoked = True

    @contextmanager
    def fresh(self) -> Iterator[Self]:
        """Behave like a new server; for a server that several tests use in turn."""
        self.__dict__ |= {
            "redirect_uri": None,
            "user": "",
            "user_of_the_site": "",
            "expires_in": 3600,
            "delay": 0.0,
            "gives_refresh_tokens": True,
        }
        for kept in (self.codes, self.tokens, self.refreshed_with, self.asked, self.instead):
            kept.clear()
        yield self

    def sign_in(self, user: str, alias: str = "example", **values: object) -> Tokens:
        """Sign `user` in and allow all, as their browser and the site would; return the tokens."""
        provider = read_provider(alias, self.entry(**values))
        verifier = oauth.new_verifier()
        redirect = "https://intranet.example.org/callback/"
        address = oauth.authorization_url(
            provider,
            "imap",
            redirect_uri=redirect,
            state="state",
            code_verifier=verifier,
            login_hint=user,
        )
        answer = requests.post(address, data={"user": user}, allow_redirects=False, timeout=10)
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        return oauth.redeem_code(
            provider,
            code=code,
            code_verifier=verifier,
            redirect_uri=redirect,
            account="Offers",
        )

    # -- the endpoints -----------------------------------------------------------------------

    def answer(self, path: str, request: _Request) -> Answer:
        place = urlsplit(path).path
        if place == "/authorize":
            return self._authorize(request)
        if place == "/token":
            return self._token(request)
        if place == "/introspect":
            with self._lock:
                answer: Answer = self._authlib.create_endpoint_response("introspection", request)
            return answer
        return 404, "", {}

    def _authorize(self, request: _Request) -> Answer:
        try:
            grant = self._authlib.get_consent_grant(request, end_user=self.user or None)
        except OAuth2Error as error:
            refusal: Answer = self._authlib.handle_error_response(request, error)
            return refusal
        user = self.user or request.form.get("user", "")
        if not user:
            return 200, _page(request), {"Content-Type": "text/html; charset=utf-8"}
        allowed = request.form.get("answer", "allow") == "allow"
        with self._lock:
            answer: Answer = self._authlib.create_authorization_response(
                request, grant_user=user if allowed else None, grant=grant
            )
        return answer

    def _token(self, request: _Request) -> Answer:
        with self._lock:
            self.asked.append(dict(request.form))
            if self.instead:
                answer = self.instead.pop(0)
            else:
                answer = self._authlib.create_token_response(request)
        # The tokens are changed by now, and the client does not know them yet.
        time.sleep(self.delay)
        return answer


def _page(request: _Request) -> str:
    """Return a page that asks whose mailbox it is, and whether the site may read it."""
    hint = html.escape(request.args.get("login_hint", ""))
    return f"""<!doctype html>
<html lang="en"><title>Example: sign in</title>
<h1>Sign in at Example</h1>
<form method="post">
<p><label>User <input name="user" value="{hint}"></label></p>
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></p>
</form>"""
