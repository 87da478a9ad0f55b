"""Into the trash, back out of it, and gone for good: what is counted, found and kept meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page

from tests import factories
from tests.plans import counted_steps
from wagtail_mailarchive.archive import arrivals, erasing, month_counts, search, trash, verify
from wagtail_mailarchive.archive.originals import stored_name
from wagtail_mailarchive.models import (
    AccountMessage,
    Attachment,
    EmailFolderPage,
    EmailMessagePage,
    FacetCount,
    LedgerEntry,
    MailAccount,
    Mailbox,
    MessageText,
    MonthCount,
    Original,
    OriginalChunk,
    Outcome,
    Presence,
    Thread,
    Tombstone,
    TrashEntry,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def everything_counted(folder: EmailFolderPage) -> list[Any]:
    """All that says how much there is, and of what, in the order of keys."""
    return [
        sorted(
            FacetCount.objects.filter(folder=folder, messages__gt=0).values_list(
                "kind", "value", "messages", "newest"
            )
        ),
        sorted(
            MonthCount.objects.filter(folder=folder, messages__gt=0).values_list(
                "month", "quarter", "messages"
            )
        ),
        list(Thread.objects.order_by("pk").values()),
        list(MessageText.objects.order_by("pk").values()),
        list(Attachment.objects.order_by("pk").values()),
        sorted(AccountMessage.objects.values_list("folder", "text", "account")),
        list(Page.objects.order_by("pk").values("pk", "live", "path", "numchild")),
        list(EmailMessagePage.objects.order_by("pk").values()),
    ]


def put(message: EmailMessagePage, reason: str = "") -> int:
    return trash.put(message.folder_id, [message.pk], user_id=None, reason=reason)


def erase(message: EmailMessagePage) -> int:
    put(message)
    return erasing.erase(message.folder_id, [message.pk], user_id=None, reason="Asked for")


def by_account(account: MailAccount, *messages: EmailMessagePage) -> None:
    """Let `account` have brought messages, as a fetch would have."""
    Mailbox.objects.filter(folder=account.folder_id, name="factory").update(account=account)
    from wagtail_mailarchive.archive import facets

    facets.add_account(account.pk, [each.pk for each in messages], account.folder_id)


def test_coming_back_restores_every_number_row_and_thread(folder: EmailFolderPage) -> None:
    first, answer, other = factories.archive(
        folder,
        factories.raw("Plan", Message_ID="<plan@example.org>"),
        factories.raw("Re: Plan", In_Reply_To="<plan@example.org>", Date=""),
        factories.raw("Other", From="Grace <grace@example.org>", List_Id="<l.example.org>"),
    )
    by_account(factories.account(folder), first, answer, other)
    before = everything_counted(folder)

    keys = [first.pk, answer.pk, other.pk]
    assert trash.put(folder.pk, keys, user_id=None, reason="Tidying") == 3
    assert everything_counted(folder) != before
    assert trash.put(folder.pk, keys, user_id=None, reason="Again") == 0
    assert trash.restore(folder.pk, keys) == 3

    assert everything_counted(folder) == before
    assert not TrashEntry.objects.exists()
    assert trash.restore(folder.pk, keys) == 0


def test_nothing_counts_or_finds_what_is_in_the_trash(folder: EmailFolderPage) -> None:
    gone, stays = factories.archive(
        folder,
        factories.raw("Secret plan", Message_ID="<a@example.org>"),
        factories.raw("Re: Secret plan", In_Reply_To="<a@example.org>", From="g@example.org"),
    )
    by_account(factories.account(folder), gone, stays)
    user = factories.user()
    trash.put(folder.pk, [gone.pk], user_id=user.pk, reason="Not ours")

    assert search.find(folder.pk, "secret", limit=9) == [stays.text_entry.pk]
    assert sum(month_counts.by_month(folder.pk, __import__("zoneinfo").ZoneInfo("UTC")).values())
    thread = Thread.objects.get()
    assert (thread.message_count, thread.subject) == (1, "Re: Secret plan")
    counted = {
        (kind, value): number
        for kind, value, number in FacetCount.objects.values_list("kind", "value", "messages")
    }
    assert counted["sender", "ada@example.org"] == 0
    assert [number for (kind, _value), number in counted.items() if kind == "account"] == [1]
    gone.refresh_from_db()
    assert (gone.live, gone.listed, gone.trashed, gone.is_reachable()) == (False,) * 2 + (
        True,
        False,
    )
    entry = TrashEntry.objects.get()
    assert (entry.user, entry.reason, entry.was_live) == (user, "Not ours", True)


def test_a_message_that_was_unpublished_comes_back_unpublished(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw())
    message.live = False
    message.save()
    put(message)
    trash.restore(folder.pk, [message.pk])
    message.refresh_from_db()
    assert (message.live, message.listed, message.trashed) == (False, False, False)


def test_publishing_it_as_a_plain_page_does_not_bring_it_back(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw())
    put(message)
    page = Page.objects.get(pk=message.pk)
    page.live = True
    page.save()
    message.refresh_from_db()
    assert (message.live, message.listed) == (False, False)


def test_the_same_mail_fetched_again_stays_in_the_trash_and_then_away(
    folder: EmailFolderPage,
) -> None:
    raw = factories.raw("Once")
    [message] = factories.archive(folder, raw)
    put(message)
    assert [each.pk for each in factories.archive(folder, raw)] == [message.pk]
    message.refresh_from_db()
    assert message.trashed

    assert erasing.erase(folder.pk, [message.pk], user_id=None, reason="Asked for") == 1
    # As from another account, in a mailbox that is new here.
    assert factories.archive(folder, raw, uidvalidity=2) == []

    entries = LedgerEntry.objects.order_by("pk")
    assert [each.outcome for each in entries] == [Outcome.ERASED] * 3
    assert not entries.exclude(original=None, message=None).exists()
    assert not EmailMessagePage.objects.exists()
    assert not Original.objects.exists()
    assert folder.chain.count() == 1
    # Another folder takes it.
    assert len(factories.archive(factories.folder(), raw)) == 1


def test_a_batch_with_erased_mail_archives_the_rest(folder: EmailFolderPage) -> None:
    raw = factories.raw("Once")
    [message] = factories.archive(folder, raw)
    erase(message)
    [other] = factories.archive(folder, raw, factories.raw("Other"))
    assert other.subject == "Other"
    assert Original.objects.get() == other.original


def test_erasing_removes_all_but_the_tombstone_and_the_chain(folder: EmailFolderPage) -> None:
    message, other = factories.archive(folder, factories.raw("Gone"), factories.raw("Stays"))
    sha256 = message.original.sha256
    user = factories.user()
    put(message)
    erasing.erase(folder.pk, [message.pk], user_id=user.pk, reason="Asked for")

    assert list(EmailMessagePage.objects.all()) == [other]
    assert Original.objects.get() == other.original
    assert {chunk.original_id for chunk in OriginalChunk.objects.all()} == {other.original_id}
    assert not any(Page.find_problems())
    stone = Tombstone.objects.get()
    assert (stone.sha256, stone.folder, stone.user, stone.reason, stone.bytes_kept) == (
        *(sha256, folder, user, "Asked for"),
        False,
    )
    # What was erased is no damage to the archive.
    assert arrivals.not_held(folder.pk) == set()
    assert verify.check_links(list(folder.chain.all())).found == []


def test_erasing_leaves_the_bytes_that_another_folder_holds(folder: EmailFolderPage) -> None:
    raw = factories.raw()
    [message] = factories.archive(folder, raw)
    [elsewhere] = factories.archive(factories.folder(), raw)
    erase(message)
    assert Original.objects.get() == elsewhere.original
    assert Tombstone.objects.get().bytes_kept


def test_only_what_is_in_the_trash_is_erased(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw())
    assert erasing.erase(folder.pk, [message.pk], user_id=None, reason="No") == 0
    assert EmailMessagePage.objects.exists()


def test_files_of_erased_mail_are_deleted_from_their_storage(
    folder: EmailFolderPage, settings: Any, tmp_path: Path
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "mail": {
            "BACKEND": "wagtail_mailarchive.archive.file_storage.DurableFileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "ORIGINALS_STORAGE": "mail"}
    raw = factories.raw()
    [message] = factories.archive(folder, raw)
    name = stored_name(message.original.sha256)
    assert storages["mail"].exists(name)
    erase(message)
    assert not storages["mail"].exists(name)
    # Nor does a file stay that the next fetch wrote before it asked.
    factories.archive(folder, raw)
    assert not storages["mail"].exists(name)


def test_what_is_on_a_server_or_in_another_folder_is_elsewhere(folder: EmailFolderPage) -> None:
    raw = factories.raw("Twice")
    on_server, removed, twice = factories.archive(folder, factories.raw(), factories.raw(), raw)
    assert trash.only_here(folder) == 3  # the account is gone, so nobody knows

    Mailbox.objects.update(account=factories.account(folder))
    LedgerEntry.objects.exclude(message=on_server).update(presence=Presence.REMOVED)
    assert trash.only_here(folder) == 2
    factories.archive(factories.folder(), raw)
    held = EmailMessagePage.objects.filter(folder=folder).exclude(trash.is_elsewhere())
    assert [each.pk for each in held] == [removed.pk]
    assert twice.pk not in [each.pk for each in held]


def test_a_thousand_messages_cost_no_more_than_fifty_queries(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full portion costs as many queries as a small one, so a thousand cost a part of that."""

    def cost(number: int) -> list[int]:
        messages = factories.archive(folder, *(factories.raw() for _ in range(number)))
        keys = [each.pk for each in messages]
        found = []
        works: Sequence[Callable[[], object]] = (
            lambda: trash.put(folder.pk, keys, user_id=None, reason=""),
            lambda: trash.restore(folder.pk, keys),
            lambda: trash.put(folder.pk, keys, user_id=None, reason=""),
            lambda: erasing.erase(folder.pk, keys, user_id=None, reason=""),
        )
        for work in works:
            with CaptureQueriesContext(connection) as queries:
                work()
            found.append(len(queries))
        return found

    few, many = cost(3), cost(40)
    assert [a - b for a, b in zip(many, few, strict=True)] == [0, 0, 0, 0]
    put_, restored, _again, erased = many
    assert restored * 1000 / trash.TOGETHER <= 50
    # Deleting is both.
    assert put_ * 1000 / trash.TOGETHER + erased * 1000 / erasing.TOGETHER <= 50


@pytest.mark.skipif(connection.vendor != "sqlite", reason="counts SQLite's instructions")
def test_few_messages_take_no_longer_in_a_folder_of_many(folder: EmailFolderPage) -> None:
    """Without statistics SQLite took a folder for smaller than the messages that are named."""
    large = factories.folder()
    taken: list[list[int]] = []
    for each, stock in ((folder, 0), (large, 900)):
        account = factories.account(each)
        messages = factories.archive(each, *(factories.raw() for _ in range(stock + 60)))
        by_account(account, *messages)
        rest, keys = messages[: stock // 2], [message.pk for message in messages[-60:]]
        if rest:
            trash.put(each.pk, [message.pk for message in rest], user_id=None, reason="")
        here, steps = each.pk, []
        for work in ("put", "restore", "put", "erase"):
            with counted_steps() as counted:
                if work == "restore":
                    done = trash.restore(here, keys)
                else:
                    move = trash.put if work == "put" else erasing.erase
                    done = move(here, keys, user_id=None, reason="")
            assert done == 60
            steps.append(counted.taken)
        taken.append(steps)
    assert all(many < 1.15 * few + 10 for few, many in zip(*taken, strict=True)), taken
