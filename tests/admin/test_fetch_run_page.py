"""The page of one fetch run: its numbers, its end, and the messages it decided on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import GroupPagePermission

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from wagtail_mailarchive.exceptions import ServerDeletionForbidden
from wagtail_mailarchive.fetching.health import note_treatment
from wagtail_mailarchive.fetching.progress import progress
from wagtail_mailarchive.models import (
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.models.account import AfterFetch

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def account(db: None) -> MailAccount:
    return factories.account(factories.folder(title="Offers"), name="Sales inbox")


def ended(account: MailAccount, **values: Any) -> FetchRun:
    """A run that ended a minute ago and took 30 seconds."""
    given: dict[str, Any] = {
        "started_at": NOW - timedelta(seconds=90),
        "finished_at": NOW - timedelta(seconds=60),
        "adds_up": True,
    }
    return factories.fetch_run(account, RunStatus.SUCCEEDED, **(given | values))


def decide(
    account: MailAccount,
    outcome: Outcome,
    number: int = 1,
    *,
    ago: int = 70,
    message: EmailMessagePage | None = None,
    **values: Any,
) -> list[LedgerEntry]:
    """Rows of the ledger that were decided `ago` seconds ago."""
    mailbox, _ = Mailbox.objects.get_or_create(
        account=account, name="INBOX", defaults={"folder": account.folder}
    )
    first = LedgerEntry.objects.filter(mailbox=mailbox).count() + 1
    rows = LedgerEntry.objects.bulk_create(
        LedgerEntry(
            mailbox=mailbox,
            uidvalidity=1,
            uid=first + each,
            outcome=outcome,
            decided_at=NOW - timedelta(seconds=ago),
            message=message,
            **values,
        )
        for each in range(number)
    )
    present = LedgerEntry.objects.filter(mailbox=mailbox, presence=Presence.PRESENT).count()
    Mailbox.objects.filter(pk=mailbox.pk).update(exists=present)
    return rows


def page(client: Client, run: FetchRun, **query: Any) -> Any:
    response = client.get(reverse("mailarchive_fetch_run", args=[run.pk]), query)
    assert response.status_code == 200
    return response


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def uids(response: Any) -> list[int]:
    return [row["entry"].uid for row in response.context["decided"]]


def test_tells_who_and_when_and_how_long(account: MailAccount) -> None:
    user = factories.user("zoe", first_name="Zoe", last_name="Connector")
    run = ended(account, started_by=user, archived=1, bytes_fetched=2048)
    FetchRun.objects.update(trigger=Trigger.HAND)
    viewer = browser_of(manager_of(account.folder.get_parent()))
    html = text(page(viewer, run))
    assert "by hand (Zoe Connector)" in html
    assert "30 seconds" in html
    assert "2.0 KB" in html
    assert "Done: 1 new message." in html
    assert reverse("mailarchive_accounts:edit", args=[account.pk]) in html
    assert reverse("mailarchive_fetch_report") in html


def test_a_publisher_gets_no_link_to_what_is_for_managers(account: MailAccount) -> None:
    run = ended(account)
    html = text(page(browser_of(user_with(account.folder.get_parent(), "publish")), run))
    assert reverse("mailarchive_accounts:edit", args=[account.pk]) not in html
    assert reverse("mailarchive_fetch_report") not in html


def test_the_latest_run_shows_the_equation_of_the_ledger(
    boss: Client, account: MailAccount
) -> None:
    decide(account, Outcome.ARCHIVED, 12)
    decide(account, Outcome.DUPLICATE, 3)
    decide(account, Outcome.WAITING, 2)
    decide(account, Outcome.ARCHIVED, 5, presence=Presence.GONE)
    run = ended(account, archived=12, duplicates=3, on_server=17, waiting=2)
    html = text(page(boss, run))
    for address, number, label in (
        ("archived", 12, "archived"),
        ("duplicate", 3, "duplicate"),
        ("waiting", 2, "waiting"),
    ):
        query = f"account={account.pk}&amp;outcome={address}&amp;presence=present"
        assert f'?{query}"><strong>{number}</strong> {label}</a>' in html
    assert "<strong>17</strong> on the server" in html
    assert "0 quarantined" in html
    assert "does not add up" not in html


def test_an_earlier_run_shows_what_was_noted_at_its_end(boss: Client, account: MailAccount) -> None:
    run = ended(account, on_server=1_000, waiting=400)
    decide(account, Outcome.ARCHIVED, 3)
    ended(account, on_server=3)
    html = text(page(boss, run))
    assert "1,000 on the server at its end, 400 of them waiting" in html
    assert "</strong> archived" not in html


def test_says_that_it_does_not_add_up(boss: Client, account: MailAccount) -> None:
    decide(account, Outcome.ARCHIVED, 3)
    Mailbox.objects.update(exists=5)
    html = text(page(boss, ended(account, on_server=5, adds_up=False)))
    assert "What is archived does not add up" in html
    assert "<strong>5</strong> on the server" in html
    assert ">is not<" in html


def test_a_publisher_sees_numbers_and_no_lists(account: MailAccount) -> None:
    decide(account, Outcome.ARCHIVED, 3)
    run = ended(account)
    html = text(page(browser_of(user_with(account.folder.get_parent(), "publish")), run))
    assert "3 archived" in html
    assert reverse("mailarchive_ledger") not in html


def test_tells_why_it_failed(boss: Client, account: MailAccount) -> None:
    run = factories.fetch_run(
        account,
        RunStatus.FAILED,
        error_code="LoginRejected",
        error_params={"host": "imap.example.org", "username": "sales"},
        started_at=NOW,
        finished_at=NOW,
    )
    html = text(page(boss, run))
    assert "imap.example.org rejected the user name or password of sales." in html
    assert "help-critical" in html
    assert "None so far." in html


def test_lists_what_this_run_decided_on_and_nothing_else(
    boss: Client, account: MailAccount
) -> None:
    decide(account, Outcome.ARCHIVED, ago=1_000)
    mine = decide(account, Outcome.ARCHIVED, ago=75)
    mine += decide(account, Outcome.QUARANTINED, ago=70)
    decide(account, Outcome.ARCHIVED, ago=10)
    decide(factories.account(account.folder), Outcome.ARCHIVED, ago=75)
    run = ended(account, archived=1, quarantined=1)
    assert uids(page(boss, run)) == [entry.uid for entry in reversed(mine)]
    assert uids(page(boss, run, outcome="quarantined")) == [mine[1].uid]
    # What is no outcome shows all.
    assert len(uids(page(boss, run, outcome="waiting"))) == 2


def test_names_the_reason_and_links_to_messages(boss: Client, account: MailAccount) -> None:
    [message] = factories.archive(account.folder, factories.raw("Invoice <b>"))
    decide(account, Outcome.ARCHIVED, message=message)
    decide(account, Outcome.QUARANTINED, reason_code="ParserTimedOut", reason_params={"seconds": 9})
    html = text(page(boss, ended(account, archived=1, quarantined=1)))
    assert reverse("wagtailadmin_pages:edit", args=[message.pk]) in html
    assert "Invoice &lt;b&gt;" in html
    assert "Reading this message took longer than 9 seconds." in html


def test_tells_nothing_of_messages_in_a_folder_that_the_viewer_may_not_see(
    account: MailAccount,
) -> None:
    # The account archived elsewhere before.
    [message] = factories.archive(factories.folder(), factories.raw("Elsewhere"))
    decide(account, Outcome.DUPLICATE, message=message)
    run = ended(account, duplicates=1)
    html = text(page(browser_of(user_with(account.folder.get_parent(), "publish")), run))
    assert "Elsewhere" not in html
    assert reverse("wagtailadmin_pages:edit", args=[message.pk]) not in html


def test_many_messages_come_in_pages_at_the_same_price(boss: Client, account: MailAccount) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(boss, run, p=2)
        return len(captured)

    messages = factories.archive(account.folder, *(factories.raw() for _ in range(6)))
    run = ended(account, archived=59)
    decide(account, Outcome.ARCHIVED, 53)
    for message in messages[:1]:
        decide(account, Outcome.ARCHIVED, message=message)
    few = queries()
    for message in messages[1:]:
        decide(account, Outcome.ARCHIVED, message=message)
    assert queries() == few
    assert len(uids(page(boss, run))) == 50
    assert len(uids(page(boss, run, p=2))) == 9


def test_publishers_pay_the_same_for_many_messages(account: MailAccount) -> None:
    viewer = user_with(account.folder.get_parent(), "publish")
    assert GroupPagePermission.objects.filter(group__user=viewer).count() == 1

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(browser_of(viewer), run)
        return len(captured)

    messages = factories.archive(account.folder, *(factories.raw() for _ in range(5)))
    run = ended(account, archived=5)
    decide(account, Outcome.ARCHIVED, message=messages[0])
    few = queries()
    for message in messages[1:]:
        decide(account, Outcome.ARCHIVED, message=message)
    assert queries() == few


def test_a_removed_account_leaves_the_numbers(boss: Client, account: MailAccount) -> None:
    run = ended(account, archived=4, on_server=4)
    FetchRun.objects.update(account=None)
    html = text(page(boss, run))
    assert "Sales inbox" in html
    assert "Done: 4 new messages." in html
    assert "The mail account was removed" in html


def test_tells_what_was_done_on_the_server(boss: Client, account: MailAccount) -> None:
    html = text(page(boss, ended(account)))
    assert "After the fetch, on the server" not in html
    MailAccount.objects.update(after_fetch=AfterFetch.DELETE)
    account.refresh_from_db()
    run = ended(account, archived=1, deleted=1204)
    html = text(page(boss, run))
    assert "After the fetch, on the server" in html
    address = f"{reverse('mailarchive_ledger')}?account={account.pk}&amp;presence=removed"
    assert f'<dt>Deleted</dt><dd><a href="{address}">1,204</a></dd>' in html
    # Lists are for those who manage the account.
    assert "<dt>Deleted</dt><dd>1,204</dd>" in text(
        page(browser_of(user_with(account.folder, "publish")), run)
    )
    assert "Done: 1 new message. 1,204 deleted on the server." in html


def test_tells_why_nothing_more_was_changed_on_the_server(
    boss: Client, account: MailAccount
) -> None:
    MailAccount.objects.update(after_fetch=AfterFetch.DELETE)
    note_treatment(account.pk, ServerDeletionForbidden())
    values = {"anomaly_code": "ConnectionDropped", "anomaly_params": {"host": "imap.example.org"}}
    run = ended(account, not_proven=2, **values)
    html = text(page(boss, run))
    assert "nothing more was changed on the server: imap.example.org ended the connection" in html
    assert "<dt>Left, because not proven</dt><dd>2</dd>" in html
    assert "The owners of this site allow no mail to be deleted on servers" in html


def test_progress_goes_on_after_the_fetch(account: MailAccount) -> None:
    account.after_fetch = AfterFetch.MOVE
    run = factories.fetch_run(account, RunStatus.RUNNING, archived=5, waiting=7)
    [told] = progress([run])
    assert (told["done"], told["whole"], told["after_fetch"]) == (5, 12, "move")
    run.fetched_at, run.moved = NOW, 3
    [told] = progress([run])
    # What a limit leaves is not for this fetch any more.
    assert (told["done"], told["whole"], told["moved"]) == (5, 5, 3)
    assert told["sentence"] == (
        "All new mail is fetched; archived mail is being treated. 3 moved on the server."
    )
