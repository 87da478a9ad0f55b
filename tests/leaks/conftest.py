"""An account of a real server, and what was seen of it."""

from __future__ import annotations

from collections import defaultdict

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import factories
from tests.leaks.finder import PASSWORD, Seen
from tests.leaks.life import Life
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.models import MailAccount


@pytest.fixture
def seen() -> Seen:
    """Channel -> all that was seen there."""
    return defaultdict(list)


@pytest.fixture(params=["imap", "pop3"])
def account(request: pytest.FixtureRequest, dovecot: Dovecot, mail_user: str) -> MailAccount:
    """An account of a real server whose password is PASSWORD, with three messages."""
    user = dovecot.create_user(f"{mail_user}-{request.param}", PASSWORD)
    for number in range(3):
        dovecot.deliver(user, factories.raw(f"Message {number}").replace(b"\n", b"\r\n"))
    endpoint = dovecot.endpoint(user)
    made = factories.account(factories.folder(title="Offers"), endpoint)
    if request.param == "pop3":
        made.protocol, made.port = "pop3", dovecot.pop3s
    made.verified_at = timezone.now()
    made.set_secret(PASSWORD)
    made.save()
    return made


@pytest.fixture
def life(
    seen: Seen, db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Life:
    return Life(seen, django_capture_on_commit_callbacks)
