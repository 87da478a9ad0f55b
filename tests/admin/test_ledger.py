"""The ledger on screen: a sum that can be checked, and behind every number its list."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from tests.admin.ledger_rows import entry, enveloped, get, mailbox_of, one_of_each, text
from wagtail_mailarchive.models import (
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    RunStatus,
)

pytestmark = pytest.mark.django_db
LEDGER = "mailarchive_ledger"


@pytest.fixture
def account(db: None) -> MailAccount:
    return factories.account(factories.folder(title="Offers"), name="Sales inbox")


@pytest.fixture
def mailbox(account: MailAccount) -> Mailbox:
    return mailbox_of(account)


@pytest.fixture
def manager(account: MailAccount) -> Client:
    return browser_of(manager_of(account.folder.get_parent()))


def uids(response: Any) -> set[int]:
    return {row.entry.uid for row in response.context["rows"]}


def listed(client: Client, address: str) -> int:
    """Return how many entries the list at `address` has."""
    response = get(client, LEDGER, **dict(parse_qsl(urlsplit(address).query)))
    total: int = response.context["total"]
    assert len(response.context["rows"]) == total
    return total


def terms(response: Any) -> dict[str, int]:
    [found] = response.context["sums"]
    return {term.label: term.number for term in [*found.terms, *found.beside]}


def test_the_sum_counts_every_outcome_and_beside_it_what_is_not_there(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    one_of_each(mailbox)
    response = get(manager, LEDGER, account=account.pk)
    assert terms(response) == {
        **{"archived": 1, "duplicate": 1, "excluded": 1, "quarantined": 1, "too large": 1},
        **{"erased here": 1, "waiting": 1, "gone from the server": 1, "removed by us": 1},
    }
    [found] = response.context["sums"]
    assert (found.on_server, found.warning) == (7, "")
    said = re.sub(r"<[^>]*>", "", re.sub(r"<span aria-hidden.*?</span>", "", text(response)))
    assert "7 on the server equals 1 archived plus 1 duplicate plus 1 excluded" in " ".join(
        said.split()
    )


def test_every_number_opens_a_list_of_as_many(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    one_of_each(mailbox)
    entry(mailbox, Outcome.ARCHIVED, presence=Presence.REMOVAL_PENDING)
    former = mailbox_of(account, "Former", is_archived=False, exists=3)
    entry(former, Outcome.ARCHIVED)
    entry(former, Outcome.ARCHIVED, presence=Presence.GONE)
    response = get(manager, LEDGER, account=account.pk)
    [found] = response.context["sums"]
    assert terms(response)["archived"] == 2
    # With the row about to be removed there is one more than the server counts.
    assert found.listed == ""
    of_mailboxes = [term for each in found.mailboxes for term in each.terms if term.address]
    assert len(of_mailboxes) == 4
    for term in [*found.terms, *found.beside, *of_mailboxes]:
        assert (term.label, listed(manager, term.address)) == (term.label, term.number)
    Mailbox.objects.filter(pk=mailbox.pk).update(exists=8)
    response = get(manager, LEDGER, account=account.pk)
    [found] = response.context["sums"]
    assert listed(manager, found.listed) == found.on_server == 8
    on_server = found.mailboxes[0].terms[0]
    assert listed(manager, on_server.address) == on_server.number == 8
    assert text(response).count("presence=present") >= 4


@pytest.mark.parametrize(
    ("status", "said", "can_reconcile"),
    [
        (RunStatus.QUEUED, "A fetch is under way", False),
        (RunStatus.RUNNING, "A fetch is under way", False),
        (RunStatus.FAILED, "The last fetch did not succeed", True),
        (RunStatus.STOPPED, "The last fetch did not succeed", True),
        (RunStatus.SUCCEEDED, "does not add up to what the server holds", True),
    ],
)
def test_is_alarmed_only_where_it_has_to_add_up(
    account: MailAccount,
    mailbox: Mailbox,
    manager: Client,
    status: RunStatus,
    said: str,
    can_reconcile: bool,
) -> None:
    one_of_each(mailbox)
    # As while a large mailbox is listed for the first time.
    Mailbox.objects.update(exists=None)
    factories.fetch_run(account, RunStatus.SUCCEEDED)
    factories.fetch_run(account, status)
    html = text(get(manager, LEDGER, account=account.pk))
    assert said in html
    assert ("does not add up" in html) is (status == RunStatus.SUCCEEDED)
    reconcile = reverse("mailarchive_reconcile_account", args=[account.pk])
    assert (f'action="{reconcile}"' in html) is can_reconcile
    assert "equals" not in html


def test_says_plainly_when_it_does_not_add_up(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    one_of_each(mailbox)
    Mailbox.objects.update(exists=9)
    response = get(manager, LEDGER, account=account.pk)
    assert "does not add up to what the server holds" in text(response)
    assert "is not" in text(response)
    assert "(does not add up)" in text(response)
    assert f'action="{reverse("mailarchive_reconcile_account", args=[account.pk])}"' in text(
        response
    )


def test_entries_say_what_they_are_and_why(mailbox: Mailbox, manager: Client) -> None:
    [page] = factories.archive(mailbox.folder, factories.raw("An offer"))
    entry(mailbox, Outcome.ARCHIVED, message=page, size=2048)
    enveloped(mailbox, Outcome.TOO_LARGE, "Plans of the house", size=300 * 1024 * 1024)
    entry(mailbox, Outcome.EXCLUDED, reason_code="AlreadyRead", uid=4711)
    html = text(get(manager, LEDGER, mailbox=mailbox.pk))
    assert f'href="{reverse("wagtailadmin_pages:edit", args=[page.pk])}"' in html
    for said in ("An offer", "Ada Lovelace", "Plans of the house", "Grace Hopper", "UID 4711"):
        assert said in html
    assert "the account archives unread mail only" in html
    assert "300.0 MB" in html


def test_what_we_removed_says_when(mailbox: Mailbox, manager: Client) -> None:
    one_of_each(mailbox)
    html = text(get(manager, LEDGER, mailbox=mailbox.pk, presence="removed"))
    assert "Deleted from the server by us on" in html


def test_a_message_of_a_folder_that_the_manager_may_not_read_is_not_named(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    [page] = factories.archive(factories.folder(), factories.raw("Of somebody else"))
    entry(mailbox, Outcome.DUPLICATE, message=page)
    response = get(manager, LEDGER, mailbox=mailbox.pk)
    assert response.context["total"] == 1
    assert "Of somebody else" not in text(response)


def test_pages_hold_fifty_of_all_mailboxes_in_order(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    other = mailbox_of(account, "Sent")
    for each, number in ((mailbox, 70), (other, 45)):
        for uid in range(number):
            entry(each, Outcome.ARCHIVED, uid=uid + 1)
    seen: list[tuple[int, int]] = []
    for page in (1, 2, 3):
        response = get(manager, LEDGER, account=account.pk, p=page)
        seen += [(row.entry.mailbox_id, row.entry.uid) for row in response.context["rows"]]
    assert [len(seen), len(set(seen))] == [115, 115]
    assert seen == sorted(seen, reverse=True)
    assert response.context["total"] == 115


def test_the_number_of_queries_does_not_grow(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            get(manager, LEDGER, account=account.pk)
        return len(captured)

    def more(number: int) -> None:
        raws = [factories.raw(f"Offer {each}") for each in range(number)]
        for page in factories.archive(account.folder, *raws):
            entry(mailbox, Outcome.ARCHIVED, message=EmailMessagePage(pk=page.pk))
        for each in range(number):
            other = mailbox_of(account, f"Mailbox {LedgerEntry.objects.count()}")
            enveloped(other, Outcome.TOO_LARGE, f"Plan {each}")

    more(2)
    queries()
    few = queries()
    more(10)
    assert queries() == few


# -- who sees it ------------------------------------------------------------------------------


def test_it_is_for_managers(account: MailAccount, mailbox: Mailbox) -> None:
    publisher = browser_of(user_with(account.folder.get_parent(), "add", "change", "publish"))
    assert publisher.get(reverse(LEDGER)).status_code == 403
    assert Client().get(reverse(LEDGER)).status_code == 302


def test_nothing_of_another_folder_can_be_chosen(account: MailAccount, mailbox: Mailbox) -> None:
    one_of_each(mailbox)
    stranger = browser_of(manager_of(factories.workspace()))
    for query in (
        {"account": account.pk},
        {"folder": account.folder_id},
        {"mailbox": mailbox.pk},
    ):
        assert stranger.get(reverse(LEDGER), query).status_code == 404
    response = get(stranger, LEDGER, outcome="archived")
    assert response.context["total"] == 0
    assert "Sales inbox" not in text(get(stranger, LEDGER))


@pytest.mark.parametrize(
    "query", [{"outcome": "x"}, {"presence": "x"}, {"account": "x"}, {"mailbox": "9" * 30}]
)
def test_what_means_nothing_is_not_found(
    account: MailAccount, manager: Client, query: dict[str, str]
) -> None:
    assert manager.get(reverse(LEDGER), query).status_code == 404


def test_is_reached_from_the_account_and_the_folder(account: MailAccount, manager: Client) -> None:
    of_account = f"{reverse(LEDGER)}?account={account.pk}"
    of_folder = f"{reverse(LEDGER)}?folder={account.folder_id}"
    pages = {
        reverse("mailarchive_accounts:edit", args=[account.pk]): of_account,
        reverse("mailarchive_accounts:index"): of_account,
        reverse("wagtailadmin_pages:edit", args=[account.folder_id]): of_account,
        reverse("wagtailadmin_explore", args=[account.folder_id]): of_folder,
    }
    for address, wanted in pages.items():
        html = unescape(manager.get(address).content.decode())
        assert f'href="{wanted}"' in html, address


def test_a_folder_tells_what_removed_accounts_brought(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    one_of_each(mailbox)
    Mailbox.objects.update(account=None)
    living = factories.account(account.folder)
    one_of_each(mailbox_of(living))
    one_of_each(mailbox_of(living, "Former", is_archived=False))
    response = get(manager, LEDGER, folder=account.folder_id)
    former = response.context["former_accounts"]
    # What is gone or was removed there as well.
    assert listed(manager, former.address) == former.number == 9
    [left] = [
        term
        for found in response.context["sums"]
        for term in found.beside
        if term.label == "in mailboxes no longer archived"
    ]
    assert listed(manager, left.address) == left.number == 7


def test_an_account_that_was_given_another_folder_is_counted_whole(
    account: MailAccount, mailbox: Mailbox, manager: Client
) -> None:
    one_of_each(mailbox)
    before = account.folder_id
    account.folder = factories.folder(account.folder.get_parent())
    account.save()
    one_of_each(mailbox_of(account, "Sent"))
    response = get(manager, LEDGER, folder=account.folder_id)
    [found] = response.context["sums"]
    assert (found.on_server, found.warning) == (14, "")
    for term in [*found.terms, *found.beside]:
        assert listed(manager, term.address) == term.number
    former = get(manager, LEDGER, folder=before).context["former_accounts"]
    assert listed(manager, former.address) == former.number == 9
