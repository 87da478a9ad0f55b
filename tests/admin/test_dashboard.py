"""Wagtail's dashboard: alerts for those who manage the accounts, and nothing when all is well."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from wagtail_mailarchive.fetching import alerts
from wagtail_mailarchive.models import (
    AccountHealth,
    ArchiveSiteSettings,
    MailAccount,
    WorkerHeartbeat,
)

pytestmark = pytest.mark.django_db
HEADING = "Mail accounts that need attention"


@pytest.fixture
def account(db: None) -> MailAccount:
    WorkerHeartbeat.beat()
    return factories.account(factories.folder(title="Offers"), name="Sales inbox")


@pytest.fixture
def manager(account: MailAccount) -> Client:
    return browser_of(manager_of(account.folder.get_parent()))


def trouble(account: MailAccount) -> None:
    """Let the account's password be rejected so often that it is held, and see it."""
    AccountHealth.objects.update_or_create(
        account=account,
        defaults={
            "failures": 3,
            "held_code": "LoginRejected",
            "held_params": {"host": account.host, "username": account.username},
            "watched_since": timezone.now(),
        },
    )
    alerts.evaluate()


def dashboard(client: Client) -> str:
    return str(client.get(reverse("wagtailadmin_home")).content.decode())


def test_tells_managers_and_leads_to_the_account(account: MailAccount, manager: Client) -> None:
    trouble(account)
    html = dashboard(manager)
    assert HEADING in html
    assert "Sales inbox" in html
    assert "rejected the user name or password" in html
    assert reverse("mailarchive_accounts:edit", args=[account.pk]) in html
    assert reverse("wagtailadmin_explore", args=[account.folder_id]) in html


def test_says_nothing_when_all_is_well(account: MailAccount, manager: Client) -> None:
    assert HEADING not in dashboard(manager)
    trouble(account)
    MailAccount.objects.update(enabled=False)
    assert HEADING not in dashboard(manager)


def test_tells_no_one_else(account: MailAccount, manager: Client) -> None:
    trouble(account)
    publisher = browser_of(user_with(account.folder.get_parent(), "add", "change", "publish"))
    stranger = browser_of(manager_of(factories.workspace()))
    for client in (publisher, stranger):
        assert HEADING not in dashboard(client)


def test_tells_that_no_worker_runs_with_the_command(account: MailAccount, manager: Client) -> None:
    WorkerHeartbeat.objects.all().delete()
    assert "python manage.py qcluster" in dashboard(manager)


def test_is_silent_while_mail_archiving_is_switched_off(
    account: MailAccount, manager: Client
) -> None:
    trouble(account)
    ArchiveSiteSettings.objects.create(is_on=False)
    assert HEADING not in dashboard(manager)


def test_the_number_of_queries_is_constant(account: MailAccount, manager: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            dashboard(manager)
        return len(captured)

    trouble(account)
    queries()
    few: Any = queries()
    for _ in range(5):
        trouble(factories.account(account.folder))
    assert queries() == few
