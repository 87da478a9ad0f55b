"""Encryption of account secrets: MultiFernet with keys of its own, bound to where they belong.

The plain text holds the account's UUID, user name, host and port beside the secret, so that a row
copied to another account, or a host changed behind our back, decrypts to nothing.
"""

from __future__ import annotations

import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.views.decorators.debug import sensitive_variables

from ..conf import SETTING, archive_settings
from ..exceptions import ConfigurationError, SecretUnreadable

Binding = tuple[str, str, str, int]  # account UUID, user name, host, port


def keyring() -> MultiFernet:
    """Return the site's keys; the first encrypts, all decrypt.

    Raises:
        ConfigurationError: there is no key, or one is not a Fernet key.
    """
    return MultiFernet(_keys())


@sensitive_variables()
def _keys() -> list[Fernet]:
    """Return the site's keys, one at least.

    Raises:
        ConfigurationError: there is no key, or one is not a Fernet key.
    """
    keys = archive_settings().ENCRYPTION_KEYS
    if isinstance(keys, str) or not keys:
        raise ConfigurationError(
            setting=f"{SETTING}['ENCRYPTION_KEYS']", problem="a list with at least one key"
        )
    try:
        return [Fernet(key) for key in keys]
    except ValueError:
        # The exception's own chain would show the key in a traceback.
        raise ConfigurationError(
            setting=f"{SETTING}['ENCRYPTION_KEYS']", problem="one of the keys is no Fernet key"
        ) from None


@sensitive_variables()
def seal(secret: str, binding: Binding) -> str:
    """Return `secret` encrypted for `binding`, as ASCII text."""
    plain = json.dumps([*binding, secret]).encode()
    return keyring().encrypt(plain).decode("ascii")


@sensitive_variables()
def reseal(token: str) -> str | None:
    """Return `token` sealed with the first key, for what it was bound to; None if it is already.

    Raises:
        InvalidToken: no key of the site opens it.
        ConfigurationError: the site has no usable key.
    """
    keys = _keys()
    sealed = token.encode()
    try:
        keys[0].decrypt(sealed)
    except InvalidToken:
        return MultiFernet(keys).rotate(sealed).decode("ascii")
    return None


@sensitive_variables()
def unseal(token: str, binding: Binding, account: str) -> str:
    """Return the secret that `seal` encrypted for `binding`.

    Args:
        account: the account's name, for the error's sentence.

    Raises:
        SecretUnreadable: wrong key, damaged text, or another binding.
    """
    try:
        *bound, secret = json.loads(keyring().decrypt(token.encode()))
    except (InvalidToken, ValueError):
        raise SecretUnreadable(account=account) from None
    if bound != list(binding):
        raise SecretUnreadable(account=account)
    return str(secret)
