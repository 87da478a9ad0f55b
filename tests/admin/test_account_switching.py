"""Enabling, disabling and removing: what is said before, in numbers, and what is done then."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from tests import factories
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    MailAccount,
    Mailbox,
    Outcome,
    RunStatus,
)
from wagtail_mailarchive.models.ledger import LedgerEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def account(folder: EmailFolderPage) -> MailAccount:
    """Two messages archived, one waiting, a fetch under way."""
    account = factories.account(folder, name="Sales inbox", verified_at=timezone.now())
    factories.archive(folder, factories.raw("One"), factories.raw("Two"))
    Mailbox.objects.update(account=account)
    LedgerEntry.objects.create(
        mailbox=Mailbox.objects.get(), uidvalidity=1, uid=10**6, outcome=Outcome.WAITING
    )
    factories.fetch_run(account, RunStatus.RUNNING)
    return account


def address_of(name: str, account: MailAccount) -> str:
    return reverse(f"mailarchive_{name}_account", args=[account.pk])


def test_disabling_says_what_stops_and_what_stays(boss: Client, account: MailAccount) -> None:
    html = boss.get(address_of("disable", account)).content.decode()
    assert "Disable “Sales inbox”?" in html
    assert "The fetch under way stops after the messages it has in hand." in html
    assert "1 message that waits on the server is not fetched." in html
    assert "2 messages archived from it stay in “Offers”." in html
    account.refresh_from_db()
    assert account.enabled


def test_disabling_and_enabling_are_logged(boss: Client, account: MailAccount) -> None:
    for name, enabled in (("disable", False), ("enable", True)):
        response = boss.post(address_of(name, account))
        assert response.headers["Location"] == reverse(
            "mailarchive_accounts:edit", args=[account.pk]
        )
        account.refresh_from_db()
        assert account.enabled is enabled
        # A second click changes nothing and notes nothing.
        boss.post(address_of(name, account))
    actions = list(ModelLogEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["mailarchive.disable_account", "mailarchive.enable_account"]
    history = boss.get(reverse("mailarchive_accounts:history", args=[account.pk]))
    assert "Disabled" in history.content.decode()


def test_enabling_says_what_begins(boss: Client, account: MailAccount) -> None:
    MailAccount.objects.update(enabled=False)
    html = boss.get(address_of("enable", account)).content.decode()
    assert "Its mail is fetched within the next minute" in html
    assert "1 message is known to wait on the server." in html


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_was_not_tested_is_not_enabled(
    method: str, boss: Client, account: MailAccount
) -> None:
    MailAccount.objects.update(enabled=False, verified_at=None)
    response = getattr(boss, method)(address_of("enable", account), follow=True)
    assert "can be enabled once a test of its connection has passed" in response.content.decode()
    account.refresh_from_db()
    assert not account.enabled


def test_removing_says_what_stays_and_keeps_it(boss: Client, account: MailAccount) -> None:
    address = reverse("mailarchive_accounts:delete", args=[account.pk])
    html = boss.get(address).content.decode()
    assert "Remove “Sales inbox”?" in html
    assert "2 messages archived from it stay in “Offers”." in html
    assert "1 message that waits on the server is not fetched." in html
    assert "Nothing changes on the server." in html
    assert boss.post(address).status_code == 302
    assert not MailAccount.objects.exists()
    assert EmailMessagePage.objects.count() == 2


def test_a_click_leads_back_to_where_it_was_made(boss: Client, account: MailAccount) -> None:
    explorer = reverse("wagtailadmin_explore", args=[account.folder_id])
    address = address_of("disable", account)
    assert (
        f'name="next" value="{explorer}"' in boss.get(f"{address}?next={explorer}").content.decode()
    )
    response = boss.post(address, {"next": explorer})
    assert response.headers["Location"] == explorer
    response = boss.post(address, {"next": "https://evil.example/"})
    assert response.headers["Location"].startswith("/admin/mailarchive/")
