"""The quarantine on screen: listed, downloaded byte for byte, read again; too large, archived."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import resolve, reverse

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from tests.admin.ledger_rows import entry, enveloped, get, mailbox_of, text
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.exceptions import MessageError, ParserFailed
from wagtail_mailarchive.fetching.batches import LARGEST_WANTED
from wagtail_mailarchive.models import (
    ArchiveSiteSettings,
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Outcome,
    Presence,
    UpkeepKind,
    UpkeepRun,
)

pytestmark = pytest.mark.django_db
# Nothing reads it: no parser can be found fault with.
UNREADABLE = b"Subject: Unreadable offer\nFrom: Grace <grace@example.org>\n\n\x00\xff\r<script>"


@pytest.fixture
def account(db: None) -> MailAccount:
    return factories.account(factories.folder(title="Offers"), name="Sales inbox")


@pytest.fixture
def manager(account: MailAccount) -> Client:
    return browser_of(manager_of(account.folder.get_parent()))


@pytest.fixture
def strangers(account: MailAccount) -> list[Client]:
    """Who publishes the folder, and who manages the accounts of another one."""
    publisher = user_with(account.folder.get_parent(), "add", "change", "publish")
    return [browser_of(publisher), browser_of(manager_of(factories.workspace()))]


def quarantine(
    account: MailAccount, raw: bytes = UNREADABLE, error: MessageError | None = None
) -> LedgerEntry:
    """Quarantine `raw` as a fetch would."""
    mailbox = mailbox_of(account)
    uid = mailbox.entries.count() + 1
    writer = Writer(mailbox, 1, fence=lambda: None, also=lambda outcomes, size: None)
    writer.write([Incoming(uid, None, originals.prepare([raw]), error or ParserFailed())])
    return LedgerEntry.objects.get(mailbox=mailbox, uid=uid)


def test_is_listed_with_reason_and_envelope(account: MailAccount, manager: Client) -> None:
    quarantine(account)
    html = text(get(manager, "mailarchive_quarantine"))
    for said in ("Unreadable offer", "Grace grace@example.org", "INBOX", "Sales inbox"):
        assert said in html
    assert "This message could not be read. Its original is kept." in html


def test_what_was_quarantined_before_there_were_envelopes_is_listed(
    account: MailAccount, manager: Client
) -> None:
    entry(mailbox_of(account), Outcome.QUARANTINED, uid=77)
    assert "UID 77" in text(get(manager, "mailarchive_quarantine"))


def test_what_is_gone_from_the_server_is_listed_too(account: MailAccount, manager: Client) -> None:
    quarantine(account)
    LedgerEntry.objects.update(presence=Presence.GONE)
    assert get(manager, "mailarchive_quarantine").context["total"] == 1


def test_its_bytes_are_downloaded_and_never_shown(account: MailAccount, manager: Client) -> None:
    held = quarantine(account)
    response = manager.get(reverse("mailarchive_quarantined_original", args=[held.pk]))
    assert b"".join(response) == UNREADABLE
    assert response["Content-Disposition"].startswith('attachment; filename="message-')
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["Content-Type"] == "message/rfc822"


def test_an_original_that_cannot_be_read_is_told(account: MailAccount, manager: Client) -> None:
    held = quarantine(account)
    assert held.original is not None
    held.original.chunks.all().delete()
    address = reverse("mailarchive_quarantined_original", args=[held.pk])
    response = manager.get(address, follow=True)
    assert "is not what was archived" in text(response)


def test_one_is_read_again_and_becomes_a_page(account: MailAccount, manager: Client) -> None:
    held = quarantine(account, factories.raw("Readable after all"))
    address = reverse("mailarchive_retry_entry", args=[held.pk])
    response = manager.post(address, follow=True)
    assert "could be read, and is archived now" in text(response)
    assert EmailMessagePage.objects.get().subject == "Readable after all"
    held.refresh_from_db()
    assert held.outcome == Outcome.ARCHIVED


def test_it_is_read_again_in_no_transaction_of_the_sites() -> None:
    found = resolve(reverse("mailarchive_retry_entry", args=[1]))
    assert found.func._non_atomic_requests == {"default"}  # type: ignore[attr-defined]


def test_a_large_one_is_left_to_the_worker(
    account: MailAccount, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_mailarchive.admin.quarantine.LARGEST_HERE", 10)
    held = quarantine(account)
    manager.post(reverse("mailarchive_retry_entry", args=[held.pk]))
    assert UpkeepRun.objects.get().kind == UpkeepKind.RETRY
    assert not EmailMessagePage.objects.exists()


def test_all_of_a_folder_are_read_again_by_the_worker(
    account: MailAccount, manager: Client
) -> None:
    quarantine(account)
    html = text(get(manager, "mailarchive_quarantine"))
    assert reverse("mailarchive_retry_folder", args=[account.folder_id]) in html
    for _ in range(2):
        manager.post(reverse("mailarchive_retry_folder", args=[account.folder_id]))
    run = UpkeepRun.objects.get()
    assert (run.kind, run.folder_id) == (UpkeepKind.RETRY, account.folder_id)


def test_nobody_else_sees_downloads_or_reads_again(
    account: MailAccount, strangers: list[Client]
) -> None:
    held = quarantine(account)
    for client in strangers:
        assert "Unreadable offer" not in text(client.get(reverse("mailarchive_quarantine")))
        download = reverse("mailarchive_quarantined_original", args=[held.pk])
        assert client.get(download).status_code == 403
        for name, key in (
            ("mailarchive_retry_entry", held.pk),
            ("mailarchive_retry_folder", account.folder_id),
        ):
            assert client.post(reverse(name, args=[key])).status_code == 403
    assert not UpkeepRun.objects.exists()


def test_reading_again_takes_a_post(account: MailAccount, manager: Client) -> None:
    held = quarantine(account)
    for name, key in (
        ("mailarchive_retry_entry", held.pk),
        ("mailarchive_retry_folder", account.folder_id),
    ):
        assert manager.get(reverse(name, args=[key])).status_code == 405


def test_what_is_archived_is_downloaded_from_its_page_only(
    account: MailAccount, manager: Client
) -> None:
    [page] = factories.archive(account.folder, factories.raw())
    archived = LedgerEntry.objects.get(message=page)
    address = reverse("mailarchive_quarantined_original", args=[archived.pk])
    assert manager.get(address).status_code == 404


# -- the dashboard ----------------------------------------------------------------------------


def test_the_dashboard_counts_it_for_managers(
    account: MailAccount, manager: Client, strangers: list[Client]
) -> None:
    home = reverse("wagtailadmin_home")
    assert "quarantine:" not in text(manager.get(home))
    quarantine(account)
    quarantine(account, b"another")
    html = text(manager.get(home))
    assert "2 messages are in quarantine" in html
    assert reverse("mailarchive_quarantine") in html
    for client in strangers:
        assert "in quarantine:" not in text(client.get(home))


def test_the_dashboard_is_silent_while_mail_archiving_is_off(
    account: MailAccount, manager: Client
) -> None:
    quarantine(account)
    ArchiveSiteSettings.objects.create(is_on=False)
    assert "in quarantine:" not in text(manager.get(reverse("wagtailadmin_home")))


# -- too large --------------------------------------------------------------------------------


@pytest.fixture
def large(account: MailAccount) -> LedgerEntry:
    return enveloped(mailbox_of(account), Outcome.TOO_LARGE, "Plans", size=300 * 1024 * 1024)


def anyway(client: Client, *entries: LedgerEntry) -> str:
    address = reverse("mailarchive_archive_anyway")
    response = client.post(address, {"entry": [each.pk for each in entries]}, follow=True)
    return text(response)


def test_what_is_too_large_can_be_archived_anyway(
    account: MailAccount, manager: Client, large: LedgerEntry
) -> None:
    html = text(get(manager, "mailarchive_ledger", account=account.pk, outcome="too_large"))
    assert f'name="entry" value="{large.pk}"' in html
    assert "1 message is to be archived although it is large." in anyway(manager, large)
    large.refresh_from_db()
    assert (large.outcome, large.is_wanted) == (Outcome.WAITING, True)
    assert FetchRun.objects.get().account == account


def test_what_no_memory_bears_is_not_offered(
    account: MailAccount, manager: Client, large: LedgerEntry
) -> None:
    LedgerEntry.objects.update(size=LARGEST_WANTED + 1)
    html = text(get(manager, "mailarchive_ledger", account=account.pk, outcome="too_large"))
    assert 'name="entry"' not in html
    assert "No message was chosen" in anyway(manager, large)
    assert not FetchRun.objects.exists()


def test_nobody_else_has_it_archived(strangers: list[Client], large: LedgerEntry) -> None:
    for client in strangers:
        anyway(client, large)
    large.refresh_from_db()
    assert large.outcome == Outcome.TOO_LARGE
    assert not FetchRun.objects.exists()


def test_what_came_from_an_account_that_was_given_another_folder_is_not_fetched(
    account: MailAccount, manager: Client, large: LedgerEntry
) -> None:
    MailAccount.objects.update(folder=factories.folder())
    html = text(get(manager, "mailarchive_ledger", outcome="too_large"))
    assert 'name="entry"' not in html
    html = anyway(manager, large)
    assert "No message was chosen" in html
    large.refresh_from_db()
    assert large.outcome == Outcome.TOO_LARGE
    assert not FetchRun.objects.exists()


def test_what_is_in_a_mailbox_no_longer_archived_does_not_wait_for_ever(
    account: MailAccount, manager: Client, large: LedgerEntry
) -> None:
    mailbox_of(account, is_archived=False)
    assert "No message was chosen" in anyway(manager, large)
    large.refresh_from_db()
    assert large.outcome == Outcome.TOO_LARGE


@pytest.mark.parametrize("given", ["", "x", "-1", "9" * 40])
def test_what_is_no_entry_is_none(manager: Client, large: LedgerEntry, given: str) -> None:
    response = manager.post(reverse("mailarchive_archive_anyway"), {"entry": given}, follow=True)
    assert "No message was chosen" in text(response)
