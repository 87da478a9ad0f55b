"""What an account may do on the server after a fetch: chosen, refused with a reason, confirmed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from tests import factories
from tests.admin.account_values import SECRET, add, edit, errors
from wagtail_mailarchive.exceptions import ServerDeletionForbidden
from wagtail_mailarchive.fetching.health import note_treatment
from wagtail_mailarchive.models import (
    AccountHealth,
    ArchiveSiteSettings,
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    Trial,
    TrialKind,
    TrialStatus,
)
from wagtail_mailarchive.models.account import AfterFetch, MailboxChoice

pytestmark = pytest.mark.django_db
ADDRESS = "sales@example.org"
DELETE = {"after_fetch": "delete", "confirm_address": ADDRESS}


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def account(boss: Client, folder: EmailFolderPage) -> MailAccount:
    add(boss, folder, mailboxes="INBOX")
    return MailAccount.objects.get()


def change(client: Client, account: MailAccount, **values: Any) -> Any:
    """Send the form as it stands, with `values`."""
    response = edit(client, account, **{"secret": "", "mailboxes": "INBOX", **values})
    account.refresh_from_db()
    return response


def page_of(client: Client, account: MailAccount) -> str:
    address = reverse("mailarchive_accounts:edit", args=[account.pk])
    html: str = client.get(address).content.decode()
    return html


def archived(account: MailAccount, *days_ago: int, **values: Any) -> None:
    """Have the ledger know messages on the server that were archived so many days ago."""
    mailbox, _ = Mailbox.objects.get_or_create(
        account=account, folder=account.folder, name="INBOX", server=account.server, uidvalidity=1
    )
    page = EmailMessagePage.objects.first() or factories.archive(account.folder, factories.raw())[0]
    number = mailbox.entries.count()
    now = timezone.now()
    rows = [
        LedgerEntry(
            mailbox=mailbox,
            uidvalidity=1,
            uid=number + position,
            decided_at=now - timedelta(days=days, minutes=1),
            message=page,
            original=page.original,
            **{"outcome": Outcome.ARCHIVED, **values},
        )
        for position, days in enumerate(days_ago, start=1)
    ]
    LedgerEntry.objects.bulk_create(rows)


def tested(account: MailAccount, *offered: str) -> None:
    """A passed test of the account's present values, in which its server offered that."""
    step = {"name": "capabilities", "outcome": "passed", "code": "", "params": {}}
    Trial.objects.create(
        kind=TrialKind.CONNECTION,
        account=account,
        status=TrialStatus.DONE,
        finished_at=timezone.now(),
        result={
            "passed": True,
            "steps": [step | {"facts": {"offered": list(offered)}}],
            "mailboxes": [
                {"name": "INBOX", "special_use": ""},
                {"name": "Müll", "special_use": "trash"},
            ],
        },
    )
    MailAccount.objects.update(verified_at=timezone.now() - timedelta(minutes=1))


def radio(html: str, value: str) -> tuple[bool, str]:
    """Return whether the choice `value` is disabled, and the reason below it."""
    start = html.index(f'name="after_fetch" value="{value}"')
    tag = html[start : html.index(">", start)]
    note = html[html.index("<p", start) : html.index("</p>", start)]
    return "disabled" in tag, note.partition(">")[2]


# -- what is chosen --------------------------------------------------------------------------


def test_mail_is_left_untouched_unless_somebody_chooses_otherwise(
    boss: Client, account: MailAccount
) -> None:
    assert (account.after_fetch, account.after_fetch_days) == (AfterFetch.LEAVE, 0)
    assert not ModelLogEntry.objects.filter(action="mailarchive.after_fetch").exists()
    # What is disabled is not sent, and that is no change.
    change(boss, account, after_fetch="mark_read", after_fetch_days="3")
    assert change(boss, account, name="Renamed").status_code == 302
    assert (account.after_fetch, account.name) == (AfterFetch.MARK_READ, "Renamed")


def test_each_choice_keeps_what_belongs_to_it(boss: Client, account: MailAccount) -> None:
    for sent, kept in (
        ({"after_fetch": "mark_read", "after_fetch_days": ""}, ("mark_read", 0, "")),
        (
            {"after_fetch": "move", "after_fetch_days": "7", "move_to": " Erledigtes/Älteres "},
            ("move", 7, "Erledigtes/Älteres"),
        ),
        ({**DELETE, "after_fetch_days": "30", "move_to": "Done"}, ("delete", 30, "")),
        ({"after_fetch": "leave", "after_fetch_days": "30", "move_to": "Done"}, ("leave", 0, "")),
    ):
        assert change(boss, account, **sent).status_code == 302
        assert (account.after_fetch, account.after_fetch_days, account.move_to) == kept


@pytest.mark.parametrize("days", ["-1", "36501", "99999999999999999999", "x"])
def test_a_senseless_number_of_days_is_refused(
    days: str, boss: Client, account: MailAccount
) -> None:
    sent = {"after_fetch": "mark_read", "after_fetch_days": days}
    assert "after_fetch_days" in errors(change(boss, account, **sent))


@pytest.mark.parametrize(
    ("target", "others"),
    [
        ("", {}),
        ("INBOX", {}),
        ("inbox", {}),
        ("Archive/2024", {"mailboxes": "INBOX\nArchive/2024"}),
        ("Done\x00", {}),
        ("Inbox", {"mailbox_choice": "all"}),
    ],
)
def test_mail_is_moved_to_no_mailbox_that_is_archived_or_none(
    target: str, others: dict[str, str], boss: Client, account: MailAccount
) -> None:
    sent = {"after_fetch": "move", "move_to": target, **others}
    assert "move_to" in errors(change(boss, account, **sent))
    assert account.after_fetch == AfterFetch.LEAVE


def test_where_all_mailboxes_are_archived_another_one_can_be_moved_to(
    boss: Client, account: MailAccount
) -> None:
    change(boss, account, after_fetch="move", move_to="Done", mailbox_choice="all")
    assert (account.move_to, account.mailbox_choice) == ("Done", MailboxChoice.ALL)


def test_a_limit_of_size_is_kept_and_the_smaller_one_counts(
    boss: Client, account: MailAccount
) -> None:
    site = account.largest_message()
    change(boss, account, size_limit="2")
    assert account.largest_message() == 2 * 1024 * 1024
    change(boss, account, size_limit="100000")
    assert account.largest_message() == site
    assert "size_limit" in errors(change(boss, account, size_limit="0"))
    change(boss, account, size_limit="")
    assert account.size_limit is None


# -- what cannot be chosen, and why ----------------------------------------------------------


def test_pop3_can_delete_only(boss: Client, account: MailAccount) -> None:
    pop3 = {"connection": "pop3s", "secret": SECRET}
    for value in ("mark_read", "move"):
        [error] = errors(change(boss, account, after_fetch=value, move_to="Done", **pop3))[
            "after_fetch"
        ]
        assert error == "POP3 can only delete. Choose IMAP for this."
    assert change(boss, account, **DELETE, **pop3).status_code == 302
    html = page_of(boss, account)
    assert radio(html, "move") == (True, "POP3 can only delete. Choose IMAP for this.")
    assert radio(html, "mark_read")[0]
    assert radio(html, "delete") == (False, "")


def test_the_site_can_forbid_deletion(boss: Client, account: MailAccount) -> None:
    ArchiveSiteSettings.objects.create(allow_server_deletion=False)
    html = page_of(boss, account)
    reason = "The owners of this site allow no mail to be deleted on servers."
    assert radio(html, "delete") == (True, reason)
    assert errors(change(boss, account, **DELETE))["after_fetch"] == [reason]
    # An account that was to delete before can be changed otherwise, and says so.
    MailAccount.objects.update(after_fetch=AfterFetch.DELETE)
    assert change(boss, account, name="Renamed", after_fetch="delete").status_code == 302
    assert radio(page_of(boss, account), "delete") == (False, reason)


@pytest.mark.parametrize(
    ("offered", "limited"),
    [
        (["UIDPLUS"], set()),
        (["IDLE"], {"delete", "move"}),
        (["MOVE"], {"delete"}),
        (["MOVE", "UIDPLUS"], set()),
    ],
)
def test_what_the_server_lacks_is_said_after_a_test(
    offered: list[str], limited: set[str], boss: Client, account: MailAccount
) -> None:
    tested(account, *offered)
    html = page_of(boss, account)
    found = {value for value in ("mark_read", "move", "delete") if radio(html, value)[0]}
    assert found == limited
    for value in limited:
        assert "UIDPLUS" in radio(html, value)[1]
        sent = {**DELETE, "after_fetch": value, "move_to": "Done"}
        assert "after_fetch" in errors(change(boss, account, **sent))


def test_what_another_server_lacks_says_nothing(boss: Client, account: MailAccount) -> None:
    tested(account, "IDLE")
    sent = {**DELETE, "host": "other.example.org", "secret": SECRET}
    assert change(boss, account, **sent).status_code == 302
    assert radio(page_of(boss, account), "delete") == (False, "")


@pytest.mark.parametrize("by", ["host", "capability"])
def test_gmail_says_that_deleting_takes_a_label_only(
    by: str, boss: Client, account: MailAccount
) -> None:
    def is_told() -> bool:
        html = page_of(boss, account)
        note = html[html.index('data-mailarchive-account-target="gmail"') :]
        assert "the message stays in All Mail" in note
        return "hidden" not in note[: note.index(">")]

    assert not is_told()
    if by == "host":
        MailAccount.objects.update(host="imap.gmail.com")
    else:
        tested(account, "UIDPLUS", "X-GM-EXT-1")
    assert is_told()


def test_mailboxes_show_what_they_are_for(boss: Client, account: MailAccount) -> None:
    tested(account, "UIDPLUS")
    html = page_of(boss, account)
    assert '<span>Müll</span> <span class="mailarchive-meta">(trash)</span>' in html
    assert '<option value="Müll">trash</option>' in html


# -- deleting is confirmed -------------------------------------------------------------------


def test_deleting_says_what_it_means_in_numbers_and_wants_the_address(
    boss: Client, account: MailAccount
) -> None:
    archived(account, *[0] * 3, *[10] * 1203)
    archived(account, 10, presence=Presence.GONE)
    archived(account, 10, outcome=Outcome.EXCLUDED)
    sent = {"after_fetch": "delete", "after_fetch_days": "7"}
    response = change(boss, account, **sent)
    assert "confirm_address" in errors(response)
    assert account.after_fetch == AfterFetch.LEAVE
    html = response.content.decode()
    for told in (
        "People who use this mailbox elsewhere lose these messages",
        "Choose more days than lie between two backups.",
        "1,203 messages that are archived will be deleted with the next fetch.",
        "3 more will be deleted when their days have passed.",
        "Each new message is deleted 7 days after it was archived.",
        reverse("mailarchive_clone_account"),
        'name="confirm_address"',
    ):
        assert told in html
    assert (
        "All Mail" not in html.partition('id="mailarchive-consequences"')[2].partition("</ul>")[0]
    )
    wrong = change(boss, account, **sent, confirm_address="other@example.org")
    assert "is not the address" in errors(wrong)["confirm_address"][0]
    assert 'value="other@example.org"' in wrong.content.decode()
    response = change(boss, account, **sent, confirm_address=" Sales@Example.org ")
    assert response.status_code == 302
    assert (account.after_fetch, account.after_fetch_days) == (AfterFetch.DELETE, 7)


def test_a_new_account_that_deletes_is_confirmed_too(boss: Client, folder: EmailFolderPage) -> None:
    response = add(boss, folder, after_fetch="delete")
    assert "confirm_address" in errors(response)
    assert not MailAccount.objects.exists()
    html = response.content.decode()
    assert "Each new message is deleted in the fetch that archives it." in html
    # No page shows the password again.
    assert "Type the password again before you save" in html
    assert add(boss, folder, **DELETE).status_code == 302
    assert MailAccount.objects.get().after_fetch == AfterFetch.DELETE


@pytest.mark.parametrize(
    ("values", "is_asked"),
    [
        ({"name": "Renamed"}, False),
        ({"after_fetch_days": "60"}, False),
        ({"mailboxes": ""}, False),
        ({"host": "other.example.org", "secret": SECRET}, True),
        ({"username": "other", "secret": SECRET}, True),
        ({"email": "other@example.org"}, True),
        ({"mailboxes": "INBOX\nWork"}, True),
        ({"mailbox_choice": "all"}, True),
    ],
)
def test_it_is_confirmed_again_when_other_mail_would_be_deleted(
    values: dict[str, str], is_asked: bool, boss: Client, account: MailAccount
) -> None:
    change(boss, account, **DELETE)
    response = change(boss, account, **({"after_fetch": "delete"} | values))
    found = response.context["form"].errors if response.status_code == 200 else {}
    assert ("confirm_address" in found) is is_asked


@pytest.mark.parametrize(
    ("names", "is_asked"), [("INBOX", False), ("INBOX\nSent", False), ("INBOX\nDrafts", True)]
)
def test_it_is_confirmed_again_when_all_mailboxes_become_others(
    names: str, is_asked: bool, boss: Client, account: MailAccount
) -> None:
    change(boss, account, **DELETE, mailbox_choice="all")
    for name in ("INBOX", "Sent"):
        Mailbox.objects.create(account=account, folder=account.folder, name=name)
    sent = {"after_fetch": "delete", "mailbox_choice": "named", "mailboxes": names}
    response = change(boss, account, **sent)
    found = response.context["form"].errors if response.status_code == 200 else {}
    assert ("confirm_address" in found) is is_asked


def test_a_test_of_the_connection_needs_no_confirmation(boss: Client, account: MailAccount) -> None:
    sent = {"after_fetch": "delete", "action-test": "1"}
    response = change(boss, account, **sent)
    assert response.status_code == 302
    assert Trial.objects.filter(account=account).exists()
    assert account.after_fetch == AfterFetch.LEAVE


def test_what_was_chosen_is_said_in_numbers_once_it_is_saved(
    boss: Client, account: MailAccount
) -> None:
    archived(account, 1, 1)
    assert "2 archived messages of this account are on the server" in page_of(boss, account)
    address = reverse("mailarchive_accounts:edit", args=[account.pk])
    response = change(boss, account, after_fetch="move", move_to="Done")
    told = boss.get(response.headers["Location"].partition("#")[0]).content.decode()
    assert "2 messages that are archived will be moved to “Done” with the next fetch." in told
    assert address in told or account.name in told


def test_who_chose_it_and_when_is_kept(boss: Client, account: MailAccount) -> None:
    change(boss, account, **DELETE, after_fetch_days="7")
    change(boss, account, after_fetch="delete", after_fetch_days="7", name="Renamed")
    change(boss, account, after_fetch="move", move_to="Done")
    entries = ModelLogEntry.objects.filter(action="mailarchive.after_fetch").order_by("pk")
    assert [(each.user.is_superuser, each.message) for each in entries] == [
        (True, "After the fetch: delete, after 7 days"),
        (True, "After the fetch: move to a mailbox “Done”"),
    ]
    history = boss.get(reverse("mailarchive_accounts:history", args=[account.pk]))
    assert "After the fetch: delete, after 7 days" in history.content.decode()


def test_a_new_choice_forgets_why_the_last_one_could_not_be_done(
    boss: Client, account: MailAccount
) -> None:
    MailAccount.objects.update(after_fetch=AfterFetch.DELETE)
    note_treatment(account.pk, ServerDeletionForbidden())
    change(boss, account, name="Renamed", after_fetch="delete")
    assert AccountHealth.objects.get().treatment_code == "ServerDeletionForbidden"
    change(boss, account, after_fetch="mark_read")
    assert AccountHealth.objects.get().treatment_code == ""


def test_enabling_says_what_is_done_on_the_server(boss: Client, account: MailAccount) -> None:
    archived(account, 3)
    address = reverse("mailarchive_enable_account", args=[account.pk])
    MailAccount.objects.update(verified_at=timezone.now(), enabled=False)
    assert "Mail on the server is left untouched." in boss.get(address).content.decode()
    MailAccount.objects.update(after_fetch=AfterFetch.DELETE)
    html = boss.get(address).content.decode()
    assert "1 message that is archived will be deleted with the next fetch." in html
    assert "Each new message is deleted in the fetch that archives it." in html


def test_what_is_marked_as_read_already_is_not_counted_again(
    boss: Client, account: MailAccount
) -> None:
    archived(account, 3)
    archived(account, 3, treated=AfterFetch.MARK_READ, treated_at=timezone.now())
    MailAccount.objects.update(verified_at=timezone.now(), enabled=False, after_fetch="mark_read")
    html = boss.get(reverse("mailarchive_enable_account", args=[account.pk])).content.decode()
    assert "1 message that is archived will be marked as read with the next fetch." in html
