"""“Where is my mail?” answers in words, and tells nobody what they may not see."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import PageViewRestriction

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from tests.admin.ledger_rows import entry, enveloped, get, mailbox_of, text
from wagtail_mailarchive.archive import erasing, folder_trash, trash, whereabouts
from wagtail_mailarchive.fetching import trash_requests
from wagtail_mailarchive.models import (
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Outcome,
    Presence,
    RunStatus,
)

pytestmark = pytest.mark.django_db
WHERE = "mailarchive_whereabouts"
NOTHING = "Nothing was found"


@pytest.fixture
def account(db: None) -> MailAccount:
    folder = factories.folder(title="Offers", privacy="groups")
    return factories.account(folder, name="Sales inbox")


@pytest.fixture
def manager(account: MailAccount) -> Client:
    return browser_of(manager_of(account.folder.get_parent()))


@pytest.fixture
def offer(account: MailAccount) -> EmailMessagePage:
    """A message in the INBOX of the account."""
    raw = factories.raw("An offer for Bob", Message_ID="<offer-7@example.org>")
    [page] = factories.archive(account.folder, raw)
    LedgerEntry.objects.all().delete()
    entry(mailbox_of(account), Outcome.ARCHIVED, message=page)
    return page


def asked(client: Client, question: str, **query: object) -> str:
    return text(get(client, WHERE, q=question, **query))


def reader_of(account: MailAccount) -> Client:
    """Enters the admin for something else and belongs to the group that may read the folder."""
    user = user_with(factories.workspace(), "add", "change")
    restriction = PageViewRestriction.objects.get(page=account.folder)
    restriction.groups.add(Group.objects.get(user=user))
    return browser_of(user)


@pytest.mark.parametrize(
    "question",
    [
        *("offer-7@example.org", "<offer-7@example.org>", "Message-ID: <offer-7@example.org>"),
        *("An offer for Bob", "offer bob", "Subject: An offer for Bob", "OFFER"),
        *("ada@example.org", "Ada Lovelace <ada@example.org>", "From: Ada Lovelace"),
        *("2026-03-05", "03/05/2026", "Thu, 05 Mar 2026 14:30:00 +0100"),
        "Date: Thu, 05 Mar 2026 14:30:00 +0100",
    ],
)
def test_finds_a_message_by_what_people_know_of_it(
    manager: Client, offer: EmailMessagePage, question: str
) -> None:
    html = asked(manager, question)
    assert "An offer for Bob" in html
    assert "in “Offers” from INBOX of Sales inbox." in html
    assert f'href="{reverse("wagtailadmin_pages:edit", args=[offer.pk])}"' in html


@pytest.mark.parametrize(
    "question",
    [
        *(
            "offer-8@example.org",
            "An offer for Carol",
            "2026-03-06",
            "Message-ID: offer",
            "<>",
            "'",
        ),
        *("9999-12-31", "0001-01-01", "Subject:", "Date: yesterday", "\x00", '" OR "', "%", "_"),
        *("Date: Fri, 31 Dec 9999 23:59:59 -2359", "a " * 5_000, "💥" * 300),
    ],
)
def test_finds_nothing_where_nothing_is_meant(
    manager: Client, offer: EmailMessagePage, question: str
) -> None:
    assert NOTHING in asked(manager, question)


def test_tells_every_mailbox_that_held_it(
    account: MailAccount, manager: Client, offer: EmailMessagePage
) -> None:
    removed = {"presence": Presence.REMOVED, "treated": "delete", "treated_at": timezone.now()}
    entry(mailbox_of(account, "Sent"), Outcome.DUPLICATE, message=offer, **removed)
    html = asked(manager, "offer-7@example.org")
    assert "from INBOX of Sales inbox." in html
    assert "in Sent of Sales inbox; it is kept once. Deleted from the server by us on" in html


def test_tells_of_what_is_no_page(account: MailAccount, manager: Client) -> None:
    inbox = mailbox_of(account)
    enveloped(inbox, Outcome.QUARANTINED, "Broken plans", reason_code="ParserFailed")
    enveloped(inbox, Outcome.TOO_LARGE, "Huge plans", size=300 * 1024 * 1024)
    enveloped(inbox, Outcome.EXCLUDED, "Read plans", reason_code="AlreadyRead")
    html = asked(manager, "plans grace")
    assert "In quarantine since" in html
    assert "This message could not be read. Its original is kept." in html
    assert "Too large (300.0 MB)" in html
    assert "Left out, in INBOX of Sales inbox: This message was read before" in html
    assert f"{reverse('mailarchive_quarantine')}?mailbox={inbox.pk}" in html
    assert "Broken plans" in asked(manager, "<broken-plans@envelope.example>")
    assert "Huge plans" in asked(manager, timezone.localdate().isoformat())
    assert NOTHING in asked(manager, "plans babbage")


def test_tells_when_what_waits_is_fetched(account: MailAccount, manager: Client) -> None:
    enveloped(mailbox_of(account), Outcome.WAITING, "Wanted plans", is_wanted=True)
    finished = timezone.now() - timedelta(minutes=10)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=finished)
    assert "for the next fetch at" in asked(manager, "wanted plans")
    account.enabled = False
    account.save()
    assert "no fetch is planned" in asked(manager, "wanted plans")


def test_counts_what_could_be_it_where_nothing_is_found(
    account: MailAccount, manager: Client
) -> None:
    inbox = mailbox_of(account)
    for outcome in (Outcome.WAITING, Outcome.EXCLUDED, Outcome.ARCHIVED):
        entry(inbox, outcome)
    entry(inbox, Outcome.WAITING)
    entry(inbox, Outcome.WAITING, presence=Presence.GONE)
    entry(mailbox_of(account, "Former", is_archived=False), Outcome.WAITING)
    html = asked(manager, "lost")
    assert "2 messages in these mailboxes wait to be fetched" in html
    assert "1 message in these mailboxes was left out" in html
    for query in ({}, {"folder": account.folder_id}):
        response = get(manager, WHERE, q="lost", **query)
        for (_, address), number in zip(response.context["not_read"], (2, 1), strict=True):
            asked_for = dict(parse_qsl(urlsplit(address).query))
            assert get(manager, "mailarchive_ledger", **asked_for).context["total"] == number


@pytest.mark.parametrize(
    "subject",
    [
        "Updated invitation: Jour fixe @ Thu 5 Mar 2026 14:00 - 15:00 (CET)",
        "Backup report 2026-03-05 14:30:00 OK",
        "Re: Meeting on 5 March 2026, 14:30",
    ],
)
def test_a_subject_with_a_date_in_it_is_a_subject(
    account: MailAccount, manager: Client, offer: EmailMessagePage, subject: str
) -> None:
    assert NOTHING in asked(manager, subject)
    factories.archive(
        account.folder, factories.raw(subject, Date="Mon, 02 Feb 2026 09:00:00 +0100")
    )
    response = get(manager, WHERE, q=subject)
    assert [each.subject for each in response.context["found"]] == [subject]


def test_what_has_no_page_is_told_however_much_else_matches(
    account: MailAccount, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("archive", "admin"):
        monkeypatch.setattr(f"wagtail_mailarchive.{module}.whereabouts.MOST", 3)
    factories.archive(account.folder, *[factories.raw(f"The plans {each}") for each in range(3)])
    enveloped(mailbox_of(account), Outcome.QUARANTINED, "Broken plans")
    response = get(manager, WHERE, q="plans")
    found = [each.subject for each in response.context["found"]]
    assert found == ["Broken plans", "The plans 2", "The plans 1", "The plans 0"]
    assert not response.context["is_cut"]
    factories.archive(account.folder, factories.raw("The plans 3"))
    response = get(manager, WHERE, q="plans")
    assert [each.subject for each in response.context["found"]][-1] == "The plans 1"
    assert response.context["is_cut"]


@pytest.mark.parametrize("question", ['"', "()", "<> , :"])
def test_punctuation_alone_finds_nothing(
    account: MailAccount, manager: Client, question: str
) -> None:
    enveloped(mailbox_of(account), Outcome.QUARANTINED, "Broken plans")
    assert NOTHING in asked(manager, question)
    assert "Broken plans" in asked(manager, f"{question} plans")


def test_looks_in_one_folder_where_that_is_asked(
    account: MailAccount, manager: Client, offer: EmailMessagePage
) -> None:
    other = factories.folder(account.folder.get_parent())
    factories.archive(other, factories.raw("An offer elsewhere"))
    assert "elsewhere" in asked(manager, "offer")
    html = asked(manager, "offer", folder=account.folder_id)
    assert "elsewhere" not in html
    assert "An offer for Bob" in html


# -- who may see what -------------------------------------------------------------------------


def test_a_reader_learns_where_the_page_is_and_no_more(
    account: MailAccount, offer: EmailMessagePage
) -> None:
    reader = reader_of(account)
    html = asked(reader, "offer-7@example.org")
    assert "An offer for Bob" in html
    assert "in “Offers”." in html
    assert "Sales inbox" not in html
    assert f'href="{offer.get_url()}"' in html


def test_a_reader_learns_nothing_of_what_is_no_page(account: MailAccount) -> None:
    inbox = mailbox_of(account)
    enveloped(inbox, Outcome.QUARANTINED, "Broken plans")
    entry(inbox, Outcome.WAITING)
    reader = reader_of(account)
    for question in ("broken plans", "broken-plans@envelope.example"):
        html = asked(reader, question)
        assert NOTHING in html
        assert "in these mailboxes" not in html


def test_a_restricted_message_of_a_readable_folder_is_not_found(
    account: MailAccount, offer: EmailMessagePage
) -> None:
    reader = reader_of(account)
    PageViewRestriction.objects.create(page=offer.page_ptr, restriction_type="groups")
    for question in ("offer-7@example.org", "offer bob", "2026-03-05"):
        assert NOTHING in asked(reader, question)


def test_what_may_not_be_read_takes_no_place_among_what_is_found(
    account: MailAccount, offer: EmailMessagePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST", "_FIRST", "_KEYS_AT_ONCE"):
        monkeypatch.setattr(f"wagtail_mailarchive.archive.whereabouts.{name}", 2)
    reader = reader_of(account)
    dates = [f"Fri, {day:02} Mar 2026 14:30:00 +0100" for day in range(6, 20)]
    raws = [factories.raw(f"An offer {date}", Date=date) for date in dates]
    for page in factories.archive(account.folder, *raws):
        PageViewRestriction.objects.create(page_id=page.pk, restriction_type="groups")
    response = get(reader, WHERE, q="offer")
    assert [each.subject for each in response.context["found"]] == ["An offer for Bob"]


@pytest.mark.parametrize("hide", ["restriction", "draft", "draft above", "restriction above"])
def test_nothing_of_a_folder_that_cannot_be_read_is_found(
    account: MailAccount, offer: EmailMessagePage, hide: str
) -> None:
    reader = reader_of(account)
    assert "An offer for Bob" in asked(reader, "offer")
    above = account.folder.get_parent()
    if hide == "restriction":
        PageViewRestriction.objects.get(page=account.folder).groups.clear()
    elif hide == "restriction above":
        PageViewRestriction.objects.create(page=above, restriction_type="groups")
    else:
        page = above if hide == "draft above" else account.folder
        type(page).objects.filter(pk=page.pk).update(live=False)
    for question in ("offer-7@example.org", "offer", "2026-03-05"):
        assert NOTHING in asked(reader, question)
    titled = text(get(reader, WHERE, folder=account.folder_id))
    assert "Offers" not in titled


def test_strangers_find_nothing_and_visitors_have_to_sign_in(
    account: MailAccount, offer: EmailMessagePage
) -> None:
    enveloped(mailbox_of(account), Outcome.QUARANTINED, "Broken plans")
    stranger = browser_of(manager_of(factories.workspace()))
    for question in ("offer", "broken plans", "offer-7@example.org"):
        assert NOTHING in asked(stranger, question)
    assert Client().get(reverse(WHERE), {"q": "offer"}).status_code == 302


def test_the_number_of_queries_does_not_grow(account: MailAccount, manager: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            asked(manager, "plans")
        return len(captured)

    def more(number: int) -> None:
        for each in range(number):
            [page] = factories.archive(account.folder, factories.raw(f"The plans {each}"))
            entry(mailbox_of(account), Outcome.ARCHIVED, message=page)
            other = factories.account(factories.folder(account.folder.get_parent()))
            enveloped(mailbox_of(other), Outcome.WAITING, f"My plans {each}")

    more(1)
    queries()
    few = queries()
    more(5)
    assert queries() == few


def test_is_reached_from_the_menu_and_the_folder(account: MailAccount, manager: Client) -> None:
    html = manager.get(reverse("wagtailadmin_explore", args=[account.folder_id])).content.decode()
    assert f'href="{reverse(WHERE)}?folder={account.folder_id}"' in html
    home = manager.get(reverse("wagtailadmin_home")).content.decode()
    assert reverse(WHERE) in home


def trasher_of(account: MailAccount) -> User:
    user = user_with(account.folder, "publish")
    user.groups.get().permissions.add(Permission.objects.get(codename="trash_mail"))
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    "question", ["offer-7@example.org", "offer bob", "From: Ada Lovelace", "2026-03-05"]
)
def test_tells_those_who_may_open_it_that_it_is_in_the_trash(
    account: MailAccount, manager: Client, offer: EmailMessagePage, question: str
) -> None:
    reader, trasher = reader_of(account), trasher_of(account)
    assert "An offer for Bob" in asked(reader, question)
    trash.put(account.folder_id, [offer.pk], user_id=trasher.pk, reason="Not ours")
    assert NOTHING in asked(reader, question)
    for client in (manager, browser_of(trasher)):
        html = asked(client, question)
        assert "In the trash of “Offers” since" in html
        assert f"moved there by {trasher.username}. Not ours" in html
        address = reverse("mailarchive_trash", args=[account.folder_id])
        assert f'href="{address}"' in html
        # Where it came from is for those who manage the account.
        assert ("from INBOX of Sales inbox." in html) is (client is manager)
    assert NOTHING in asked(browser_of(manager_of(factories.workspace())), question)
    trash_requests.erase(account.folder, user=None, reason="Asked for")
    assert "and being erased" in asked(manager, question)


def test_only_the_latest_of_a_large_trash_are_looked_through_but_message_ids_are_found(
    account: MailAccount,
    manager: Client,
    offer: EmailMessagePage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whereabouts, "_LOOKED_THROUGH", 2)
    later = factories.archive(account.folder, *(factories.raw(f"Later {n}") for n in range(2)))
    trash.put(account.folder_id, [offer.pk], user_id=None, reason="")
    trash.put(account.folder_id, [each.pk for each in later], user_id=None, reason="")
    assert NOTHING in asked(manager, "offer bob")
    assert "An offer for Bob" in asked(manager, "offer-7@example.org")
    assert "Later 0" in asked(manager, "later")


def test_tells_managers_what_was_erased_by_its_hash_and_of_folders_in_the_trash(
    account: MailAccount, manager: Client, offer: EmailMessagePage
) -> None:
    sha256 = offer.original.sha256
    folder_trash.put(account.folder, user_id=None, reason="")
    assert "The folder “Offers” is in the trash since" in asked(manager, "offer bob")
    assert NOTHING in asked(manager, sha256)
    trash.put(account.folder_id, [offer.pk], user_id=None, reason="")
    erasing.erase(account.folder_id, [offer.pk], user_id=None, reason="Asked for")
    html = asked(manager, sha256.upper())
    assert "Erased from “Offers” on" in html
    assert "it does not come back there. Asked for" in html
    assert NOTHING in asked(browser_of(trasher_of(account)), sha256)
