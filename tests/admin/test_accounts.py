"""Mail accounts in the admin, with a secret that goes in and never out."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import serializers
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from wagtail.models import ModelLogEntry, ReferenceIndex

from tests import factories
from tests.admin.account_values import SECRET, add, edit, errors
from tests.admin.conftest import browser_of, manager_of
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    MailAccount,
    Mailbox,
    RunStatus,
    Trigger,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


def test_a_superuser_connects_an_account(
    boss: Client, superuser: Any, folder: EmailFolderPage
) -> None:
    response = add(boss, folder)
    account = MailAccount.objects.get()
    form = reverse("mailarchive_accounts:edit", args=[account.pk])
    assert response.headers["Location"] == f"{form}#mailarchive-test"
    assert account.mailboxes == ["INBOX", "Archive/2024"]
    assert account.created_by == superuser
    assert account.endpoint().secret == SECRET


def test_the_link_on_a_folder_chooses_it(boss: Client, folder: EmailFolderPage) -> None:
    address = reverse("mailarchive_accounts:add") + f"?folder={folder.pk}"
    response = boss.get(address)
    assert response.status_code == 200
    assert str(response.context["form"]["folder"].value()) == str(folder.pk)
    for number in ("x", "9" * 30, "9" * 5000):
        address = reverse("mailarchive_accounts:add") + f"?folder={number}"
        assert boss.get(address).status_code == 200


def test_the_form_names_no_folder_of_somebody_else(folder: EmailFolderPage) -> None:
    stranger = browser_of(manager_of(factories.workspace("Elsewhere")))
    html = stranger.get(reverse("mailarchive_accounts:add") + f"?folder={folder.pk}")
    assert folder.title not in html.content.decode()


def test_the_secret_shows_nowhere(boss: Client, folder: EmailFolderPage, caplog: Any) -> None:
    rejected = add(boss, folder, host="")
    add(boss, folder)
    account = MailAccount.objects.get()
    edit(boss, account, secret=SECRET + "2", name="Renamed")
    pages = [rejected]
    for name, args in [
        ("index", []),
        ("edit", [account.pk]),
        ("delete", [account.pk]),
        ("history", [account.pk]),
        ("usage", [account.pk]),
    ]:
        pages.append(boss.get(reverse(f"mailarchive_accounts:{name}", args=args)))
        pages.append(boss.get(reverse(f"mailarchive_accounts:{name}", args=args) + "?export=csv"))
    pages.append(boss.get(reverse("wagtailadmin_reports:site_history")))
    pages.append(boss.get(reverse("wagtailadmin_explore", args=[folder.pk])))
    account.refresh_from_db()
    for page in pages:
        html = b"".join(page) if page.streaming else page.content
        assert SECRET.encode() not in html
        assert account.sealed_secret.encode() not in html
    written = [
        *map(str, ModelLogEntry.objects.values_list("label", "data")),
        *map(str, ReferenceIndex.objects.values_list()),
        caplog.text,
        account.sealed_secret,
    ]
    assert len(written) > 3
    assert not any(SECRET in each for each in written)


def test_an_empty_secret_keeps_the_stored_one(boss: Client, folder: EmailFolderPage) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    assert edit(boss, account, secret="", name="Renamed", interval="5").status_code == 302
    account.refresh_from_db()
    assert (account.name, account.interval) == ("Renamed", 5)
    assert account.endpoint().secret == SECRET


@pytest.mark.parametrize(
    "change",
    [
        {"host": "evil.example"},
        {"port": "143"},
        {"username": "x"},
        {"connection": "imap-starttls"},
        {"ca_certificate": "certificate"},
    ],
)
def test_another_server_or_user_needs_the_secret_again(
    change: dict[str, str], boss: Client, folder: EmailFolderPage, authority: Any
) -> None:
    if "ca_certificate" in change:
        change = {"ca_certificate": authority.certificate}
    add(boss, folder)
    account = MailAccount.objects.get()
    assert "secret" in errors(edit(boss, account, secret="", **change))
    assert edit(boss, account, secret="another", **change).status_code == 302
    account.refresh_from_db()
    assert account.endpoint().secret == "another"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"secret": ""}, "secret"),
        ({"connection": "gopher"}, "connection"),
        ({"connection": ""}, "connection"),
        ({"host": ""}, "host"),
        ({"sign_in": "oauth2:"}, "sign_in"),
        ({"sign_in": "oauth2:nobody"}, "sign_in"),
        ({"selection": "since"}, "since"),
        ({"message_limit": "0"}, "message_limit"),
        ({"tls_minimum": "1.0"}, "tls_minimum"),
        ({"secret": "two\nlines"}, "secret"),
        ({"host": "https://imap.example.org/"}, "host"),
        ({"host": "user@imap.example.org"}, "host"),
        ({"username": "a\r\nb"}, "username"),
        ({"port": "0"}, "port"),
        ({"port": "70000"}, "port"),
        ({"mailboxes": " \n"}, "mailboxes"),
        ({"mailboxes": "x" * 501}, "mailboxes"),
        ({"interval": "0"}, "interval"),
        ({"ca_certificate": "no certificate"}, "ca_certificate"),
        ({"folder": ""}, "folder"),
        ({"email": "nobody"}, "email"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    values: dict[str, str], field: str, boss: Client, folder: EmailFolderPage
) -> None:
    assert field in errors(add(boss, folder, **values))
    assert not MailAccount.objects.exists()


def test_plaintext_is_offered_only_where_the_site_allows_it(
    boss: Client, folder: EmailFolderPage, settings: Any
) -> None:
    assert add(boss, folder, connection="imap").status_code == 302
    forbidden = {**settings.WAGTAIL_MAILARCHIVE, "ALLOW_PLAINTEXT": False}
    settings.WAGTAIL_MAILARCHIVE = forbidden
    for plain in ("imap", "pop3"):
        assert "connection" in errors(add(boss, folder, connection=plain))
    html = boss.get(reverse("mailarchive_accounts:add")).content.decode()
    assert "This site allows encrypted connections only." in html
    assert "not encrypted" not in html


def test_a_missing_encryption_key_is_a_sentence(
    boss: Client, folder: EmailFolderPage, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "ENCRYPTION_KEYS": []}
    found = errors(add(boss, folder))
    assert "ENCRYPTION_KEYS" in str(found)


def test_an_account_with_archived_mail_stays_in_its_folder(
    boss: Client, folder: EmailFolderPage
) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    other = factories.folder(title="Other")
    assert edit(boss, account, folder=other.pk, secret="").status_code == 302
    account.refresh_from_db()
    assert account.folder == other
    Mailbox.objects.create(account=account, folder=other, name="INBOX")
    assert "folder" in errors(edit(boss, account, folder=folder.pk, secret=""))


def test_deleting_an_account_keeps_its_mail(boss: Client, folder: EmailFolderPage) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    factories.archive(folder, factories.raw("Kept"))
    Mailbox.objects.update(account=account)
    run = FetchRun.objects.create(
        account=account,
        account_name=account.name,
        folder=folder,
        trigger=Trigger.HAND,
        status=RunStatus.SUCCEEDED,
    )
    address = reverse("mailarchive_accounts:delete", args=[account.pk])
    html = boss.get(address).content.decode()
    assert "1 message archived from it stays in “Offers”." in html
    assert "Nothing changes on the server." in html
    assert boss.post(address).status_code == 302
    assert not MailAccount.objects.exists()
    assert EmailMessagePage.objects.get().subject == "Kept"
    run.refresh_from_db()
    assert run.account is None


def test_accounts_cannot_be_copied() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("mailarchive_accounts:copy", args=[1])


def test_the_list_says_each_accounts_condition_in_constant_queries(
    boss: Client, folder: EmailFolderPage
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            response = boss.get(reverse("mailarchive_accounts:index"))
        assert response.status_code == 200
        assert "no worker is running" in response.content.decode()
        return len(captured)

    def connect() -> None:
        account = factories.account(folder)
        FetchRun.objects.create(
            account=account,
            account_name=account.name,
            folder=folder,
            trigger=Trigger.HAND,
            status=RunStatus.SUCCEEDED,
        )

    connect()
    queries()
    few = queries()
    for _number in range(8):
        connect()
    assert queries() == few


def test_fetches_are_reported_with_their_error(boss: Client, folder: EmailFolderPage) -> None:
    account = factories.account(folder, name="Sales inbox")
    FetchRun.objects.create(
        account=account,
        account_name=account.name,
        folder=folder,
        trigger=Trigger.HAND,
        status=RunStatus.FAILED,
        error_code="HostNotFound",
        error_params={"host": "nowhere.example"},
    )
    sentence = "There is no server named nowhere.example."
    assert sentence in boss.get(reverse("mailarchive_fetch_report")).content.decode()
    edit_page = boss.get(reverse("mailarchive_accounts:edit", args=[account.pk]))
    assert sentence in edit_page.content.decode()
    # The list leads to the account; its own page need not.
    index = boss.get(reverse("mailarchive_accounts:index")).content.decode()
    assert "Open the mail account</a>" in index
    assert "Open the mail account" not in edit_page.content.decode()


def test_one_account_can_be_fetched(boss: Client, folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    factories.account(folder)
    address = reverse("mailarchive_fetch_account", args=[account.pk])
    assert boss.get(address).status_code == 405
    assert boss.post(address).status_code == 302
    assert [run.account for run in FetchRun.objects.all()] == [account]


def test_serialised_accounts_hold_no_plain_secret(folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    account.set_secret(SECRET)
    account.save()
    assert SECRET not in serializers.serialize("json", [account])
