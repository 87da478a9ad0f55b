"""Credentials that end while mail is being fetched.

Tokens that end, or are replaced and lost, are tested in tests/fetching/test_tokens.py.
"""

from __future__ import annotations

import pytest

from tests import factories
from tests.fetching.test_faults import mail, mailbox
from tests.servers.certificates import Authority
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, MailAccount, RunStatus
from wagtail_mailarchive.sources.base import Security

pytestmark = pytest.mark.django_db


def test_a_certificate_that_ended_between_two_runs_gets_no_password_and_the_mail_stays(
    folder: EmailFolderPage, authority: Authority
) -> None:
    whole = {uid: mail(uid) for uid in range(1, 3)}
    good = authority.issue("localhost", addresses=("127.0.0.1",))
    ended = authority.issue("localhost", addresses=("127.0.0.1",), expired=True)
    with ScriptedServer(mailbox(dict(whole)), good, implicit_tls=True) as server:
        endpoint = server.endpoint(
            Security.TLS, host="localhost", ca_certificate=authority.certificate
        )
        account = factories.account(folder, endpoint)
        assert fetch_now(account).run.archived == 2

    def nothing_is_said(talk: Talk) -> None:
        talk.line()
        raise AssertionError("a password was sent")

    with ScriptedServer(nothing_is_said, ended, implicit_tls=True) as server:
        at(account, server)
        run = fetch_now(account).run
        assert (run.status, run.error_code) == (RunStatus.FAILED, "CertificateExpired")
    assert EmailMessagePage.objects.count() == 2
    whole[3] = mail(3)
    with ScriptedServer(mailbox(dict(whole)), good, implicit_tls=True) as server:
        at(account, server)
        run = fetch_now(account).run
    assert (run.status, run.archived) == (RunStatus.SUCCEEDED, 1), run.error


def at(account: MailAccount, server: ScriptedServer) -> None:
    """Reach the same account at the port of another process."""
    account.port = server.port
    account.set_secret(server.endpoint().secret)
    account.save()
