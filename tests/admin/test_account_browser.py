"""An account connected in Chromium, as a new user would, on a real Dovecot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.account_values import reaching
from tests.admin.conftest import manager_of
from tests.axe import Violations
from tests.browser import EVERYTHING, each_window
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.trials import run_trial
from wagtail_mailarchive.models import EmailFolderPage, MailAccount, Trial, WorkerHeartbeat
from wagtail_mailarchive.models.account import MailboxChoice, Protocol
from wagtail_mailarchive.sources.base import Security

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
OPEN = Callable[..., Page]
RESULT = "#mailarchive-test [role=status]"


@pytest.fixture
def folder(chromium: Any, db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def open_form(folder: EmailFolderPage, tab_of: OPEN) -> Callable[..., Page]:
    """Open the form by the link on the folder, as its manager."""

    def opened(**options: Any) -> Page:
        tab = tab_of(manager_of(folder), **options)
        tab.goto(reverse("wagtailadmin_pages:edit", args=[folder.pk]))
        tab.click("text=Connect a mail account")
        return tab

    return opened


def pictured(tab: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS names a folder, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        size = tab.viewport_size or {"width": 1280, "height": 900}
        tab.set_viewport_size({"width": size["width"], "height": 2600})
        tab.screenshot(path=Path(folder) / f"{name}.png")
        tab.set_viewport_size(size)


def type_in(tab: Page, values: dict[str, Any]) -> None:
    tab.select_option("[name=connection]", values["connection"])
    for name in ("host", "port", "username", "secret"):
        tab.fill(f"[name={name}]", values[name])
    if values["ca_certificate"]:
        tab.click("text=Encryption >> visible=true")
        tab.fill("[name=ca_certificate]", values["ca_certificate"])


# `make browser` tries STARTTLS, too, which differs by one choice in the form.
WAYS = {
    "IMAPS": (Protocol.IMAP, Security.TLS),
    "POP3S": (Protocol.POP3, Security.TLS),
    **({"IMAP + STARTTLS": (Protocol.IMAP, Security.STARTTLS)} if EVERYTHING else {}),
}


@pytest.mark.parametrize(("protocol", "security"), WAYS.values(), ids=WAYS)
def test_an_account_is_connected(
    protocol: Protocol,
    security: Security,
    open_form: OPEN,
    folder: EmailFolderPage,
    dovecot: Dovecot,
    mail_user: str,
    axe: Violations,
) -> None:
    dovecot.deliver(mail_user, factories.raw("Hello"))
    dovecot.create_mailbox(mail_user, "Entwürfe")
    values = reaching(dovecot.endpoint(mail_user, security), protocol)
    if protocol is Protocol.POP3:
        values["port"] = str(dovecot.pop3s)
    tab = open_form()
    tab.fill("[name=name]", "Sales inbox")
    tab.fill("[name=email]", "sales@example.org")
    type_in(tab, values)
    tab.click("text=Test connection")
    expect(tab.locator(RESULT)).to_contain_text("The connection works.", timeout=30_000)
    expect(tab.locator(RESULT)).to_contain_text("1 message in INBOX")
    pictured(tab, f"account-tested-{protocol.value}-{security.value}")
    assert axe(tab) == []
    if protocol is Protocol.IMAP:
        tab.check("label:has-text('Entwürfe') input")
    else:
        expect(tab.locator("[name=mailbox_choice][value=all]")).to_be_disabled()
        expect(tab.locator("#id_mailbox_choice-reason")).to_be_visible()
    tab.click("button:has-text('Create')")
    tab.wait_for_url(f"**{reverse('wagtailadmin_explore', args=[folder.pk])}")
    account = MailAccount.objects.get()
    assert account.enabled
    assert account.protocol == protocol
    others = {"Entwürfe"} if protocol is Protocol.IMAP else set()
    assert set(account.mailboxes) == {"INBOX"} | others


def test_what_is_typed_fills_the_rest_until_it_is_changed_by_hand(
    open_form: OPEN, axe: Violations
) -> None:
    tab = open_form()
    tab.fill("[name=email]", "ada@gmail.com")
    assert value(tab, "username") == "ada@gmail.com"
    assert value(tab, "preset") == "gmail"
    assert value(tab, "host") == "imap.gmail.com"
    assert value(tab, "port") == "993"
    expect(tab.locator("text=make an app password")).to_be_visible()
    tab.select_option("[name=connection]", "pop3s")
    assert (value(tab, "host"), value(tab, "port")) == ("pop.gmail.com", "995")
    for name in ("all", "unread", "since"):
        expect(tab.locator(f"[type=radio][value={name}]")).to_be_disabled()
    expect(tab.locator("#id_selection-reason")).to_be_visible()
    pictured(tab, "account-pop3")
    assert axe(tab) == []
    tab.fill("[name=email]", "ada@yahoo.com")
    assert (value(tab, "host"), value(tab, "username")) == ("pop.mail.yahoo.com", "ada@yahoo.com")
    # Apple has no POP3.
    tab.fill("[name=email]", "ada@icloud.com")
    assert value(tab, "preset") == "icloud"
    tab.fill("[name=username]", "ada")
    tab.fill("[name=port]", "1993")
    tab.fill("[name=host]", "mail.example.org")
    tab.select_option("[name=connection]", "imap-starttls")
    tab.fill("[name=email]", "ada@gmail.com")
    assert value(tab, "username") == "ada"
    assert value(tab, "port") == "1993"
    assert value(tab, "host") == "mail.example.org"


def value(tab: Page, name: str) -> str:
    return tab.input_value(f"[name={name}]")


def test_only_what_matters_can_be_filled_in(open_form: OPEN) -> None:
    tab = open_form()
    expect(tab.locator("[name=since]")).to_be_disabled()
    tab.check("[name=selection][value=since]")
    expect(tab.locator("[name=since]")).to_be_enabled()
    expect(tab.locator("textarea[name=mailboxes]")).to_be_enabled()
    tab.check(f"[name=mailbox_choice][value={MailboxChoice.ALL.value}]")
    expect(tab.locator("textarea[name=mailboxes]")).to_be_disabled()


def test_a_failed_test_is_read_out_and_a_changed_value_takes_it_back(
    open_form: OPEN, dovecot: Dovecot, mail_user: str, axe: Violations
) -> None:
    tab = open_form()
    tab.fill("[name=email]", "sales@example.org")
    values = reaching(dovecot.endpoint(mail_user))
    type_in(tab, values | {"secret": "wrong"})
    tab.focus("text=Test connection")
    tab.keyboard.press("Enter")
    result = tab.locator(RESULT)
    expect(result).to_contain_text("rejected the user name or password", timeout=30_000)
    pictured(tab, "account-test-failed")
    assert axe(tab) == []
    # The focus stays where it was.
    assert tab.evaluate("document.activeElement.textContent.trim()") == "Test connection"
    tab.fill("[name=secret]", values["secret"])
    expect(result).to_have_text("The values were changed since they were tested.")
    tab.click("text=Test connection")
    expect(result).to_contain_text("The connection works.", timeout=30_000)
    assert value(tab, "tested")
    tab.fill("[name=host]", "127.0.0.1")
    assert value(tab, "tested") == ""


def test_without_a_script_an_account_is_connected_too(
    tab_of: OPEN, folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    values = reaching(dovecot.endpoint(mail_user))
    # Wagtail's form of the folder needs script; the listing's button leads to the same form.
    tab = tab_of(manager_of(folder), java_script_enabled=False)
    tab.goto(reverse("mailarchive_accounts:add") + f"?folder={folder.pk}")
    tab.fill("[name=name]", "Sales inbox")
    tab.fill("[name=email]", "sales@example.org")
    # Without script Wagtail's collapsed panels stand open.
    for name in ("host", "port", "username", "secret", "ca_certificate"):
        tab.fill(f"[name={name}]", values[name])
    tab.click("text=Test connection")
    expect(tab.locator("text=The connection works.")).to_be_visible()
    pictured(tab, "account-no-script")
    tab.fill("[name=secret]", values["secret"])
    tab.click("button:has-text('Create')")
    assert MailAccount.objects.get().enabled


@each_window
def test_every_screen_of_an_account_fits_and_is_accessible(
    width: int, scheme: str, folder: EmailFolderPage, tab_of: OPEN, axe: Violations
) -> None:
    account = factories.account(folder, name="Sales inbox", description="All about offers")
    factories.account(folder, name="Untested", enabled=False)
    tab = tab_of(
        manager_of(folder),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    for name, address in {
        "add": reverse("mailarchive_accounts:add") + f"?folder={folder.pk}",
        "edit": reverse("mailarchive_accounts:edit", args=[account.pk]),
        "index": reverse("mailarchive_accounts:index"),
        "disable": reverse("mailarchive_disable_account", args=[account.pk]),
        "delete": reverse("mailarchive_accounts:delete", args=[account.pk]),
        "dry-run": reverse("mailarchive_dry_run", args=[account.pk]),
        "folder": reverse("wagtailadmin_pages:edit", args=[folder.pk]),
    }.items():
        tab.goto(address)
        pictured(tab, f"{name}-{width}-{scheme}")
        assert axe(tab) == [], name
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, name


def test_what_the_worker_does_shows_as_soon_as_it_is_done(
    folder: EmailFolderPage, tab_of: OPEN, dovecot: Dovecot, mail_user: str, axe: Violations
) -> None:
    dovecot.deliver(mail_user, factories.raw("Offer of the week"))
    endpoint = dovecot.endpoint(mail_user)
    account = factories.account(folder, endpoint, name="Sales inbox", enabled=False)
    WorkerHeartbeat.beat()
    tab = tab_of(manager_of(folder))
    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    tab.click("button:has-text('Test connection')")
    expect(tab.locator(RESULT)).to_contain_text("is being tested")
    run_trial(Trial.objects.get().pk)
    expect(tab.locator(RESULT)).to_contain_text("The connection works.", timeout=30_000)
    assert axe(tab) == []
    tab.click("text=Enable the account")
    tab.click("text=Yes, enable")
    expect(tab.locator(".messages")).to_contain_text("“Sales inbox” is enabled.")
    tab.goto(reverse("mailarchive_dry_run", args=[account.pk]))
    tab.click("text=Look now")
    expect(tab.locator("text=The server is being asked.")).to_be_visible()
    run_trial(Trial.objects.latest("pk").pk)
    expect(tab.locator("td:has-text('Offer of the week')")).to_be_visible(timeout=30_000)
    pictured(tab, "dry-run-done")
    assert axe(tab) == []
