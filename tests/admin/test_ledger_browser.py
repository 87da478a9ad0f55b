"""Ledger, quarantine and “Where is my mail?” in Chromium: narrow, without script, accessible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.conftest import manager_of
from tests.admin.ledger_rows import entry, enveloped, mailbox_of, one_of_each
from tests.axe import Violations
from tests.browser import each_window
from wagtail_mailarchive.models import (
    LedgerEntry,
    MailAccount,
    Mailbox,
    Original,
    Outcome,
    WorkerHeartbeat,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
MAIN = "main"
Tab = Callable[..., Page]


@pytest.fixture
def account(chromium: Any) -> MailAccount:
    WorkerHeartbeat.beat()
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    account = factories.account(folder, name="Sales inbox")
    inbox = mailbox_of(account)
    one_of_each(inbox)
    [page] = factories.archive(folder, factories.raw("An offer for a house by the sea"))
    entry(inbox, Outcome.ARCHIVED, message=page, size=4_000)
    enveloped(inbox, Outcome.TOO_LARGE, "Plans of the house", size=300 * 1024 * 1024)
    original = Original.objects.create(sha256="0" * 64, size=0)
    enveloped(
        inbox, Outcome.QUARANTINED, "Broken", reason_code="ParserFailed", original=original, size=99
    )
    # One more than the ledger holds, so that it does not add up.
    Mailbox.objects.filter(pk=inbox.pk).update(exists=11)
    return account


@pytest.fixture
def manager(account: MailAccount) -> User:
    return manager_of(account.folder.get_parent())


def addresses(account: MailAccount) -> list[str]:
    ledger = reverse("mailarchive_ledger")
    return [
        f"{ledger}?account={account.pk}",
        f"{ledger}?account={account.pk}&outcome=too_large",
        reverse("mailarchive_quarantine"),
        f"{reverse('mailarchive_whereabouts')}?q=house",
    ]


@each_window
def test_no_violations_and_nothing_beyond_the_edge(
    account: MailAccount, manager: User, tab_of: Tab, axe: Violations, scheme: str, width: int
) -> None:
    tab = tab_of(manager, color_scheme=scheme, viewport={"width": width, "height": 900})
    for address in addresses(account):
        tab.goto(address)
        assert axe(tab, MAIN) == [], address
        # What is wider than the page lies in a region that scrolls.
        shown = tab.locator("main :is(select, p, h2, .button)")
        right = """(all) => Math.max(...all
            .filter((each) => !each.closest(".mailarchive-scroll"))
            .map((each) => each.getBoundingClientRect().right))"""
        assert shown.evaluate_all(right) <= width, address


def test_the_way_from_a_number_to_what_is_archived_anyway(
    account: MailAccount, manager: User, tab_of: Tab
) -> None:
    tab = tab_of(manager, java_script_enabled=False)
    tab.goto(addresses(account)[0])
    tab.get_by_role("link", name="2 too large").click()
    tab.get_by_role("checkbox", name="Choose Plans of the house").check()
    tab.get_by_role("button", name="Archive anyway").click()
    expect(tab.get_by_text("1 message is to be archived although it is large.")).to_be_visible()
    assert LedgerEntry.objects.filter(is_wanted=True, outcome=Outcome.WAITING).count() == 1


def test_the_ledger_is_narrowed_down_without_script(
    account: MailAccount, manager: User, tab_of: Tab
) -> None:
    tab = tab_of(manager, java_script_enabled=False)
    tab.goto(reverse("mailarchive_ledger"))
    tab.get_by_label("Outcome").select_option("quarantined")
    tab.get_by_role("button", name="Show").click()
    expect(tab.get_by_role("heading", name="Messages: quarantined (2)")).to_be_visible()


def test_somebody_asks_where_a_message_is(account: MailAccount, manager: User, tab_of: Tab) -> None:
    tab = tab_of(manager)
    tab.goto(reverse("wagtailadmin_explore", args=[account.folder_id]))
    tab.get_by_role("button", name="Actions").first.click()
    tab.get_by_role("link", name="Where is my mail?").last.click()
    tab.get_by_label("Message-ID, subject, sender or date").fill("house by the sea")
    tab.get_by_role("button", name="Where is it?").click()
    found = tab.get_by_role("link", name="An offer for a house by the sea")
    expect(found).to_be_visible()
    expect(tab.get_by_text("from INBOX of Sales inbox.")).to_be_visible()
