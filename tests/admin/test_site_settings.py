"""Settings > Mail archive: what owners decide, what Django's settings fix, and the switch."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from wagtail.models import Page

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from tests.site.models import WorkspacePage
from wagtail_mailarchive.fetching.schedule import dispatch_due
from wagtail_mailarchive.models import (
    ArchiveSiteSettings,
    EmailFolderPage,
    FetchRun,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.site_settings import effective_settings, is_on

pytestmark = pytest.mark.django_db
KEYS = {
    "ENCRYPTION_KEYS": ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
    "WORKSPACE_PAGE_TYPES": ["site.WorkspacePage"],
}
FORM = {
    "is_on": "on",
    "fetch_interval": "",
    "max_message_megabytes": "",
    "new_folder_privacy": "",
    "allow_plaintext": "unknown",
    "allow_server_deletion": "unknown",
    "allowed_hosts": "",
}


@pytest.fixture
def free(settings: Any) -> None:
    """Django's settings fix nothing of what the panel offers."""
    settings.WAGTAIL_MAILARCHIVE = KEYS


def address() -> str:
    row = ArchiveSiteSettings.load()
    return reverse(
        "wagtailsettings:edit", args=["wagtail_mailarchive", row._meta.model_name, row.pk]
    )


def save(client: Client, **values: str) -> Any:
    return client.post(address(), {**FORM, **values})


def switch_off() -> None:
    ArchiveSiteSettings.objects.update_or_create(pk=1, defaults={"is_on": False})


# -- what is decided here --------------------------------------------------------------------


def test_what_is_saved_holds(boss: Client, free: None) -> None:
    response = save(
        boss,
        fetch_interval="7",
        max_message_megabytes="20",
        new_folder_privacy="groups",
        allow_plaintext="true",
        allow_server_deletion="false",
        allowed_hosts="mail.intranet\r\n10.0.0.0/8  fd00::/8\r\n",
    )
    assert response.status_code == 302
    site = effective_settings()
    assert (site.FETCH_INTERVAL, site.MAX_MESSAGE_SIZE) == (7, 20 * 1024 * 1024)
    assert (site.NEW_FOLDER_PRIVACY, site.ALLOW_PLAINTEXT) == ("groups", True)
    assert not site.ALLOW_SERVER_DELETION
    assert list(site.ALLOWED_MAIL_HOSTS) == ["mail.intranet", "10.0.0.0/8", "fd00::/8"]


def test_what_is_left_empty_follows_the_default_which_is_named(boss: Client, free: None) -> None:
    html = boss.get(address()).content.decode()
    for told in ("Empty means 30.", "Empty means 150.", "Default (No)", "Default (Yes)"):
        assert told in html
    assert "Default (administrators and the groups that can edit or publish it)" in html
    save(boss)
    assert effective_settings().FETCH_INTERVAL == 30
    assert not effective_settings().ALLOW_PLAINTEXT
    assert effective_settings().ALLOW_SERVER_DELETION


@pytest.mark.parametrize("entry", ["mail.intranet/24", "10.0.0.300", "10.0.0.1/8", "a b!c", "-x"])
def test_what_is_no_host_is_refused_and_named(entry: str, boss: Client, free: None) -> None:
    response = save(boss, allowed_hosts=entry)
    assert response.status_code == 200
    assert "is neither a host name nor a network" in response.content.decode()
    assert not effective_settings().ALLOWED_MAIL_HOSTS


@pytest.mark.parametrize("field", ["fetch_interval", "max_message_megabytes"])
def test_numbers_are_positive(field: str, boss: Client, free: None) -> None:
    for value in ("0", "-1", "x"):
        assert save(boss, **{field: value}).status_code == 200
    assert effective_settings().FETCH_INTERVAL == 30


# -- what Django's settings fix --------------------------------------------------------------


def test_what_is_fixed_is_shown_as_such_and_no_request_changes_it(
    boss: Client, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **KEYS,
        "FETCH_INTERVAL": 5,
        "ALLOW_PLAINTEXT": False,
        "ALLOW_SERVER_DELETION": False,
        "ALLOWED_MAIL_HOSTS": ["mail.intranet"],
        "NEW_FOLDER_PRIVACY": "groups",
        "MAX_MESSAGE_SIZE": 10 * 1024 * 1024,
    }
    response = boss.get(address())
    html = response.content.decode()
    assert html.count("Set in Django&#x27;s settings") == 6
    assert list(response.context["form"].fields) == ["is_on"]
    for told in ("mail.intranet", "nobody but administrators, until groups are chosen"):
        assert told in html
    save(
        boss,
        fetch_interval="99",
        max_message_megabytes="99",
        new_folder_privacy="public",
        allow_plaintext="true",
        allow_server_deletion="true",
        allowed_hosts="evil.example",
    )
    row = ArchiveSiteSettings.objects.get()
    assert (row.fetch_interval, row.allow_plaintext, row.allowed_hosts) == (None, None, "")
    assert effective_settings().ALLOWED_MAIL_HOSTS == ["mail.intranet"]
    assert not effective_settings().ALLOW_SERVER_DELETION


def test_one_fixed_value_leaves_the_others_free(boss: Client, settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**KEYS, "FETCH_INTERVAL": 5}
    assert boss.get(address()).content.decode().count("Set in Django&#x27;s settings") == 1
    save(boss, max_message_megabytes="3")
    assert effective_settings().MAX_MESSAGE_SIZE == 3 * 1024 * 1024
    assert effective_settings().FETCH_INTERVAL == 5


def test_shows_the_address_to_register_at_a_provider(boss: Client) -> None:
    told = f"http://testserver{reverse('mailarchive_oauth_callback')}"
    assert f"<code>{told}</code>" in boss.get(address()).content.decode()


# -- who -------------------------------------------------------------------------------------


def test_owners_are_those_who_hold_its_permission(free: None) -> None:
    home = reverse("wagtailadmin_home")
    owner = user_with(factories.home(), "publish")
    owner.groups.get().permissions.add(
        Permission.objects.get(codename="change_archivesitesettings")
    )
    menu = reverse("wagtailsettings:edit", args=["wagtail_mailarchive", "archivesitesettings"])
    assert menu in browser_of(owner).get(home).content.decode()
    assert save(browser_of(owner), fetch_interval="9").status_code == 302
    manager = browser_of(manager_of(factories.home()))
    assert menu not in manager.get(home).content.decode()
    save(manager, fetch_interval="1")
    assert effective_settings().FETCH_INTERVAL == 9


# -- the switch ------------------------------------------------------------------------------


def test_off_stops_fetching_and_on_goes_on(boss: Client, free: None) -> None:
    account = factories.account(factories.folder())
    WorkerHeartbeat.beat()
    save(boss, is_on="")
    assert not is_on()
    assert dispatch_due() == []
    response = boss.post(reverse("mailarchive_fetch_folder", args=[account.folder_id]))
    said = " ".join(str(each) for each in get_messages(response.wsgi_request))
    assert "switched off for this site" in said
    assert not FetchRun.objects.exists()
    save(boss)
    assert is_on()
    assert [run.account for run in dispatch_due()] == [account]


def test_off_takes_menus_and_buttons_away(boss: Client, free: None) -> None:
    folder = factories.folder(title="Offers")
    account = factories.account(folder)
    addresses = [
        reverse("mailarchive_fetch_report"),
        reverse("mailarchive_accounts:index"),
        reverse("mailarchive_fetch_folder", args=[folder.pk]),
    ]
    folder.save_revision()

    def offered() -> list[bool]:
        pages = [
            reverse("wagtailadmin_explore", args=[folder.pk]),
            reverse("wagtailadmin_pages:edit", args=[folder.pk]),
        ]
        html = "".join(boss.get(each).content.decode() for each in pages)
        return [each in html for each in addresses]

    assert offered() == [True, True, True]
    switch_off()
    assert offered() == [False, False, False]
    assert account.name not in boss.get(pages_edit(folder)).content.decode()
    # The way back stays.
    home = boss.get(reverse("wagtailadmin_home")).content.decode()
    assert (
        reverse("wagtailsettings:edit", args=["wagtail_mailarchive", "archivesitesettings"]) in home
    )


def pages_edit(page: Page) -> str:
    return reverse("wagtailadmin_pages:edit", args=[page.pk])


def test_off_no_folder_can_be_made_and_those_there_can_be_moved(boss: Client) -> None:
    workspace, other = factories.workspace(), factories.workspace()
    folder = factories.folder(workspace)
    new = reverse(
        "wagtailadmin_pages:add", args=["wagtail_mailarchive", "emailfolderpage", workspace.pk]
    )
    subpages = reverse("wagtailadmin_pages:add_subpage", args=[workspace.pk])
    assert boss.get(new).status_code == 200
    switch_off()
    assert not EmailFolderPage.can_create_at(WorkspacePage.objects.get(pk=workspace.pk))
    assert boss.get(new).status_code == 302
    assert "emailfolderpage" not in boss.get(subpages).content.decode()
    form = {"title": "New", "slug": "new", "action-publish": "1"}
    assert boss.post(new, form).status_code == 302
    assert EmailFolderPage.objects.count() == 1
    assert folder.can_move_to(other)


def test_off_archived_pages_stay_readable(boss: Client) -> None:
    folder = factories.folder(title="Offers")
    factories.account(folder)
    [message] = factories.archive(folder, factories.raw("Invoice"))
    switch_off()
    reader = Client()
    assert "Invoice" in reader.get(folder.url).content.decode()
    assert "Invoice" in reader.get(message.url).content.decode()
    explored = boss.get(reverse("wagtailadmin_explore", args=[folder.pk])).content.decode()
    assert "Invoice" in explored
    assert "switched off for this site" in explored
