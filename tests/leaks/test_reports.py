"""Reports of errors that nobody foresaw show no secret, whatever frames they passed."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from cryptography.fernet import MultiFernet
from django.core.signals import got_request_exception
from django.dispatch import Signal
from django.forms import CharField
from django.urls import reverse
from django.utils import timezone
from django.views.debug import ExceptionReporter
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import factories
from tests.leaks.finder import CLIENT, FINDER, PASSWORD, Finder
from tests.leaks.life import Browser, Unforeseen, failing_at_the_secret, filled_in, sign_in
from tests.servers.oauth import CLIENT_SECRET, OAuthServer
from wagtail_mailarchive.fetching.credentials import endpoint_of
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.tokens import keep_sign_in, provider_of
from wagtail_mailarchive.fetching.trials import request_trial, run_trial, try_values
from wagtail_mailarchive.models import MailAccount, OAuthGrant, TrialKind

pytestmark = pytest.mark.django_db


def report(request: Any = None, error: Any = None) -> str:
    """Return what Django would mail to the administrators of `error`, or of the present one."""
    reporter = ExceptionReporter(request, *(error or sys.exc_info()))
    return str(reporter.get_traceback_text() + reporter.get_traceback_html())


def report_of(work: Callable[[], object]) -> str:
    """Do what raises Unforeseen and return its report."""
    try:
        work()
    except Unforeseen:
        return report()
    raise AssertionError("nothing was raised")


def test_a_report_of_a_fetch_that_fails_at_the_login_shows_no_secret(
    account: MailAccount, caplog: pytest.LogCaptureFixture
) -> None:
    with failing_at_the_secret():
        fetch_now(account)
    [error] = [record.exc_info for record in caplog.records if record.exc_info]
    told = report(error=error)
    assert "failing_at_the_secret" in told
    assert not FINDER.names_in(told)


@pytest.mark.parametrize("kind", TrialKind)
def test_a_report_of_a_trial_that_fails_at_the_login_shows_no_secret(
    account: MailAccount,
    kind: TrialKind,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    trial = request_trial(account, kind, factories.superuser())
    with failing_at_the_secret():
        told = report_of(lambda: run_trial(trial.pk))
    assert "failing_at_the_secret" in told
    assert not FINDER.names_in(told)


def test_a_report_of_a_test_of_typed_values_shows_no_secret(account: MailAccount) -> None:
    endpoint, user = account.endpoint(), factories.superuser()
    with failing_at_the_secret():
        told = report_of(lambda: try_values(endpoint, account.protocol, user))
    assert "failing_at_the_secret" in told
    assert not FINDER.names_in(told)


@pytest.fixture
def signed_in(settings: Settings, oauth_server: OAuthServer) -> Iterator[MailAccount]:
    """An account that somebody signed in for at a provider that fails from then on.

    It does so at the very moment the site sends it a secret.
    """
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": {"example": oauth_server.entry()},
    }
    account = factories.account(factories.folder(), login="oauth2", oauth_provider="example")
    given = oauth_server.sign_in("ada")
    keep_sign_in(account, provider_of(account), given, None)
    OAuthGrant.objects.update(access_expires_at=timezone.now())
    send = HTTPConnection.send

    def fail(connection: HTTPConnection, data: Any) -> None:
        if Finder(client=CLIENT_SECRET).names_in(bytes(data)):
            raise Unforeseen
        send(connection, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnection, "send", fail)
        yield account


def of_provider(server: OAuthServer) -> Finder:
    [token] = server.tokens
    return Finder(access=token.access_token, refresh=token.refresh_token, client=CLIENT_SECRET)


def test_a_report_of_a_renewal_that_fails_shows_no_token(
    signed_in: MailAccount, oauth_server: OAuthServer
) -> None:
    told = report_of(lambda: endpoint_of(signed_in))
    assert "access_token" in told
    assert not of_provider(oauth_server).names_in(told)


def test_a_report_of_a_sign_in_that_fails_shows_no_secret(
    signed_in: MailAccount, oauth_server: OAuthServer
) -> None:
    finder = of_provider(oauth_server)
    oauth_server.user = "ada"
    reports: list[str] = []
    browser = Browser(factories.superuser(), defaultdict(list))
    noting = signal_connected(got_request_exception, reporting_to(reports))
    with noting, pytest.raises(Unforeseen):
        sign_in(browser, signed_in)
    assert "redeem_code" in reports[0]
    assert not finder.names_in(reports[0])


def failing_clean(patch: pytest.MonkeyPatch) -> None:
    def fail(field: CharField, value: Any) -> str:
        if FINDER.names_in(str(value)):
            raise Unforeseen
        return str(value or "")

    patch.setattr(CharField, "to_python", fail)


def failing_encryption(patch: pytest.MonkeyPatch) -> None:
    def fail(keys: MultiFernet, plain: bytes) -> bytes:
        raise Unforeseen

    patch.setattr(MultiFernet, "encrypt", fail)


def failing_save(patch: pytest.MonkeyPatch) -> None:
    def fail(account: MailAccount, **values: Any) -> None:
        raise Unforeseen

    patch.setattr(MailAccount, "save_base", fail)


@pytest.mark.parametrize("failing", [failing_clean, failing_encryption, failing_save])
@pytest.mark.parametrize("view", ["add", "edit"])
def test_a_report_of_a_form_that_fails_shows_no_secret(
    view: str,
    failing: Callable[[pytest.MonkeyPatch], None],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": {"any": {"client_id": "us", "client_secret": CLIENT}},
    }
    [key] = settings.WAGTAIL_MAILARCHIVE["ENCRYPTION_KEYS"]
    account = factories.account(factories.folder())
    boss = Browser(factories.superuser(), defaultdict(list))
    address = reverse(f"mailarchive_accounts:{view}", args=[account.pk] if view == "edit" else [])
    typed = filled_in(boss, address) | {"folder": account.folder_id, "name": "Typed"}
    typed |= {"email": "typed@example.org", "host": "imap.example.org", "username": "typed"}
    reports: list[str] = []
    with signal_connected(got_request_exception, reporting_to(reports)):
        failing(monkeypatch)
        with pytest.raises(Unforeseen):
            boss.post(address, {**typed, "secret": PASSWORD})
    [text] = reports
    assert failing.__name__ in text
    assert "OAUTH_PROVIDERS" in text
    assert not FINDER.names_in(text)
    assert key not in text


def reporting_to(reports: list[str]) -> Callable[..., None]:
    def note(request: Any, **kwargs: Any) -> None:
        reports.append(report(request))

    return note


@contextlib.contextmanager
def signal_connected(signal: Signal, receiver: Callable[..., None]) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)
