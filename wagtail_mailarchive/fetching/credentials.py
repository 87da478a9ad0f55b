"""From an account to what its server is entered with."""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

from ..models import MailAccount
from ..sources.base import Endpoint, Login
from .tokens import access_token


@sensitive_variables()
def endpoint_of(account: MailAccount) -> Endpoint:
    """Return how to reach and enter the server of `account`, with its secret.

    An access token lasts for the login it is fetched for and not much longer, so this is called
    before each connection. Not inside a transaction, because a token may have to be renewed.

    Raises:
        SecretUnreadable: the password, or a token, was not sealed for this user, host and port.
        SignInNeeded: somebody has to sign in at the account's provider.
        ProviderNotConfigured, ProviderRefused, ProviderUnreachable: it gives no token now.
    """
    if account.login == Login.OAUTH2.value:
        return account.endpoint(access_token(account))
    return account.endpoint()
