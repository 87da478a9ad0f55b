"""What happens after the fetch, chosen in Chromium: limits, confirmation, and being signed out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.account_values import reaching
from tests.admin.conftest import manager_of
from tests.admin.test_account_browser import RESULT, pictured, type_in
from tests.axe import Violations
from tests.browser import each_window
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.exceptions import NoUidPlus
from wagtail_mailarchive.fetching.health import note_treatment
from wagtail_mailarchive.models import (
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    RunStatus,
)
from wagtail_mailarchive.models.account import AfterFetch

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
OPEN = Callable[..., Page]


@pytest.fixture
def account(chromium: Any, db: None) -> MailAccount:
    """Of one archived message, which is still on the server."""
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    account = factories.account(folder, name="Sales inbox", email="sales@example.org")
    mailbox = Mailbox.objects.create(
        account=account, folder=folder, name="INBOX", server=account.server, uidvalidity=1
    )
    [page] = factories.archive(folder, factories.raw())
    LedgerEntry.objects.create(
        mailbox=mailbox,
        uidvalidity=1,
        uid=1,
        outcome=Outcome.ARCHIVED,
        decided_at=timezone.now(),
        message=page,
        original=page.original,
    )
    return account


def choose(tab: Page, value: str) -> None:
    tab.check(f"[name=after_fetch][value={value}]")


@each_window
def test_deletion_is_explained_confirmed_and_told(
    width: int, scheme: str, account: MailAccount, tab_of: OPEN, axe: Violations
) -> None:
    tab = tab_of(
        manager_of(account.folder),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    look = f"{width}-{scheme}"

    def fits() -> bool:
        return bool(tab.evaluate("document.documentElement.scrollWidth") <= width)

    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    expect(tab.locator("[name=after_fetch_days]")).to_be_disabled()
    choose(tab, "move")
    expect(tab.locator("[name=move_to]")).to_be_enabled()
    choose(tab, "delete")
    expect(tab.locator("[name=move_to]")).to_be_disabled()
    tab.fill("[name=after_fetch_days]", "7")
    pictured(tab, f"afterwards-{look}")
    tab.click("button:has-text('Save')")
    confirm = tab.locator("[name=confirm_address]")
    # Whoever reads with the keyboard or a screen reader is where the answer is wanted.
    expect(confirm).to_be_focused()
    told = tab.locator("#mailarchive-consequences")
    expect(told).to_contain_text(
        "0 messages that are archived will be deleted with the next fetch."
    )
    expect(told).to_contain_text("1 more will be deleted when its days have passed.")
    pictured(tab, f"afterwards-confirm-{look}")
    assert axe(tab) == []
    assert fits()
    confirm.fill("sales@example.org")
    tab.click("button:has-text('Save')")
    expect(tab.locator(".messages")).to_contain_text("is saved")
    account.refresh_from_db()
    assert (account.after_fetch, account.after_fetch_days) == (AfterFetch.DELETE, 7)
    note_treatment(account.pk, NoUidPlus(host=account.host))
    run = factories.fetch_run(
        account,
        RunStatus.SUCCEEDED,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        deleted=3,
        anomaly_code="ConnectionDropped",
        anomaly_params={"host": account.host},
    )
    for name, address in {
        "clone": reverse("mailarchive_clone_account"),
        "run-deleting": reverse("mailarchive_fetch_run", args=[run.pk]),
        "index-deleting": reverse("mailarchive_accounts:index"),
    }.items():
        tab.goto(address)
        pictured(tab, f"{name}-{look}")
        assert axe(tab) == [], name
        assert fits(), name


def test_what_the_protocol_lacks_follows_it_at_once(account: MailAccount, tab_of: OPEN) -> None:
    tab = tab_of(manager_of(account.folder))
    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    choose(tab, "move")
    tab.select_option("[name=connection]", "pop3s")
    for value in ("mark_read", "move"):
        expect(tab.locator(f"[name=after_fetch][value={value}]")).to_be_disabled()
    expect(tab.locator("#id_after_fetch_1-reason")).to_contain_text("POP3 can only delete.")
    expect(tab.locator("[name=after_fetch][value=leave]")).to_be_checked()
    expect(tab.locator("[name=after_fetch][value=delete]")).to_be_enabled()
    tab.select_option("[name=connection]", "imaps")
    expect(tab.locator("[name=after_fetch][value=move]")).to_be_enabled()
    expect(tab.locator("#id_after_fetch_1-reason")).to_be_hidden()
    note = tab.locator("[data-mailarchive-account-target=gmail]")
    expect(note).to_be_hidden()
    tab.fill("[name=host]", "imap.gmail.com")
    expect(note).to_contain_text("the message stays in All Mail")


def test_a_test_offers_mailboxes_with_what_they_are_for(
    account: MailAccount, tab_of: OPEN, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.create_mailbox(mail_user, "Müll")
    tab = tab_of(manager_of(account.folder))
    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    type_in(tab, reaching(dovecot.endpoint(mail_user)))
    tab.click("text=Test connection")
    expect(tab.locator(RESULT)).to_contain_text("The connection works.", timeout=30_000)
    listed = tab.locator("#id_move_to-listed option[value=Müll]")
    assert listed.count() == 1
    expect(tab.locator(".mailarchive-picker label:has-text('Müll')")).to_be_visible()


def test_whoever_is_signed_out_meanwhile_is_told(account: MailAccount, tab_of: OPEN) -> None:
    tab = tab_of(manager_of(account.folder))
    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    tab.context.clear_cookies(name="sessionid")
    tab.click("button:has-text('Test connection')")
    expect(tab.locator(RESULT)).to_have_text("You are signed out. Sign in again.")
