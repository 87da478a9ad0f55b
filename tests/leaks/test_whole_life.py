"""No password or token is seen anywhere but on its way to its own server.

Not in logs, queue, mails, pages, exports, dumps, nor in any table.
"""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests import factories
from tests.leaks.finder import FINDER, WRONG, Finder, Seen
from tests.leaks.life import Life, failing_at_the_secret, sign_in, type_into_form, visit_everything
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import CLIENT_SECRET, OAuthServer
from wagtail_mailarchive import tasks
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.trials import try_values
from wagtail_mailarchive.models import MailAccount, OAuthGrant, RunStatus, TrialKind

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_no_password_is_seen_in_the_whole_life_of_an_account(
    account: MailAccount, life: Life, seen: Seen, capfd: pytest.CaptureFixture[str]
) -> None:
    with life.watched(capfd):
        type_into_form(life.browser, account)
        assert try_values(account.endpoint(), account.protocol, life.boss).result["passed"]
        assert life.try_out(account) == [True] * len(TrialKind)
        assert life.fetch(account).archived == 3
        visit_everything(life.browser, account)
        with failing_at_the_secret():
            assert life.fetch(account).error_code == "UnexpectedFetchError"
        # And all that goes wrong with a wrong one.
        account.set_secret(WRONG)
        account.save()
        for _ in range(3):
            fetch_now(MailAccount.objects.get(pk=account.pk))
        assert life.try_out(account) == [False] * len(TrialKind)
        life.later(tasks.dispatch)
        visit_everything(life.browser, account)
        life.remove(account)
    assert FINDER.leaks(seen) == {}


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_no_token_is_seen_in_the_whole_life_of_a_sign_in(
    protocol: str,
    life: Life,
    seen: Seen,
    settings: Settings,
    oauth_server: OAuthServer,
    oauth_dovecot: Dovecot,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": {"example": oauth_server.entry()},
    }
    oauth_server.user = oauth_dovecot.create_user(f"leaks-{protocol}")
    oauth_dovecot.deliver(oauth_server.user, factories.raw().replace(b"\n", b"\r\n"))
    account = factories.account(
        factories.folder(title="Offers"),
        oauth_dovecot.endpoint(oauth_server.user, protocol=protocol),
        **{"protocol": protocol, "login": "oauth2", "oauth_provider": "example"},
    )
    with life.watched(capfd):
        sign_in(life.browser, account)
        assert life.try_out(account) == [True] * len(TrialKind)
        assert life.fetch(account).archived == 1
        OAuthGrant.objects.update(access_expires_at=timezone.now())
        assert life.fetch(account).status == RunStatus.SUCCEEDED
        assert len(oauth_server.refreshed_with) == 1
        visit_everything(life.browser, account)
        with failing_at_the_secret(Finder(token=oauth_server.tokens[-1].access_token)):
            assert life.fetch(account).error_code == "UnexpectedFetchError"
        oauth_server.revoke()
        OAuthGrant.objects.update(access_expires_at=timezone.now())
        assert life.fetch(account).error_code == "SignInNeeded"
        assert life.try_out(account) == [False] * len(TrialKind)
        life.later(tasks.dispatch)
        visit_everything(life.browser, account)
        life.remove(account)
    given = oauth_server.tokens
    secrets = {f"access {n}": token.access_token for n, token in enumerate(given)}
    secrets |= {f"refresh {n}": token.refresh_token for n, token in enumerate(given)}
    assert len(given) == 2
    assert Finder(**secrets, client=CLIENT_SECRET).leaks(seen) == {}
