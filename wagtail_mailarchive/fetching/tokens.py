"""Access tokens of accounts: the stored one, or a new one that is stored before anybody uses it.

Many providers replace the refresh token at each use and take a second use of the old one for
theft. So only one worker at a time renews the tokens of an account, whoever comes meanwhile waits
and takes what it stored, and nothing is returned that is not committed.

The lock is a claim on the grant's row and not a transaction's, because it lasts as long as the
provider's answer takes, and SQLite's lock is the whole database. Like a lease it ends by itself,
when its holder was killed.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from ..conf import archive_settings
from ..exceptions import (
    ProviderNotConfigured,
    ProviderUnreachable,
    SecretUnreadable,
    ServerNotOfProvider,
    SignInNeeded,
    SignInNotLasting,
    TokenUnreadable,
)
from ..models import MailAccount, OAuthGrant
from ..models.secret import Binding, seal, unseal
from ..sources import oauth
from ..sources.deadline import Deadline
from ..sources.oauth import Tokens
from ..sources.oauth_provider import Flow, Provider

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# An access token that ends sooner is renewed first, so that it outlives the login.
MARGIN = timedelta(seconds=60)
# Twice what one request to the provider may take: nobody claims what may still be under way.
CLAIM_TIME = timedelta(seconds=2 * oauth.LONGEST_REQUEST)
# Seconds; the claim of a worker that was killed, and a renewal of another.
_PATIENCE = 50.0
_LOOK_AGAIN = 0.2
# Seconds between attempts to store what the provider gives only once.
_PAUSES = (0.5, 2.0)


@sensitive_variables()
def access_token(account: MailAccount) -> str:
    """Return a token that lets `account` in now. Not to be called inside a transaction.

    Raises:
        SignInNeeded: somebody has to sign in at the provider.
        ProviderNotConfigured, ProviderRefused, ProviderUnreachable.
        ServerNotOfProvider: the provider's tokens are not for the account's host.
        TokenUnreadable: the stored tokens were not sealed for this user, host and port.
    """
    provider = provider_of(account)
    if not provider.serves(account.host):
        raise ServerNotOfProvider(provider=provider.name, host=account.host)
    token = _stored(account, provider, _grant(account, provider))
    return token or _renewed(account, provider)


def provider_of(account: MailAccount) -> Provider:
    """Return where `account` signs in.

    Raises:
        ProviderNotConfigured: the site does not know it, or not any more.
    """
    provider = archive_settings().oauth_providers().get(account.oauth_provider)
    if provider is None:
        raise ProviderNotConfigured(account=account.name, provider=account.oauth_provider)
    return provider


def is_signed_in(account: MailAccount) -> bool:
    """Whether there is a sign-in of `account` that is not known to have ended.

    Where the site itself is let in, nobody needs to sign in.

    Raises:
        ProviderNotConfigured.
    """
    provider = provider_of(account)
    mine = OAuthGrant.objects.filter(account=account, provider=provider.alias, problem_code="")
    return provider.flow is Flow.CLIENT_CREDENTIALS or mine.exists()


@sensitive_variables()
def keep_sign_in(
    account: MailAccount, provider: Provider, tokens: Tokens, user: User | None
) -> None:
    """Store what `user`'s sign-in gave, in place of any former one.

    Raises:
        SignInNotLasting: it would be over in an hour; nothing is stored.
    """
    if not tokens.refresh_token:
        raise SignInNotLasting(account=account.name, provider=provider.name)
    with transaction.atomic():
        OAuthGrant.objects.update_or_create(
            account=account,
            defaults={
                **_sealed(account, provider, tokens),
                "provider": provider.alias,
                "refresh_expires_at": _after(tokens.refresh_expires_in),
                "problem_code": "",
                "problem_params": {},
                "signed_in_by": user,
                "signed_in_at": timezone.now(),
            },
        )
        # A renewal under way is one of the former sign-in.
        OAuthGrant.objects.filter(account=account).update(claim=F("claim") + 1, claimed_until=None)


def end_sign_in(account: MailAccount) -> None:
    """Forget the tokens of `account`, e.g. because it has another host or user now."""
    OAuthGrant.objects.filter(account=account).delete()


def renew_next_time(account: MailAccount) -> None:
    """Use the present access token no more, because the mail server rejected it."""
    OAuthGrant.objects.filter(account=account).update(
        sealed_access_token="", access_expires_at=None
    )


def _grant(account: MailAccount, provider: Provider) -> OAuthGrant:
    """Return the row that holds the tokens.

    Raises:
        SignInNeeded: nobody has signed in at this provider, or it was taken back.
    """
    grant = OAuthGrant.objects.filter(account=account, provider=provider.alias).first()
    if grant is None and provider.flow is Flow.CLIENT_CREDENTIALS:
        end_sign_in(account)
        grant, _ = OAuthGrant.objects.get_or_create(
            account=account, defaults={"provider": provider.alias}
        )
    if grant is None or grant.problem_code:
        raise SignInNeeded(account=account.name, provider=provider.name)
    return grant


@sensitive_variables()
def _stored(account: MailAccount, provider: Provider, grant: OAuthGrant) -> str:
    """Return the stored access token, "" if it is about to end or there is none."""
    ends = grant.access_expires_at
    if not grant.sealed_access_token or ends is None or ends <= timezone.now() + MARGIN:
        return ""
    return _unsealed(grant.sealed_access_token, account, provider, "access")


@sensitive_variables()
def _renewed(account: MailAccount, provider: Provider) -> str:
    """Return a new access token, committed, or the one that somebody else got meanwhile."""
    claim = _claim(account, provider)
    try:
        grant = _grant(account, provider)
        token = _stored(account, provider, grant)
        if token:
            return token
        tokens = _ask(account, provider, grant)
        values = _sealed(account, provider, tokens)
        if tokens.refresh_token or tokens.refresh_expires_in:
            values["refresh_expires_at"] = _after(tokens.refresh_expires_in)
        if not _keep(account, claim, values):
            # Somebody signed in anew, and these tokens are of the former sign-in.
            raise ProviderUnreachable(account=account.name, provider=provider.name)
        return tokens.access_token
    except SignInNeeded as error:
        OAuthGrant.objects.filter(account=account, claim=claim).update(
            problem_code=error.code, problem_params=error.params
        )
        raise
    finally:
        OAuthGrant.objects.filter(account=account, claim=claim).update(claimed_until=None)


def _claim(account: MailAccount, provider: Provider) -> int:
    """Wait until nobody else renews, keep others from it, and return the claim's number.

    Raises:
        ProviderUnreachable: others take too long.
        SignInNeeded: the grant is gone.
    """
    patience = Deadline(_PATIENCE)
    free = Q(claimed_until=None) | Q(claimed_until__lte=Now())
    while True:
        with transaction.atomic(durable=True):
            if OAuthGrant.objects.filter(free, account=account).update(
                claim=F("claim") + 1, claimed_until=Now() + CLAIM_TIME
            ):
                return OAuthGrant.objects.values_list("claim", flat=True).get(account=account)
        _grant(account, provider)
        if not patience.remaining():
            raise ProviderUnreachable(account=account.name, provider=provider.name)
        time.sleep(_LOOK_AGAIN)


@sensitive_variables()
def _ask(account: MailAccount, provider: Provider, grant: OAuthGrant) -> Tokens:
    if provider.flow is Flow.CLIENT_CREDENTIALS:
        return oauth.client_token(provider, account.protocol, account=account.name)
    refresh_token = _unsealed(grant.sealed_refresh_token, account, provider, "refresh")
    return oauth.refresh(provider, refresh_token, account=account.name)


@sensitive_variables()
def _keep(account: MailAccount, claim: int, values: dict[str, Any]) -> bool:
    """Commit renewed tokens, unless the claim is not ours any more; return whether they are.

    Where the provider takes the former refresh token no more, these are the only ones there are:
    a database that is locked for a moment must not lose them.
    """
    mine = OAuthGrant.objects.filter(account=account, claim=claim)
    for pause in _PAUSES:
        with suppress(OperationalError), transaction.atomic(durable=True):
            return bool(mine.update(**values))
        time.sleep(pause)
    with transaction.atomic(durable=True):
        return bool(mine.update(**values))


@sensitive_variables()
def _sealed(account: MailAccount, provider: Provider, tokens: Tokens) -> dict[str, Any]:
    """Return the fields that hold `tokens`; a refresh token that did not change is not there."""
    values = {
        "sealed_access_token": seal(tokens.access_token, _binding(account, provider, "access")),
        "access_expires_at": _after(tokens.expires_in),
    }
    if tokens.refresh_token:
        binding = _binding(account, provider, "refresh")
        values["sealed_refresh_token"] = seal(tokens.refresh_token, binding)
    return values


@sensitive_variables()
def _unsealed(sealed: str, account: MailAccount, provider: Provider, kind: str) -> str:
    try:
        return unseal(sealed, _binding(account, provider, kind), account.name)
    except SecretUnreadable:
        raise TokenUnreadable(account=account.name) from None


def _binding(account: MailAccount, provider: Provider, kind: str) -> Binding:
    """Return what a token is sealed for: one provider more than a password is."""
    uuid, username, host, port = account.binding
    return (f"{uuid} {provider.alias} {kind}", username, host, port)


def _after(seconds: int | None) -> datetime | None:
    return None if seconds is None else timezone.now() + timedelta(seconds=seconds)
