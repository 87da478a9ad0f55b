"""Access tokens: stored before they are used, renewed by one, and a refresh token used once."""

from __future__ import annotations

import itertools
import logging
import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any, TypeVar

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import CLIENT_SECRET, OAuthServer
from wagtail_mailarchive.exceptions import (
    MailArchiveError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderUnreachable,
    ServerNotOfProvider,
    SignInNeeded,
    SignInNotLasting,
    TokenUnreadable,
)
from wagtail_mailarchive.fetching import run, tokens
from wagtail_mailarchive.fetching.credentials import endpoint_of
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import (
    EmailFolderPage,
    MailAccount,
    OAuthGrant,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.sources import oauth
from wagtail_mailarchive.sources.base import Login

pytestmark = pytest.mark.django_db

T = TypeVar("T")
_users = itertools.count(1)
HOST = "imap.example.org"

on_several_connections = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def providers(settings: Settings, oauth_server: OAuthServer) -> None:
    configure(settings, example=oauth_server.entry())


def configure(settings: Settings, **entries: dict[str, Any]) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": entries,
    }


@pytest.fixture
def account(folder: EmailFolderPage) -> MailAccount:
    """An account that signs in at the server, and has not yet."""
    return factories.account(folder, login=Login.OAUTH2.value, oauth_provider="example")


def sign_in(account: MailAccount, server: OAuthServer, user: str = "ada") -> oauth.Tokens:
    """Sign `user` in for `account`; return what the provider gave."""
    given = server.sign_in(user)
    tokens.keep_sign_in(account, tokens.provider_of(account), given, None)
    return given


def let_end(account: MailAccount, seconds: float = 30) -> None:
    """Have the stored access token end in a moment."""
    soon = timezone.now() + timedelta(seconds=seconds)
    OAuthGrant.objects.filter(account=account).update(access_expires_at=soon)


# -- one at a time ---------------------------------------------------------------------------


def test_a_token_that_is_good_is_used_again(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    given = sign_in(account, oauth_server)

    assert tokens.access_token(account) == given.access_token
    assert endpoint_of(account).secret == given.access_token
    assert oauth_server.refreshed_with == []


def test_a_token_that_is_about_to_end_is_renewed_and_its_replacement_kept(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    given = sign_in(account, oauth_server)
    seen = {given.access_token}
    for _ in range(3):
        let_end(account)
        seen.add(tokens.access_token(account))

    assert len(seen) == 4
    # Strictly rotated: each was used once, the first of them being the sign-in's.
    assert len(set(oauth_server.refreshed_with)) == len(oauth_server.refreshed_with) == 3
    assert oauth_server.refreshed_with[0] == given.refresh_token


@on_several_connections
def test_whoever_comes_meanwhile_takes_what_the_first_one_got(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    oauth_server.delay = 0.4
    found = at_once(4, lambda: tokens.access_token(account))

    assert len(oauth_server.refreshed_with) == 1
    assert found == [oauth_server.tokens[-1].access_token] * 4


@on_several_connections
def test_the_replacement_is_committed_before_the_token_is_used(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    token = tokens.access_token(account)

    # Another connection, as another worker has; this one is killed before it uses the token.
    [found] = at_once(1, lambda: tokens.access_token(account))

    assert found == token
    assert len(oauth_server.refreshed_with) == 1


def test_a_worker_that_is_killed_when_it_has_stored_loses_nothing(
    account: MailAccount, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    keep = tokens._keep

    def killed(*args: Any) -> bool:
        keep(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            tokens.access_token(account)
    # Nor did it give its claim free.
    claim_for(account, timedelta(minutes=5))

    assert tokens.access_token(account) == oauth_server.tokens[-1].access_token
    assert len(oauth_server.refreshed_with) == 1


def test_a_worker_that_is_killed_before_it_has_stored_has_somebody_sign_in_again(
    account: MailAccount, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(account, oauth_server)
    let_end(account)

    def killed(*args: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            tokens.access_token(account)

    # What the provider gave is known to nobody, and what is stored it takes no more.
    with pytest.raises(SignInNeeded):
        tokens.access_token(account)
    assert OAuthGrant.objects.get().problem_code == "SignInNeeded"
    given = sign_in(account, oauth_server)
    assert tokens.access_token(account) == given.access_token


@on_several_connections
def test_the_claim_of_a_worker_that_was_killed_ends(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    claim_for(account, timedelta(seconds=1))

    assert tokens.access_token(account) == oauth_server.tokens[-1].access_token
    assert len(oauth_server.refreshed_with) == 1


def test_a_claim_that_does_not_end_is_not_waited_for_without_end(
    account: MailAccount, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    claim_for(account, timedelta(minutes=5))
    monkeypatch.setattr(tokens, "_PATIENCE", 0.3)

    with pytest.raises(ProviderUnreachable):
        tokens.access_token(account)
    assert oauth_server.refreshed_with == []


def test_a_database_that_is_locked_for_a_moment_loses_no_token(
    account: MailAccount, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    refresh, atomic = oauth.refresh, transaction.atomic
    locked: list[bool] = []

    def refreshed(*args: Any, **kwargs: Any) -> oauth.Tokens:
        locked.append(True)
        return refresh(*args, **kwargs)

    def begun(*args: Any, **kwargs: Any) -> Any:
        if locked:
            locked.clear()
            raise OperationalError("database is locked")
        return atomic(*args, **kwargs)

    monkeypatch.setattr(tokens, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(oauth, "refresh", refreshed)
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "atomic", begun)
        token = tokens.access_token(account)

    assert tokens.access_token(account) == token == oauth_server.tokens[-1].access_token


@on_several_connections
def test_a_sign_in_during_a_renewal_wins(account: MailAccount, oauth_server: OAuthServer) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    again = oauth_server.sign_in("ada")
    oauth_server.delay = 0.6
    renewing = threading.Thread(target=quietly, args=[lambda: tokens.access_token(account)])
    renewing.start()
    while not oauth_server.refreshed_with:
        assert renewing.is_alive()
    tokens.keep_sign_in(account, tokens.provider_of(account), again, None)
    renewing.join()

    assert tokens.access_token(account) == again.access_token


def at_once(number: int, work: Callable[[], T]) -> list[T]:
    """Do `work` in so many threads, each with a connection of its own; return the results."""
    results: list[T] = []
    ready = threading.Barrier(number)

    def each() -> None:
        ready.wait()
        results.append(work())

    threads = [threading.Thread(target=quietly, args=[each]) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def quietly(work: Callable[[], object]) -> None:
    try:
        with suppress(MailArchiveError):
            work()
    finally:
        connections.close_all()


def claim_for(account: MailAccount, time: timedelta) -> None:
    OAuthGrant.objects.filter(account=account).update(claimed_until=timezone.now() + time)


# -- what ends a sign-in ---------------------------------------------------------------------


def test_nobody_has_signed_in_yet(account: MailAccount) -> None:
    assert not tokens.is_signed_in(account)
    with pytest.raises(SignInNeeded):
        endpoint_of(account)


def test_a_sign_in_that_was_taken_back_is_not_tried_again(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    oauth_server.revoke()
    let_end(account)
    for _ in range(3):
        with pytest.raises(SignInNeeded):
            tokens.access_token(account)

    grant = OAuthGrant.objects.get(account=account)
    assert (grant.problem_code, grant.claimed_until) == ("SignInNeeded", None)
    assert len(oauth_server.refreshed_with) == 1
    assert not tokens.is_signed_in(account)

    again = sign_in(account, oauth_server)
    assert tokens.is_signed_in(account)
    assert tokens.access_token(account) == again.access_token


def test_a_provider_that_is_down_ends_nothing(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    let_end(account)
    oauth_server.instead.append((503, "", {}))
    with pytest.raises(ProviderUnreachable):
        tokens.access_token(account)

    assert tokens.is_signed_in(account)
    assert tokens.access_token(account) == oauth_server.tokens[-1].access_token


def test_a_sign_in_that_ends_in_an_hour_is_none(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    oauth_server.gives_refresh_tokens = False

    with pytest.raises(SignInNotLasting):
        sign_in(account, oauth_server)
    assert not OAuthGrant.objects.exists()


def test_the_end_of_a_refresh_token_is_kept_where_it_is_told(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    given = oauth_server.sign_in("ada")
    week = oauth.Tokens(given.access_token, given.refresh_token, 3600, 604_800)
    tokens.keep_sign_in(account, tokens.provider_of(account), week, None)

    ends = OAuthGrant.objects.get(account=account).refresh_expires_at
    assert ends is not None
    assert timedelta(days=6) < ends - timezone.now() <= timedelta(days=7)


def test_a_sign_in_at_another_provider_counts_for_nothing(
    account: MailAccount, oauth_server: OAuthServer, settings: Settings
) -> None:
    sign_in(account, oauth_server)
    configure(settings, example=oauth_server.entry(), other=oauth_server.entry())
    account.oauth_provider = "other"
    account.save()

    with pytest.raises(SignInNeeded):
        tokens.access_token(account)
    account.oauth_provider = "unknown"
    with pytest.raises(ProviderNotConfigured):
        tokens.access_token(account)


def test_ending_a_sign_in_forgets_its_tokens(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    tokens.end_sign_in(account)

    with pytest.raises(SignInNeeded):
        tokens.access_token(account)


# -- the site itself is let in ---------------------------------------------------------------


def test_the_site_is_let_in_without_anybody(
    account: MailAccount, oauth_server: OAuthServer, settings: Settings
) -> None:
    configure(settings, example=oauth_server.entry(flow="client_credentials", hosts=[HOST]))

    assert tokens.is_signed_in(account)
    first = tokens.access_token(account)
    assert tokens.access_token(account) == first
    let_end(account)
    second = tokens.access_token(account)

    assert second != first
    assert [form["grant_type"] for form in oauth_server.asked] == ["client_credentials"] * 2


def test_the_site_is_refused(
    account: MailAccount, oauth_server: OAuthServer, settings: Settings
) -> None:
    entry = oauth_server.entry(flow="client_credentials", hosts=[HOST], client_secret="wrong")
    configure(settings, example=entry)

    with pytest.raises(ProviderRefused):
        tokens.access_token(account)


def test_no_token_is_got_for_a_server_that_is_not_the_providers(
    account: MailAccount, oauth_server: OAuthServer, settings: Settings
) -> None:
    for entry in (
        oauth_server.entry(flow="client_credentials", hosts=[HOST]),
        oauth_server.entry(hosts=[HOST]),
    ):
        configure(settings, example=entry)
        account.host = "imap.elsewhere.example"
        with pytest.raises(ServerNotOfProvider):
            endpoint_of(account)
        account.host = f"{HOST.upper()}."
        assert tokens.provider_of(account).serves(account.host)
    assert not oauth_server.asked


# -- secrets ---------------------------------------------------------------------------------


def test_tokens_are_sealed_for_one_account_and_one_server(
    account: MailAccount, oauth_server: OAuthServer, folder: EmailFolderPage
) -> None:
    sign_in(account, oauth_server)
    other = factories.account(folder, login=Login.OAUTH2.value, oauth_provider="example")
    OAuthGrant.objects.filter(account=account).update(account=other)
    with pytest.raises(TokenUnreadable):
        tokens.access_token(other)

    sign_in(account, oauth_server)
    account.host = "imap.attacker.example"
    with pytest.raises(TokenUnreadable):
        tokens.access_token(account)


def test_an_access_token_is_never_taken_for_a_refresh_token(
    account: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(account, oauth_server)
    grant = OAuthGrant.objects.get(account=account)
    grant.sealed_refresh_token = grant.sealed_access_token
    grant.save()
    let_end(account)

    with pytest.raises(TokenUnreadable):
        tokens.access_token(account)
    assert oauth_server.refreshed_with == []


def test_no_token_leaks(
    account: MailAccount, oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    given = sign_in(account, oauth_server)
    let_end(account)
    renewed = tokens.access_token(account)
    grant = OAuthGrant.objects.get(account=account)
    dumped = StringIO()
    call_command("dumpdata", "wagtail_mailarchive", stdout=dumped)

    # What the provider itself logs, in this same process, is no log of ours.
    here = threading.current_thread().name, "mailarchive-oauth"
    logged = [record.getMessage() for record in caplog.records if record.threadName in here]
    shown = [*logged, dumped.getvalue(), repr(grant), repr(pickle.dumps(grant))]
    shown += [repr(endpoint_of(account)), str(vars(tokens.provider_of(account)).keys())]
    for secret in (given.access_token, given.refresh_token, renewed, CLIENT_SECRET):
        assert not [text for text in shown if secret in text]
    assert grant.sealed_access_token not in repr(pickle.dumps(grant))


# -- whole runs on a real mail server --------------------------------------------------------


@pytest.fixture(params=["imap", "pop3"])
def reaching(
    request: pytest.FixtureRequest, folder: EmailFolderPage, oauth_dovecot: Dovecot
) -> MailAccount:
    """An account on a Dovecot that takes tokens, over IMAP and POP3."""
    user = oauth_dovecot.create_user(f"user{next(_users)}")
    oauth_dovecot.deliver(user, factories.raw("First").replace(b"\n", b"\r\n"))
    endpoint = oauth_dovecot.endpoint(user, protocol=request.param)
    made = factories.account(
        folder,
        endpoint,
        protocol=request.param,
        login=Login.OAUTH2.value,
        oauth_provider="example",
    )
    # What is stored beside the tokens must not be what lets in.
    made.set_secret("no password of anybody")
    made.save()
    return made


def test_mail_is_fetched_with_tokens_that_are_renewed_on_the_way(
    reaching: MailAccount, oauth_server: OAuthServer, oauth_dovecot: Dovecot
) -> None:
    oauth_server.expires_in = 30
    sign_in(reaching, oauth_server, reaching.username)

    assert fetch_now(reaching).run.status == RunStatus.SUCCEEDED
    oauth_dovecot.deliver(reaching.username, factories.raw("Second").replace(b"\n", b"\r\n"))
    assert fetch_now(reaching).run.status == RunStatus.SUCCEEDED

    assert reaching.folder.messages.count() == 2
    assert len(set(oauth_server.refreshed_with)) == len(oauth_server.refreshed_with) == 2


def test_a_token_that_ends_in_the_middle_of_a_run_is_renewed_for_the_next_connection(
    reaching: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(reaching, oauth_server, reaching.username)
    opened, _ = open_run(reaching, trigger=Trigger.HAND)

    assert run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES
    for token in oauth_server.tokens:
        token.ends = 0
    let_end(reaching, seconds=-1)
    while run.work_on(opened.pk) is run.Verdict.CONTINUES:
        pass

    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.SUCCEEDED, 1)


def test_a_token_that_the_mail_server_rejects_is_not_used_again(
    reaching: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(reaching, oauth_server, reaching.username)
    for token in oauth_server.tokens:
        token.ends = 0

    failed = fetch_now(reaching).run
    assert (failed.status, failed.error_code) == (RunStatus.FAILED, "TokenRejected")
    assert fetch_now(reaching).run.status == RunStatus.SUCCEEDED


def test_a_run_without_sign_in_says_what_to_do(
    reaching: MailAccount, oauth_server: OAuthServer
) -> None:
    sign_in(reaching, oauth_server, reaching.username)
    oauth_server.revoke()
    let_end(reaching)

    failed = fetch_now(reaching).run
    assert failed.status == RunStatus.FAILED
    assert failed.error == (
        f"{reaching.name} has no valid sign-in at Example. Somebody has to sign in there again."
    )
    reaching.refresh_from_db()
    assert reaching.health.held_code == "SignInNeeded"
