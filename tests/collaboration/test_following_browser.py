"""Following, as somebody does it: from the folder's page to the click that ends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from tests import factories
from tests.axe import Violations
from tests.browser import each_window
from tests.servers.dovecot import Dovecot
from tests.servers.smtp import SmtpSink
from wagtail_mailarchive import tasks
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import Follow

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@each_window
def test_somebody_follows_gets_a_mail_and_ends_it(
    tab_of: Callable[..., Page],
    axe: Violations,
    settings: Settings,
    dovecot: Dovecot,
    mail_user: str,
    width: int,
    scheme: Any,
) -> None:
    reader = factories.user(email="reader@example.org")
    folder = factories.folder(title="Sales")
    factories.archive(folder, factories.raw("Old"))
    tab = tab_of(reader, viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.goto(folder.url)
    tab.get_by_role("link", name="Follow by mail").click()
    assert axe(tab) == []
    tab.get_by_label("comments").press("Space")
    tab.get_by_role("button", name="Follow", exact=True).press("Enter")
    expect(tab.get_by_role("status")).to_contain_text("You follow “Sales”.")
    assert axe(tab) == []
    account = factories.account(folder, dovecot.endpoint(mail_user))
    dovecot.deliver(mail_user, factories.raw("Offer"))
    with SmtpSink() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        fetch_now(account)
        tasks.tell_followers()
        # The account archives what is sent to its mailbox, this mail too, and tells nobody of it.
        dovecot.deliver(mail_user, sink.raw[0])
        assert fetch_now(account).run.archived == 1
        tasks.tell_followers()
        [mail] = sink.mails
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Offer" in text.get_content()
    found = re.search(r"<http://localhost(/[^>]+)>", mail["List-Unsubscribe"])
    assert found
    tab.goto(found[1])
    assert axe(tab) == []
    tab.get_by_role("button", name="Stop following").click()
    expect(tab.get_by_role("status")).to_contain_text("You do not follow it any more.")
    assert not Follow.objects.exists()
    tab.goto(f"{folder.url}activity/")
    expect(tab.get_by_text("3 messages came")).to_be_visible()
    assert axe(tab) == []
