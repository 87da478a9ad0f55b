"""The panel of mail accounts on a folder's form."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import Revision

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from wagtail_mailarchive.models import EmailFolderPage
from wagtail_mailarchive.models.site_settings import ArchiveSiteSettings

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


def page_of(client: Client, folder: EmailFolderPage) -> str:
    response = client.get(reverse("wagtailadmin_pages:edit", args=[folder.pk]))
    assert response.status_code == 200
    return str(response.content.decode())


def test_a_folder_without_accounts_leads_to_the_form_that_connects_one(
    folder: EmailFolderPage,
) -> None:
    html = page_of(browser_of(manager_of(folder)), folder)
    assert "No mail account is connected to this folder yet." in html
    assert f"{reverse('mailarchive_accounts:add')}?folder={folder.pk}" in html


def test_each_account_is_there_with_its_condition_and_buttons(folder: EmailFolderPage) -> None:
    first = factories.account(folder, name="Sales inbox", verified_at=timezone.now())
    second = factories.account(folder, name="Untested", enabled=False)
    third = factories.account(folder, name="Off", enabled=False, verified_at=timezone.now())
    factories.account(factories.folder(), name="Of another folder")
    html = page_of(browser_of(manager_of(folder)), folder)
    assert "Sales inbox" in html
    assert "Of another folder" not in html
    assert "no worker is running" in html
    for name, account in (
        ("mailarchive_disable_account", first),
        ("mailarchive_fetch_account", first),
        ("mailarchive_dry_run", first),
        ("mailarchive_accounts:edit", second),
        ("mailarchive_enable_account", third),
    ):
        assert reverse(name, args=[account.pk]) in html
    # What was never tested leads to the test.
    assert reverse("mailarchive_enable_account", args=[second.pk]) not in html
    assert reverse("mailarchive_accounts:edit", args=[second.pk]) + "#mailarchive-test" in html
    assert reverse("mailarchive_fetch_account", args=[second.pk]) not in html


def test_others_learn_whom_to_ask(folder: EmailFolderPage) -> None:
    creator = factories.user(first_name="Zoe", last_name="Connector")
    account = factories.account(folder, name="Sales inbox", created_by=creator)
    factories.account(folder, name="Old inbox")
    html = page_of(browser_of(user_with(folder, "change")), folder)
    assert "“Sales inbox” was connected by" in html
    assert "ask them to change it" in html
    assert "“Old inbox” is connected; ask an administrator to change it." in html
    assert account.host not in html
    assert reverse("mailarchive_accounts:edit", args=[account.pk]) not in html
    assert reverse("mailarchive_accounts:add") not in html
    # Who has left cannot be asked.
    creator.is_active = False
    creator.save()
    html = page_of(browser_of(user_with(folder, "change")), folder)
    assert "“Sales inbox” is connected; ask an administrator to change it." in html


def test_saving_a_folder_keeps_accounts_out_of_its_revisions(folder: EmailFolderPage) -> None:
    account = factories.account(folder, name="Sales inbox")
    address = reverse("wagtailadmin_pages:edit", args=[folder.pk])
    sent = {
        "title": "Renamed",
        "slug": folder.slug,
        "description": "",
        "comments-TOTAL_FORMS": 0,
        "comments-INITIAL_FORMS": 0,
    }
    assert browser_of(manager_of(folder)).post(address, sent).status_code == 302
    content = str(Revision.objects.get(object_id=str(folder.pk)).content)
    assert "Renamed" in content
    for secret in (account.name, account.host, account.username, account.sealed_secret):
        assert secret not in content


def test_it_is_not_there_while_archiving_is_switched_off(
    boss: Client, folder: EmailFolderPage
) -> None:
    factories.account(folder, name="Sales inbox")
    ArchiveSiteSettings.objects.create(is_on=False)
    assert "Sales inbox" not in page_of(boss, folder)


def test_it_takes_as_many_queries_for_many_accounts(boss: Client, folder: EmailFolderPage) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page_of(boss, folder)
        return len(captured)

    factories.account(folder)
    queries()
    few = queries()
    for _number in range(5):
        factories.account(folder, verified_at=timezone.now())
    assert queries() == few
