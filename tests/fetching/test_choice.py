"""Which mailboxes are archived: those named, or all but Junk, Trash and Drafts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching import choice
from wagtail_mailarchive.fetching.choice import all_but_unwanted, mailboxes_to_archive
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.tally import tally
from wagtail_mailarchive.models import EmailMessagePage, MailAccount, Mailbox
from wagtail_mailarchive.models.account import AfterFetch, MailboxChoice
from wagtail_mailarchive.sources.base import RemoteMailbox, SpecialUse
from wagtail_mailarchive.sources.imap import ImapSource


def listed(*names: str | tuple[str, str], delimiter: str = "/") -> list[RemoteMailbox]:
    pairs = [(each, "") if isinstance(each, str) else each for each in names]
    return [RemoteMailbox(name, SpecialUse(use), delimiter) for name, use in pairs]


@pytest.mark.parametrize(
    ("mailboxes", "taken"),
    [
        (
            # Marked ones, whatever they are called; then the usual names do not count.
            listed(
                *("INBOX", "Trash", "Spam", "Drafts", "Sent"),
                *(("Müll", "trash"), ("Unfug", "junk"), ("Angefangen", "drafts")),
            ),
            ["INBOX", "Trash", "Spam", "Drafts", "Sent"],
        ),
        (
            # Of a kind that is not marked, the usual names count.
            listed("INBOX", ("Bin", "trash"), "Spam", "Trash", "Work"),
            ["INBOX", "Trash", "Work"],
        ),
        (
            listed(
                "INBOX", "INBOX.Trash", "INBOX.Spam", "INBOX.Work.Spam", "Spam.Old", delimiter="."
            ),
            ["INBOX", "INBOX.Work.Spam", "Spam.Old"],
        ),
        (listed("INBOX", "trash", "Trash/2020", "trash/2020"), ["INBOX", "Trash/2020"]),
        (listed("INBOX", "Drafts.2024", "Drafts"), ["INBOX", "Drafts.2024"]),
        (listed("INBOX", ("Starred", "flagged"), ("Everything", "all")), ["INBOX"]),
        (listed("INBOX", ("Sent", "sent"), ("Archive", "archive")), ["INBOX", "Sent", "Archive"]),
        (listed("Archive"), ["INBOX", "Archive"]),
        (listed("Inbox", "Work"), ["Inbox", "Work"]),
        ([], ["INBOX"]),
    ],
)
def test_all_but_what_nobody_wants(mailboxes: Sequence[RemoteMailbox], taken: list[str]) -> None:
    assert all_but_unwanted(mailboxes) == taken


@pytest.mark.parametrize(
    "name",
    [
        *("Junk E-mail", "SPAM", "Bulk Mail", "Spamverdacht", "Courrier indésirable"),
        *("Gelöschte Elemente", "Gelo\u0308scht", "Papierkorb", "Corbeille", "Deleted Messages"),
        *("Entwürfe", "Brouillons", "Borradores", "Bozze", "Concepten", "Корзина", "Черновики"),
    ],
)
def test_usual_names_in_several_languages(name: str) -> None:
    below = f"INBOX/{name}"
    found = listed("INBOX", name, f"{name}/2024", below, f"{below}/2024", f"{name} 2024")
    assert all_but_unwanted(found) == ["INBOX", f"{name} 2024"]


def test_the_usual_names_are_documented() -> None:
    documented = Path("docs/reference/fetching.md").read_text("utf-8").casefold()
    cells = {cell.strip() for row in documented.splitlines() for cell in re.split("[|,]", row)}
    assert {name for names in choice._USUAL_NAMES.values() for name in names} <= cells


@pytest.mark.parametrize("root", ["[Gmail]", "[Google Mail]"])
def test_of_gmail_all_mail_is_taken_and_nothing_twice(root: str) -> None:
    mailboxes = listed(
        *("INBOX", "Work"),
        *((f"{root}/Alle Nachrichten", "all"), (f"{root}/Gesendet", "sent")),
        *((f"{root}/Spam", "junk"), (f"{root}/Papierkorb", "trash")),
        *((f"{root}/Entwürfe", "drafts"), (f"{root}/Markiert", "flagged")),
    )
    assert all_but_unwanted(mailboxes) == [f"{root}/Alle Nachrichten"]


def test_a_name_that_no_row_can_hold_is_left_out_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert all_but_unwanted(listed("INBOX", "x" * 501)) == ["INBOX"]
    assert "too long: 1" in caplog.text


def test_a_server_that_lists_a_hundred_thousand_mailboxes_is_not_compared_for_hours() -> None:
    unwanted = [RemoteMailbox(f"Spam {number}", SpecialUse.JUNK, "/") for number in range(50_000)]
    wanted = [RemoteMailbox(f"Work/{number}", SpecialUse.NONE, "/") for number in range(50_000)]
    started = time.monotonic()
    assert len(all_but_unwanted([*unwanted, *wanted])) == 50_001
    assert time.monotonic() - started < 20


def test_named_mailboxes_are_taken_once_and_the_server_is_not_asked() -> None:
    account = MailAccount(mailboxes=["INBOX", "Spam", "INBOX"])
    assert mailboxes_to_archive(account, lambda: pytest.fail("asked")) == ["INBOX", "Spam"]


@pytest.mark.django_db
def test_all_mailboxes_of_a_server_whatever_they_are_called(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    wanted = ["INBOX", "Größe & Maß", "日本語", "Work", "Work.Spam"]
    for name in (*wanted, "Trash", "Trash.Old", "Entwürfe", "Spam"):
        dovecot.deliver(mail_user, factories.raw(name), mailbox=name)
    account.mailbox_choice = MailboxChoice.ALL
    account.save()
    report = fetch_now(account)
    assert (report.run.archived, report.run.on_server, report.run.adds_up) == (5, 5, True)
    subjects = EmailMessagePage.objects.values_list("subject", flat=True)
    assert sorted(subjects) == sorted(wanted)
    # A mailbox made later is found by itself.
    dovecot.deliver(mail_user, factories.raw("New"), mailbox="New")
    assert fetch_now(account).run.archived == 1


@pytest.mark.django_db
def test_the_ledger_counts_what_is_chosen_now(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.deliver(mail_user, factories.raw())
    dovecot.deliver(mail_user, factories.raw(), mailbox="Work")
    account.mailboxes = ["INBOX", "Work"]
    account.save()
    assert fetch_now(account).run.on_server == 2
    account.mailboxes = ["Work"]
    account.save()
    # Until the next run takes them up, the numbers are those of the last.
    assert tally(account).on_server == 2
    report = fetch_now(account)
    assert (report.run.on_server, report.run.adds_up) == (1, True)
    assert set(Mailbox.objects.values_list("name", "is_archived")) == {
        ("INBOX", False),
        ("Work", True),
    }
    account.mailboxes = ["INBOX", "Work"]
    account.save()
    assert fetch_now(account).run.on_server == 2


@pytest.mark.django_db
def test_looking_for_new_mail_in_all_mailboxes_costs_one_command_more_and_one_each(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dovecot.deliver(mail_user, factories.raw())
    dovecot.deliver(mail_user, factories.raw(), mailbox="Work")
    costs: list[int] = []
    leave = ImapSource.__exit__

    def counting(self: ImapSource, *exc: object) -> None:
        costs.append(self.commands_sent)
        leave(self, *exc)

    monkeypatch.setattr(ImapSource, "__exit__", counting)
    fetch_now(account)
    fetch_now(account)
    account.mailbox_choice = MailboxChoice.ALL
    account.save()
    fetch_now(account)
    fetch_now(account)
    assert costs[3] == costs[1] + 2


def test_where_all_are_archived_the_one_to_move_to_is_not() -> None:
    account = MailAccount(mailbox_choice=MailboxChoice.ALL, move_to="Done")
    names = listed("INBOX", "Done", "Done/2024", "Work")
    assert "Done" in mailboxes_to_archive(account, lambda: names)
    account.after_fetch = AfterFetch.MOVE
    assert mailboxes_to_archive(account, lambda: names) == ["INBOX", "Done/2024", "Work"]
