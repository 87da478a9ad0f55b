"""A folder whose account reaches a mailbox of a real server."""

from __future__ import annotations

import pytest

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.models import EmailFolderPage, MailAccount


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def account(folder: EmailFolderPage, dovecot: Dovecot, mail_user: str) -> MailAccount:
    """An account of `folder` for `mail_user` on the real Dovecot, over TLS."""
    return factories.account(folder, dovecot.endpoint(mail_user))


@pytest.fixture
def durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests' database, which would not survive a power cut, be taken for one that does."""
    monkeypatch.setattr("wagtail_mailarchive.fetching.afterwards.why_not_durable", lambda: None)
