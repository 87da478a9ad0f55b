"""What the form of an account fills in, offers and refuses, by protocol, provider and login."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.admin.account_values import SECRET, add, edit, errors, form
from tests.admin.conftest import browser_of, manager_of
from wagtail_mailarchive.admin.account_form import MailAccountForm
from wagtail_mailarchive.models import AccountHealth, EmailFolderPage, MailAccount, OAuthGrant
from wagtail_mailarchive.models.account import MailboxChoice, Selection

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.mark.parametrize(
    ("connection", "protocol", "security", "port"),
    [
        ("imaps", "imap", "tls", 993),
        ("imap-starttls", "imap", "starttls", 143),
        ("imap", "imap", "plain", 143),
        ("pop3s", "pop3", "tls", 995),
        ("pop3-starttls", "pop3", "starttls", 110),
        ("pop3", "pop3", "plain", 110),
    ],
)
def test_one_choice_means_protocol_security_and_port(
    connection: str,
    protocol: str,
    security: str,
    port: int,
    boss: Client,
    folder: EmailFolderPage,
) -> None:
    add(boss, folder, connection=connection, port="", mailboxes="INBOX")
    account = MailAccount.objects.get()
    assert (account.protocol, account.security, account.port) == (protocol, security, port)
    page = boss.get(reverse("mailarchive_accounts:edit", args=[account.pk]))
    assert page.context["form"]["connection"].value() == connection


@pytest.mark.parametrize(
    ("values", "host", "username"),
    [
        ({"email": "ada@gmail.com"}, "imap.gmail.com", "ada@gmail.com"),
        ({"email": "ada@GoogleMail.com"}, "imap.gmail.com", "ada@GoogleMail.com"),
        ({"email": "ada@yahoo.co.uk", "connection": "pop3s", "mailboxes": "INBOX"}, "pop.mail", ""),
        ({"email": "ada@example.org", "preset": "fastmail"}, "imap.fastmail.com", ""),
        ({"email": "ada@gmail.com", "username": "other"}, "imap.gmail.com", "other"),
    ],
)
def test_what_is_left_empty_follows_provider_and_address(
    values: dict[str, str], host: str, username: str, boss: Client, folder: EmailFolderPage
) -> None:
    assert (
        add(boss, folder, **{"host": "", "username": "", "port": "", **values}).status_code == 302
    )
    account = MailAccount.objects.get()
    assert account.host.startswith(host)
    assert account.username == (username or account.email)


def test_an_unknown_provider_needs_a_host(boss: Client, folder: EmailFolderPage) -> None:
    assert errors(add(boss, folder, host="", preset="other"))["host"] == ["Enter the host."]
    # Apple has no POP3.
    values = {"email": "ada@icloud.com", "host": "", "connection": "pop3s", "mailboxes": ""}
    assert "host" in errors(add(boss, folder, **values))


def test_the_advice_of_the_addresss_provider_is_shown_without_a_script(
    boss: Client, folder: EmailFolderPage
) -> None:
    form = add(boss, folder, email="ada@gmail.com", name="").context["form"]
    assert "make an app password" in form["preset"].help_text
    page = boss.get(reverse("mailarchive_accounts:edit", args=[factories.account(folder).pk]))
    assert "instructions for mail programs" in page.context["form"]["preset"].help_text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"mailbox_choice": "all"}, "mailbox_choice"),
        ({"mailboxes": "INBOX\nArchive"}, "mailboxes"),
        ({"selection": "unread"}, "selection"),
        ({"selection": "since", "since": "2026-01-01"}, "selection"),
    ],
)
def test_what_pop3_lacks_is_refused_with_the_reason(
    values: dict[str, str], field: str, boss: Client, folder: EmailFolderPage
) -> None:
    given = {"connection": "pop3s", "mailboxes": "INBOX", **values}
    assert "Choose IMAP" in errors(add(boss, folder, **given))[field][0]


def test_what_pop3_lacks_cannot_be_chosen(boss: Client, folder: EmailFolderPage) -> None:
    account = factories.account(folder, protocol="pop3", port=995)
    address = reverse("mailarchive_accounts:edit", args=[account.pk])
    html = boss.get(address).content.decode()
    for value in ("all", "unread", "since"):
        assert _is_disabled(html, value)
    assert "POP3 has one mailbox, the INBOX." in html
    # What is disabled is not sent, and that is no change.
    sent = form(folder, connection="pop3s", port="995", host=account.host, secret="")
    del sent["mailboxes"]
    sent["username"] = account.username
    assert boss.post(address, sent).status_code == 302
    account.refresh_from_db()
    assert account.mailboxes == ["INBOX"]
    html = boss.get(
        reverse("mailarchive_accounts:edit", args=[factories.account(folder).pk])
    ).content.decode()
    assert not any(_is_disabled(html, value) for value in ("all", "unread", "since"))


def _is_disabled(html: str, value: str) -> bool:
    radio = next(part for part in html.split("<input") if f'value="{value}"' in part)
    return "disabled" in radio.partition(">")[0]


def test_what_to_fetch_is_kept(boss: Client, folder: EmailFolderPage) -> None:
    add(
        boss,
        folder,
        description="All about offers",
        mailbox_choice="all",
        mailboxes="",
        selection="since",
        since="2026-02-03",
        message_limit="500",
        interval="15",
        tls_minimum="1.3",
    )
    account = MailAccount.objects.get()
    assert account.description == "All about offers"
    assert account.mailbox_choice == MailboxChoice.ALL
    assert (account.selection, account.since) == (Selection.SINCE, date(2026, 2, 3))
    assert (account.message_limit, account.interval) == (500, 15)
    assert account.tls_minimum == "1.3"
    edit(boss, account, secret="", selection="everything", since="2026-02-03")
    account.refresh_from_db()
    assert account.since is None


def test_picked_and_typed_mailboxes_are_one_list(boss: Client, folder: EmailFolderPage) -> None:
    sent = form(folder, mailboxes="Ältere\nINBOX") | {"mailboxes-picked": ["INBOX", "Entwürfe/2"]}
    boss.post(reverse("mailarchive_accounts:add"), sent)
    assert MailAccount.objects.get().mailboxes == ["INBOX", "Entwürfe/2", "Ältere"]


def test_oauth_is_shown_with_the_reason_why_it_cannot_be_chosen(
    boss: Client, folder: EmailFolderPage
) -> None:
    html = boss.get(reverse("mailarchive_accounts:add")).content.decode()
    assert _is_disabled(html, "oauth2:")
    assert 'id="id_sign_in-reason"' in html


OAUTH = {
    "google": {
        "preset": "google",
        "client_id": "us",
        "client_secret": "x",
        "hosts": ["imap.example.org"],
    }
}


@pytest.fixture
def google(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "OAUTH_PROVIDERS": OAUTH}


@pytest.mark.usefixtures("google")
def test_a_configured_provider_can_be_chosen_and_needs_no_password(
    boss: Client, folder: EmailFolderPage
) -> None:
    html = boss.get(reverse("mailarchive_accounts:add")).content.decode()
    assert not _is_disabled(html, "oauth2:google")
    # What has to be registered at the provider.
    assert f"http://testserver{reverse('mailarchive_oauth_callback')}" in html
    assert add(boss, folder, sign_in="oauth2:google", secret="").status_code == 302
    account = MailAccount.objects.get()
    assert (account.login, account.oauth_provider) == ("oauth2", "google")
    assert not account.enabled
    page = boss.get(reverse("mailarchive_accounts:edit", args=[account.pk])).content.decode()
    assert "Nobody has signed in at" in page


@pytest.mark.usefixtures("google")
def test_a_sign_in_is_for_the_mail_servers_of_its_provider(
    boss: Client, folder: EmailFolderPage
) -> None:
    sent = {"sign_in": "oauth2:google", "secret": "", "action-sign_in": "1"}
    [error] = errors(add(boss, folder, **sent, host="imap.elsewhere.example"))["host"]
    assert error.startswith("A sign-in at Google is not for imap.elsewhere.example")
    assert not MailAccount.objects.exists()


@pytest.mark.usefixtures("google")
def test_signing_in_saves_what_was_typed_first(boss: Client, folder: EmailFolderPage) -> None:
    sent = {"sign_in": "oauth2:google", "secret": "", "action-sign_in": "1"}
    response = add(boss, folder, **sent)
    assert response.headers["Location"].startswith("https://accounts.google.com/")
    account = MailAccount.objects.get()
    assert not account.enabled
    response = edit(boss, account, **sent, name="Renamed")
    assert response.headers["Location"].startswith("https://accounts.google.com/")
    account.refresh_from_db()
    assert account.name == "Renamed"
    # What is not in order is said before anybody leaves the site.
    assert "name" in errors(edit(boss, account, **sent, name=""))


@pytest.mark.usefixtures("google")
def test_a_password_does_not_outlive_the_change_to_another_login(
    boss: Client, folder: EmailFolderPage
) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    edit(boss, account, sign_in="oauth2:google", secret="typed before")
    account.refresh_from_db()
    assert account.sealed_secret == ""
    assert "secret" in errors(edit(boss, account, secret=""))


def test_a_provider_that_is_not_configured_any_more_is_shown_and_refused(
    boss: Client, folder: EmailFolderPage, settings: Any
) -> None:
    account = factories.account(folder, login="oauth2", oauth_provider="gone")
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "OAUTH_PROVIDERS": OAUTH}
    page = boss.get(reverse("mailarchive_accounts:edit", args=[account.pk]))
    html = page.content.decode()
    assert _is_disabled(html, "oauth2:gone")
    assert "“gone” is not set up on this site any more." in html
    assert "sign_in" in errors(edit(boss, account, sign_in="oauth2:gone"))


def test_no_box_ignores_certificates(boss: Client, folder: EmailFolderPage) -> None:
    html = boss.get(reverse("mailarchive_accounts:add")).content.decode().lower()
    assert "ignore" not in html
    assert "verify" not in html


def test_a_form_that_was_never_tested_is_saved_disabled(
    boss: Client, folder: EmailFolderPage
) -> None:
    response = boss.post(reverse("mailarchive_accounts:add"), form(folder), follow=True)
    account = MailAccount.objects.get()
    assert not account.enabled
    assert account.verified_at is None
    assert "these values have not been tested" in response.content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"connection": "imap-starttls", "secret": SECRET},
        {"host": "other.example.org", "secret": SECRET},
        {"port": "143", "secret": SECRET},
        {"username": "other", "secret": SECRET},
        {"secret": "new"},
        {"tls_minimum": "1.3"},
        {"ca_certificate": "certificate", "secret": SECRET},
    ],
)
def test_a_changed_connection_has_to_be_tested_again(
    change: dict[str, str], boss: Client, folder: EmailFolderPage, authority: Any
) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    MailAccount.objects.update(verified_at=timezone.now(), enabled=True)
    AccountHealth.objects.create(account=account, held_code="LoginRejected", rejections=3)
    if "ca_certificate" in change:
        change = {**change, "ca_certificate": authority.certificate}
    assert edit(boss, account, **{"secret": "", **change}).status_code == 302
    account.refresh_from_db()
    assert (account.verified_at, account.enabled) == (None, False)
    # What held it was about the former values.
    assert account.health.held_code == ""


def test_what_no_test_tries_can_be_changed_without_one(
    boss: Client, folder: EmailFolderPage, authority: Any
) -> None:
    # A browser sends the certificate's lines with CRLF.
    pem = authority.certificate.replace("\n", "\r\n")
    add(boss, folder, ca_certificate=pem)
    account = MailAccount.objects.get()
    MailAccount.objects.update(verified_at=timezone.now(), enabled=True)
    changes = {"name": "Renamed", "interval": "5", "mailboxes": "INBOX", "email": "b@example.org"}
    assert edit(boss, account, secret="", ca_certificate=pem, **changes).status_code == 302
    account.refresh_from_db()
    assert account.enabled
    assert account.verified_at is not None
    assert account.name == "Renamed"


def test_what_happens_while_a_form_is_saved_is_kept(
    boss: Client, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    MailAccount.objects.update(verified_at=None, enabled=True)
    verified_at = timezone.now()
    clean_host = MailAccountForm.clean_host

    def meanwhile(its: MailAccountForm) -> str:
        # The account was read before.
        MailAccount.objects.update(verified_at=verified_at, enabled=False)
        return clean_host(its)

    monkeypatch.setattr(MailAccountForm, "clean_host", meanwhile)
    assert edit(boss, account, secret="", name="Renamed").status_code == 302
    account.refresh_from_db()
    assert (account.name, account.enabled, account.verified_at) == ("Renamed", False, verified_at)


def test_a_form_that_comes_after_the_account_was_removed_does_not_bring_it_back(
    boss: Client, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    clean_host = MailAccountForm.clean_host

    def meanwhile(its: MailAccountForm) -> str:
        MailAccount.objects.all().delete()
        return clean_host(its)

    monkeypatch.setattr(MailAccountForm, "clean_host", meanwhile)
    assert edit(boss, account, secret="").status_code == 404
    assert not MailAccount.objects.exists()


def test_a_private_key_is_not_taken_for_a_certificate(
    boss: Client, folder: EmailFolderPage, authority: Any
) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"
    response = add(boss, folder, ca_certificate=authority.certificate + key)
    assert "private key" in errors(response)["ca_certificate"][0]


@pytest.mark.usefixtures("google")
def test_a_sign_in_does_not_outlive_the_change_to_a_password(
    boss: Client, folder: EmailFolderPage
) -> None:
    account = factories.account(folder, login="oauth2", oauth_provider="google")
    OAuthGrant.objects.create(account=account, provider="google")
    same = {"host": account.host, "username": account.username}
    edit(boss, account, **same, sign_in="oauth2:google", tls_minimum="1.3", secret="")
    assert OAuthGrant.objects.exists()
    edit(boss, account, **same, tls_minimum="1.3")
    assert not OAuthGrant.objects.exists()


def test_enabling_is_no_box_of_the_form(boss: Client, folder: EmailFolderPage) -> None:
    add(boss, folder)
    account = MailAccount.objects.get()
    edit(boss, account, secret="", enabled="on")
    account.refresh_from_db()
    assert not account.enabled


def test_a_folder_of_somebody_else_is_refused(folder: EmailFolderPage) -> None:
    elsewhere = factories.workspace("Elsewhere")
    stranger = browser_of(manager_of(elsewhere))
    assert "folder" in errors(add(stranger, folder))
    own = factories.folder(elsewhere)
    assert add(stranger, own).status_code == 302
