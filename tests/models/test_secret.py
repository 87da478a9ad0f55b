"""Secrets are encrypted, bound to where they belong, and nowhere to be seen."""

from __future__ import annotations

import pickle
from base64 import b64decode
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.forms.models import model_to_dict
from pytest_django import Settings

from tests import factories
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.exceptions import ConfigurationError, SecretUnreadable
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import MailAccount, OAuthGrant, RunStatus, key_rotation, secret

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


def test_a_site_in_production_without_a_key_fails_its_checks(settings: Settings) -> None:
    settings.DEBUG = False
    use_keys(settings)
    with pytest.raises(SystemCheckError, match=r"wagtail_mailarchive\.E003.*is missing"):
        call_command("check", deploy=True)


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


# -- rotation ------------------------------------------------------------------------------------


def test_rotation_seals_passwords_and_tokens_with_the_first_key_and_needs_no_old_one(
    settings: Settings,
) -> None:
    old, new = keys(2)
    use_keys(settings, old)
    account = signed_in_account()
    before = sealed_columns(account)
    use_keys(settings, new, old)
    assert rotate_keys() == (
        "3 sealed with the first key, 0 were already.\nThe other keys are not needed any more.\n"
    )
    use_keys(settings, new)
    after = sealed_columns(account)
    assert not set(before) & set(after)
    opened = [secret.unseal(each, account.binding, account.name) for each in after]
    assert opened == ["hunter2", "refresh-me", "let-me-in"]


def test_rotation_called_again_goes_on_where_it_was_ended(settings: Settings) -> None:
    old, new = keys(2)
    use_keys(settings, old)
    folder = factories.folder()
    accounts = [factories.account(folder) for _ in range(key_rotation.BATCH + 3)]
    use_keys(settings, new, old)
    for _, _turned in zip(range(key_rotation.BATCH + 1), key_rotation.rotate(), strict=False):
        pass  # as if killed in the middle of the second batch
    assert rotate_keys().startswith(
        f"2 sealed with the first key, {key_rotation.BATCH + 1} were already."
    )
    use_keys(settings, new)
    assert {MailAccount.objects.get(pk=each.pk).endpoint().secret for each in accounts} == {
        "secret"
    }


def test_a_dry_run_of_the_rotation_counts_and_changes_nothing(settings: Settings) -> None:
    old, new = keys(2)
    use_keys(settings, old)
    account = signed_in_account()
    before = sealed_columns(account)
    use_keys(settings, new, old)
    assert rotate_keys("--dry-run") == "3 would be sealed with the first key, 0 were already.\n"
    assert sealed_columns(account) == before


def test_what_no_key_opens_is_named_left_alone_and_makes_the_command_fail(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, old, new = keys(3)
    use_keys(settings, lost)
    locked = factories.account(factories.folder(), name="Locked")
    sealed = locked.sealed_secret
    use_keys(settings, old)
    fine = factories.account(factories.folder(), name="Fine")
    use_keys(settings, new, old)
    with pytest.raises(CommandError, match=r"1 cannot be read\. Keep the other keys") as raised:
        rotate_keys()
    assert raised.value.returncode == 1
    told = capsys.readouterr().err
    assert f"Account {locked.pk} (Locked): no key of this site opens its password." in told
    assert "Fine" not in told
    locked.refresh_from_db()
    assert locked.sealed_secret == sealed
    use_keys(settings, new)
    assert MailAccount.objects.get(pk=fine.pk).endpoint().secret == "secret"


def test_a_password_entered_while_keys_are_rotated_is_kept(settings: Settings) -> None:
    old, new = keys(2)
    use_keys(settings, old)
    first, second = (factories.account(factories.folder()) for _ in range(2))
    use_keys(settings, new, old)
    rotation = key_rotation.rotate()
    next(rotation)  # both rows are read by now
    assert first.pk < second.pk
    second.set_secret("entered meanwhile")
    second.save()
    assert [each.turn for each in rotation] == [key_rotation.Turn.CHANGED]
    assert MailAccount.objects.get(pk=second.pk).endpoint().secret == "entered meanwhile"


def test_rotation_without_a_key_says_what_is_missing(settings: Settings) -> None:
    factories.account(factories.folder())
    use_keys(settings)
    with pytest.raises(CommandError, match="ENCRYPTION_KEYS"):
        rotate_keys()


def keys(number: int) -> list[str]:
    return [Fernet.generate_key().decode() for _ in range(number)]


def signed_in_account() -> MailAccount:
    account = factories.account(factories.folder())
    account.set_secret("hunter2")
    account.save()
    OAuthGrant.objects.create(
        account=account,
        provider="any",
        sealed_refresh_token=secret.seal("refresh-me", account.binding),
        sealed_access_token=secret.seal("let-me-in", account.binding),
    )
    return account


def sealed_columns(account: MailAccount) -> list[str]:
    stored = MailAccount.objects.select_related("grant").get(pk=account.pk)
    grant = stored.grant
    return [stored.sealed_secret, grant.sealed_refresh_token, grant.sealed_access_token]


def rotate_keys(*arguments: str) -> str:
    out = StringIO()
    call_command("mailarchive_rotate_keys", *arguments, stdout=out)
    return out.getvalue()


# -- a wrong key ---------------------------------------------------------------------------------


def test_a_wrong_key_is_an_error_and_no_server_hears_a_word(settings: Settings) -> None:
    key, wrong = keys(2)
    talks: list[Talk] = []

    def script(talk: Talk) -> None:
        talks.append(talk)
        talk.log_in()  # and hang up

    use_keys(settings, key)
    with ScriptedServer(script) as server:
        account = factories.account(factories.folder(), server.endpoint())
        use_keys(settings, wrong)
        run = fetch_now(account).run
        assert (run.status, run.error_code) == (RunStatus.FAILED, "SecretUnreadable")
        assert account.sealed_secret not in run.error
        assert talks == []
        # The same server, so that its silence means something.
        use_keys(settings, key)
        released = MailAccount.objects.get(pk=account.pk)
        fetch_now(released)
    [talk] = talks
    assert b64decode(talk.received[1]) == f"\0reader\0{server.endpoint().secret}".encode()
