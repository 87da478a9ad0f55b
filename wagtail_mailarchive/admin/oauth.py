"""Signing in at an OAuth 2.0 provider for a mail account: out to the provider, and back.

One address takes everybody back, because it has to be registered at the provider. What belongs to
one sign-in stays in the session of who began it: a state that is good once and for ten minutes,
the account with the server it is for, and the code verifier, which without the code is worth
nothing.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST
from wagtail.admin import messages

from ..conf import archive_settings
from ..exceptions import (
    MailArchiveError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderUnreachable,
    ServerNotOfProvider,
)
from ..fetching.health import release
from ..fetching.tokens import keep_sign_in, provider_of
from ..models import MailAccount, OAuthGrant
from ..models.run import sentence
from ..sources import oauth
from ..sources.base import Login
from ..sources.oauth_provider import Flow, Provider
from .policies import may_manage, refused

CALLBACK = "mailarchive_oauth_callback"
MAX_AGE = 600  # seconds
_SESSION_KEY = "mailarchive_sign_ins"
# Tabs in which one user may have begun to sign in.
_MOST = 5
_LATER = ("temporarily_unavailable", "server_error")


# -- for the form of an account --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """How an account stands with its provider, in the active language.

    Attributes:
        provider: its name for people; the alias where the site does not know it.
        is_valid: whether there is a sign-in that is not known to have ended.
        is_needed: whether somebody can sign in, for the first time or again.
    """

    provider: str
    sentence: str
    is_valid: bool
    is_needed: bool


def available_providers() -> list[tuple[str, str]]:
    """Return (alias, name) of each provider that accounts can sign in at, by name."""
    found = archive_settings().oauth_providers().values()
    return sorted(((each.alias, each.name) for each in found), key=lambda pair: pair[1].lower())


def why_unavailable() -> str:
    """Return why OAuth 2.0 cannot be chosen; "" if it can."""
    if available_providers():
        return ""
    return _(
        "No provider is configured on this site. The site owner can add one to OAUTH_PROVIDERS "
        "in Django's settings."
    )


def people_sign_in() -> bool:
    """Whether there is a provider at which somebody signs in, not only the site itself."""
    found = archive_settings().oauth_providers().values()
    return any(each.flow is not Flow.CLIENT_CREDENTIALS for each in found)


def refusal_of_host(alias: str, host: str) -> str:
    """Return why no token of this provider goes to `host`; "" if it may."""
    provider = archive_settings().oauth_providers().get(alias)
    if provider is None or provider.serves(host):
        return ""
    return _told(ServerNotOfProvider(provider=provider.name, host=host))


def alias_for_preset(preset: str) -> str:
    """Return the alias of the provider that is this preset ("google"); "" if there is none."""
    found = archive_settings().oauth_providers().values()
    return next((each.alias for each in found if each.preset == preset), "")


def redirect_address(request: HttpRequest) -> str:
    """Return the address to register at every provider."""
    return request.build_absolute_uri(reverse(CALLBACK))


def sign_in_of(account: MailAccount) -> SignIn:
    """Return how `account` stands with its provider; one query."""
    try:
        provider = provider_of(account)
    except ProviderNotConfigured as error:
        return SignIn(account.oauth_provider, _told(error), is_valid=False, is_needed=False)
    if provider.flow is Flow.CLIENT_CREDENTIALS:
        told = _("%(provider)s lets this site in by itself; nobody has to sign in.")
        return SignIn(
            provider.name, told % {"provider": provider.name}, is_valid=True, is_needed=False
        )
    grants = OAuthGrant.objects.select_related("signed_in_by")
    grant = grants.filter(account=account, provider=provider.alias).first()
    if grant is None:
        told = _("Nobody has signed in at %(provider)s yet.") % {"provider": provider.name}
    elif grant.problem_code:
        told = sentence(grant.problem_code, grant.problem_params)
    else:
        told = _signed_in(grant, provider)
    valid = grant is not None and not grant.problem_code
    return SignIn(provider.name, told, is_valid=valid, is_needed=True)


def _signed_in(grant: OAuthGrant, provider: Provider) -> str:
    date = grant.signed_in_at and timezone.localtime(grant.signed_in_at)
    values = {
        "provider": provider.name,
        "user": str(grant.signed_in_by or "?"),
        "date": formats.date_format(date, "SHORT_DATE_FORMAT") if date else "?",
    }
    return _("Signed in at %(provider)s by %(user)s on %(date)s.") % values


# -- out and back ----------------------------------------------------------------------------


@require_POST
def sign_in(request: HttpRequest, account_id: int) -> HttpResponseBase:
    """Begin to sign in for a saved account; 403 for who may not manage it."""
    accounts = MailAccount.objects.select_related("folder", "created_by")
    return start_sign_in(request, get_object_or_404(accounts, pk=account_id))


@sensitive_variables()
def start_sign_in(request: HttpRequest, account: MailAccount) -> HttpResponseBase:
    """Send the browser to the provider of `account`, which is saved.

    Returns to the account's form, at once where there is nothing to sign in at.
    """
    if not may_manage(request.user, account.folder):
        return refused(request, account)
    if account.login != Login.OAUTH2:
        told = _("%(account)s takes a password. Choose OAuth 2.0 as its login first.")
        messages.error(request, told % {"account": account.name})
        return _form(account)
    try:
        provider = provider_of(account)
    except ProviderNotConfigured as error:
        messages.error(request, _told(error))
        return _form(account)
    if provider.flow is Flow.CLIENT_CREDENTIALS:
        messages.info(request, sign_in_of(account).sentence)
        return _form(account)
    state = secrets.token_urlsafe(32)
    verifier = oauth.new_verifier()
    address = redirect_address(request)
    begun = {
        "account": account.pk,
        "provider": provider.alias,
        "verifier": verifier,
        "address": address,
        "for": list(account.binding),
        "at": time.time(),
    }
    newest = sorted(_begun(request).items(), key=lambda item: item[1]["at"])[1 - _MOST :]
    request.session[_SESSION_KEY] = {**dict(newest), state: begun}
    return redirect(
        oauth.authorization_url(
            provider,
            account.protocol,
            redirect_uri=address,
            state=state,
            code_verifier=verifier,
            login_hint=account.username,
        )
    )


@require_GET
@never_cache
@sensitive_variables()
def callback(request: HttpRequest) -> HttpResponseBase:
    """Take somebody back from the provider, keep the sign-in, and show the account's form."""
    known = _begun(request)
    begun = known.pop(request.GET.get("state", ""), None)
    # Once, whatever comes of it.
    request.session[_SESSION_KEY] = known
    account = _account(begun) if begun else None
    if begun is None or account is None:
        messages.error(
            request,
            _("This sign-in was begun elsewhere, is over, or took too long. Please begin again."),
        )
        return redirect("mailarchive_accounts:index")
    if not may_manage(request.user, account.folder):
        return refused(request, account)
    try:
        _finish(request, account, begun)
    except MailArchiveError as error:
        messages.error(request, _told(error))
    return _form(account)


@sensitive_variables()
def _finish(request: HttpRequest, account: MailAccount, begun: dict[str, Any]) -> None:
    """Judge the provider's answer and keep what it gives.

    Raises:
        MailArchiveError: it gives nothing that can be used.
    """
    if (account.login, account.oauth_provider) != (Login.OAUTH2, begun["provider"]):
        told = _("%(account)s has another login now, so nothing was kept of this sign-in.")
        messages.error(request, told % {"account": account.name})
        return
    provider = provider_of(account)
    names = {"account": account.name, "provider": provider.name}
    if list(account.binding) != begun.get("for"):
        # Whoever signed in meant another server, and this one must not get their token.
        told = _("%(account)s has another host, port or user name now. Please sign in again.")
        messages.error(request, told % names)
        return
    problem = request.GET.get("error")
    if problem == "access_denied":
        told = _("%(provider)s was not allowed to let this site read mail. Nothing has changed.")
        messages.warning(request, told % names)
        return
    if problem in _LATER:
        raise ProviderUnreachable(**names)
    code = request.GET.get("code", "")
    if problem or not code:
        raise ProviderRefused(**names)
    tokens = oauth.redeem_code(
        provider,
        code=code,
        code_verifier=begun["verifier"],
        redirect_uri=begun["address"],
        account=account.name,
    )
    user = request.user if request.user.is_authenticated else None
    keep_sign_in(account, provider, tokens, user)
    release(account)
    if account.enabled:
        told = _("Signed in at %(provider)s. Mail of %(account)s is fetched again.")
    else:
        told = _("Signed in at %(provider)s. Test the connection, then enable %(account)s.")
    messages.success(request, told % names)


def _begun(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Return state -> what was begun in this session and is not too old."""
    oldest = time.time() - MAX_AGE
    stored = request.session.get(_SESSION_KEY, {})
    return {state: each for state, each in stored.items() if each["at"] >= oldest}


def _account(begun: dict[str, Any]) -> MailAccount | None:
    accounts = MailAccount.objects.select_related("folder", "created_by")
    return accounts.filter(pk=begun["account"]).first()


def _form(account: MailAccount) -> HttpResponse:
    return redirect("mailarchive_accounts:edit", account.pk)


def _told(error: MailArchiveError) -> str:
    return sentence(error.code, error.params)
