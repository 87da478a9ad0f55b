"""The signed proof that a test of typed values passed, carried by the form that holds them.

Values that nobody has saved are tested without being stored, so the form itself has to remember
that they worked. It proves nothing for other values, for another user, or after ten minutes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.core.signing import BadSignature, TimestampSigner
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from ..models import MailAccount

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_AGE = 600  # seconds
_SALT = "wagtail_mailarchive.tested"


@sensitive_variables()
def sign_tested(account: MailAccount, secret: str, user: User) -> str:
    """Return the proof that `account`'s present values passed a test that `user` ran.

    Args:
        secret: as typed; "" where the stored one was used.
    """
    return TimestampSigner(salt=_SALT).sign(_digest(account, secret, user))


@sensitive_variables()
def was_tested(token: str, account: MailAccount, secret: str, user: User) -> bool:
    """Whether `token` proves a test of exactly these values by this user in the last minutes."""
    try:
        signed = TimestampSigner(salt=_SALT).unsign(token, max_age=MAX_AGE)
    except BadSignature:
        return False
    return constant_time_compare(signed, _digest(account, secret, user))


@sensitive_variables()
def _digest(account: MailAccount, secret: str, user: User) -> str:
    values = [
        user.pk,
        "new" if account._state.adding else str(account.uuid),
        account.protocol,
        account.security,
        account.host,
        account.port,
        account.username,
        account.login,
        account.oauth_provider,
        account.tls_minimum,
        account.ca_certificate,
        secret or account.sealed_secret,
    ]
    # Keyed with SECRET_KEY, so that nobody can try passwords on it.
    return salted_hmac(_SALT, json.dumps(values), algorithm="sha256").hexdigest()
