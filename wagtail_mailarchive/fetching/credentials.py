"""From an account to what its server is entered with."""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

from ..models import MailAccount
from ..sources.base import Endpoint


@sensitive_variables()
def endpoint_of(account: MailAccount) -> Endpoint:
    """Return how to reach and enter the server of `account`, with its secret.

    Raises:
        SecretUnreadable: the password was not sealed for this user, host and port.
    """
    return account.endpoint()
