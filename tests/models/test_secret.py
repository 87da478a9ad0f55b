"""Secrets are encrypted, bound to where they belong, and nowhere to be seen."""

from __future__ import annotations

import pickle
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.forms.models import model_to_dict
from pytest_django import Settings

from tests import factories
from wagtail_mailarchive.exceptions import ConfigurationError, SecretUnreadable
from wagtail_mailarchive.models import MailAccount, secret

pytestmark = pytest.mark.django_db

BINDING = ("b0c5", "ada", "imap.example.org", 993)


def use_keys(settings: Settings, *keys: str) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "ENCRYPTION_KEYS": keys}


@pytest.mark.parametrize("text", ["hunter2", "pässwörd", "", "x" * 10_000, 'with "quotes" \\ '])
def test_a_secret_comes_back(text: str) -> None:
    sealed = secret.seal(text, BINDING)
    assert secret.unseal(sealed, BINDING, "Office") == text
    if text:
        assert text not in sealed


@pytest.mark.parametrize("position", range(4))
def test_a_secret_opens_only_for_its_account_user_host_and_port(position: int) -> None:
    sealed = secret.seal("hunter2", BINDING)
    other: list[object] = list(BINDING)
    other[position] = 143 if position == 3 else "other"
    with pytest.raises(SecretUnreadable):
        secret.unseal(sealed, tuple(other), "Office")  # type: ignore[arg-type]


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAAB"])
def test_damaged_text_is_an_error_that_names_the_account(sealed: str) -> None:
    with pytest.raises(SecretUnreadable, match="Office"):
        secret.unseal(sealed, BINDING, "Office")


def test_a_new_key_encrypts_and_the_old_one_still_decrypts(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    use_keys(settings, old)
    sealed = secret.seal("hunter2", BINDING)
    use_keys(settings, new, old)
    assert secret.unseal(sealed, BINDING, "Office") == "hunter2"
    newer = secret.seal("hunter2", BINDING)
    use_keys(settings, new)
    assert secret.unseal(newer, BINDING, "Office") == "hunter2"
    with pytest.raises(SecretUnreadable):
        secret.unseal(sealed, BINDING, "Office")


@pytest.mark.parametrize("keys", [(), ("too short",)])
def test_a_missing_or_bad_key_is_a_configuration_error_that_does_not_show_it(
    settings: Settings, keys: tuple[str, ...]
) -> None:
    use_keys(settings, *keys)
    with pytest.raises(ConfigurationError) as raised:
        secret.seal("hunter2", BINDING)
    assert "too short" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_endpoint_never_shows_its_secret() -> None:
    account = factories.account(factories.folder())
    endpoint = account.endpoint()
    assert endpoint.secret == "secret"
    assert "secret=" not in repr(endpoint)


def test_the_secret_is_in_no_dump_form_or_pickle() -> None:
    account = factories.account(factories.folder())
    account.set_secret("hunter2")
    account.save()
    out = StringIO()
    call_command("dumpdata", "wagtail_mailarchive.mailaccount", stdout=out)
    assert "hunter2" not in out.getvalue()
    assert "sealed_secret" not in model_to_dict(account)
    assert b"sealed_secret" not in pickle.dumps(account)
    assert account.sealed_secret.encode() not in pickle.dumps(account)


def test_changing_the_host_behind_the_form_makes_the_secret_unreadable() -> None:
    account = factories.account(factories.folder())
    MailAccount.objects.update(host="evil.example.net")
    with pytest.raises(SecretUnreadable):
        MailAccount.objects.get(pk=account.pk).endpoint()
