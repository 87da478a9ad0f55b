"""A POP3 maildrop loses what is proven, at QUIT, and the ledger knows it only from then on."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.maildrop import Maildrop, Name, by_content
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive import crossings
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.crossings import Crossing
from wagtail_mailarchive.exceptions import StorageError
from wagtail_mailarchive.fetching import pop3_removal, run
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.fetching.tally import tally
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    Lease,
    LedgerEntry,
    MailAccount,
    Original,
    Outcome,
    Presence,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.models.account import AfterFetch

from .test_afterwards import EDITS, choose, die_in_a_fetch, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("durable")]


def mails(number: int) -> list[bytes]:
    return [factories.raw(f"Message {n}").replace(b"\n", b"\r\n") for n in range(number)]


def names(number: int, raw: bytes) -> str:
    """Unique-ids that do not depend on the bytes."""
    return raw.partition(b"Message-ID: <")[2].partition(b"@")[0].decode()


@contextmanager
def deleting(folder: EmailFolderPage, maildrop: Maildrop) -> Iterator[MailAccount]:
    with ScriptedServer(maildrop) as server:
        yield factories.account(
            folder, server.endpoint(), protocol="pop3", after_fetch=AfterFetch.DELETE
        )


def fetch(account: MailAccount) -> FetchRun:
    """Fetch to the end; what the ledger says must add up, whatever was removed."""
    done = fetch_now(account).run
    assert (done.status, done.adds_up) == (RunStatus.SUCCEEDED, True), done.error
    assert tally(account).adds_up
    return done


def presences() -> Counter[str]:
    return Counter(LedgerEntry.objects.values_list("presence", flat=True))


def test_dovecots_maildrop_is_emptied_of_what_is_archived(
    folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    for raw in mails(3):
        dovecot.deliver(mail_user, raw)
    endpoint = replace(dovecot.endpoint(mail_user), port=dovecot.pop3s)
    account = factories.account(
        folder, endpoint, protocol="pop3", after_fetch=AfterFetch.DELETE, after_fetch_days=1
    )
    assert fetch(account).deleted == 0
    assert len(dovecot.message_files(mail_user)) == 3
    choose(account, AfterFetch.DELETE, after_fetch_days=0)
    done = fetch(account)
    assert (done.deleted, done.on_server) == (3, 0)
    assert dovecot.message_files(mail_user) == []
    assert presences() == {Presence.REMOVED: 3}
    assert EmailMessagePage.objects.count() == 3
    assert refusal(account) == ""


def test_each_message_is_read_again_in_the_session_that_deletes_it(
    folder: EmailFolderPage,
) -> None:
    maildrop = Maildrop(mails(3))
    with deleting(folder, maildrop) as account:
        assert fetch(account).deleted == 3
    assert maildrop.retrieved == [[1, 2, 3, 1, 2, 3]]
    assert maildrop.messages == []


@pytest.mark.parametrize("at_quit", [b"-ERR some not removed\r\n", b""])
def test_a_quit_that_fails_or_says_nothing_is_finished_by_the_next_run(
    at_quit: bytes, folder: EmailFolderPage
) -> None:
    maildrop = Maildrop(mails(3))
    maildrop.at_quit = at_quit
    with deleting(folder, maildrop) as account:
        failed = fetch(account)
        assert failed.deleted == 0
        assert presences() == {Presence.REMOVAL_PENDING: 3}
        maildrop.at_quit = b"+OK bye\r\n"
        fetch(account)
    assert maildrop.messages == []
    assert presences() == {Presence.REMOVED: 3}


def test_other_bytes_under_the_same_name_keep_all_of_the_session_on_the_server(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pop3_removal, "_AT_ONCE", 1)
    maildrop = Maildrop(mails(3), name=names)
    with deleting(folder, maildrop) as account:
        fetch(choose(account, AfterFetch.LEAVE))
        maildrop.messages[1] = maildrop.messages[1].replace(b"Body", b"Bodz")
        before = list(maildrop.messages)
        quits = maildrop.quits
        choose(account, AfterFetch.DELETE)
        done = fetch(account)
        assert (done.deleted, done.not_proven) == (0, 1)
        assert done.anomaly_code == "RemovalNotProven"
        assert (maildrop.messages, maildrop.quits) == (before, quits)
        entry = LedgerEntry.objects.get(reason_code="RemovalNotProven")
        assert entry.uidl == names(2, before[1])
        assert fetch(account).deleted == 2
    assert maildrop.messages == [before[1]]


def test_a_server_that_deletes_what_was_read_deletes_nothing_that_is_not_proven(
    folder: EmailFolderPage,
) -> None:
    maildrop = Maildrop(mails(2), name=names)
    with deleting(folder, maildrop) as account:
        fetch(choose(account, AfterFetch.LEAVE))
        maildrop.messages[0] += b"more\r\n"
        maildrop.deletes = True
        choose(account, AfterFetch.DELETE)
        assert fetch(account).not_proven == 1
    assert len(maildrop.messages) == 2


def test_what_a_server_only_says_it_deleted_is_not_deleted_again_and_again(
    folder: EmailFolderPage,
) -> None:
    maildrop = Maildrop(mails(2))
    maildrop.forgets = False
    with deleting(folder, maildrop) as account:
        assert fetch(account).deleted == 2
        fetch(account)
        read = len(maildrop.retrieved)
        for _ in range(3):
            assert fetch(account).deleted == 0
        assert not any(maildrop.retrieved[read:])
    assert presences() == {Presence.PRESENT: 2}


@pytest.mark.parametrize("action", [AfterFetch.MARK_READ, AfterFetch.MOVE])
def test_what_pop3_cannot_do_is_said(action: AfterFetch, folder: EmailFolderPage) -> None:
    maildrop = Maildrop(mails(1))
    with deleting(folder, maildrop) as account:
        choose(account, action, move_to="Done")
        fetch(account)
        assert refusal(account) == "NotWithPop3"
    assert len(maildrop.messages) == 1


def test_a_task_whose_time_is_up_removes_what_is_proven_and_the_next_goes_on(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pop3_removal, "_AT_ONCE", 2)
    maildrop = Maildrop(mails(5))
    with deleting(folder, maildrop) as account:
        fetch(choose(account, AfterFetch.LEAVE))
        choose(account, AfterFetch.DELETE)
        opened, _ = open_run(account, trigger=Trigger.SCHEDULE)
        left = []
        while run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES:
            left.append(len(maildrop.messages))
    # The first one has fetched only: nothing is begun once the time is up.
    assert left[:3] == [5, 3, 1]
    opened.refresh_from_db()
    assert (opened.status, opened.deleted, opened.adds_up) == (RunStatus.SUCCEEDED, 5, True)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_account_edited_before_quit_has_nothing_removed_that_is_only_marked(
    edit: Callable[[], object], folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildrop = Maildrop(mails(2))

    def interrupt(crossing: Crossing) -> None:
        if crossing is Crossing.MARKED_ON_SERVER:
            edit()

    monkeypatch.setattr(crossings, "interrupt", interrupt)
    with deleting(folder, maildrop) as account:
        fetch_now(account)
    assert (len(maildrop.messages), maildrop.quits) == (2, 0)
    assert presences() == {Presence.REMOVAL_PENDING: 2}


def test_a_lease_lost_before_quit_keeps_it_from_being_said(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildrop = Maildrop(mails(2))

    def interrupt(crossing: Crossing) -> None:
        if crossing is Crossing.MARKED_ON_SERVER:
            Lease.objects.update(token=F("token") + 1)

    monkeypatch.setattr(crossings, "interrupt", interrupt)
    with deleting(folder, maildrop) as account:
        opened, _ = open_run(account, trigger=Trigger.HAND)
        assert run.work_on(opened.pk) is run.Verdict.BUSY
        assert (len(maildrop.messages), maildrop.quits) == (2, 0)
        assert presences() == {Presence.REMOVAL_PENDING: 2}
        # The other worker ends, and a later run finishes it.
        monkeypatch.setattr(crossings, "interrupt", None)
        Lease.objects.update(expires_at=None)
        FetchRun.objects.update(status=RunStatus.FAILED, finished_at=timezone.now())
        assert fetch(account).deleted == 2
    assert maildrop.messages == []


def test_what_may_take_longer_than_the_lease_is_not_begun(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_mailarchive.fetching.lease.LEASE_TIME", timedelta(seconds=60))
    maildrop = Maildrop(mails(2))
    with deleting(folder, maildrop) as account:
        opened, _ = open_run(account, trigger=Trigger.HAND)
        assert run.work_on(opened.pk) is run.Verdict.BUSY
    assert (len(maildrop.messages), maildrop.quits) == (2, 0)


@pytest.mark.parametrize(
    ("name", "has_top", "anomaly"),
    [
        (lambda number, raw: "the same", True, ""),
        (None, True, ""),
        (None, False, "UidlMissing"),
        (lambda number, raw: secrets.token_hex(8), True, "UidlChanged"),
    ],
    ids=["duplicated", "absent", "absent, headers too", "new each time"],
)
def test_where_names_are_in_doubt_nothing_is_removed(
    name: Name | None, has_top: bool, anomaly: str, folder: EmailFolderPage
) -> None:
    raws = mails(3)
    maildrop = Maildrop(raws, name=name, has_top=has_top)
    with deleting(folder, maildrop) as account:
        fetch(choose(account, AfterFetch.LEAVE))
        choose(account, AfterFetch.DELETE)
        for _ in range(2 if anomaly else 1):
            done = fetch(account)
            assert (done.archived, done.anomaly_code) == (0, anomaly)
            assert done.deleted == (0 if anomaly else 3)
            # At most to know which they are, or else to prove them; not for both.
            assert maildrop.retrieved[-1] == [1, 2, 3]
    assert maildrop.messages == (raws if anomaly else [])


def test_a_store_that_cannot_be_read_keeps_all_of_it_on_the_server_until_it_can(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = mails(3)
    maildrop = Maildrop(raws)

    def verify(original: Original) -> None:
        if len(maildrop.retrieved[-1]) >= 3:
            raise StorageError(store="files")

    with deleting(folder, maildrop) as account, monkeypatch.context() as patch:
        fetch(choose(account, AfterFetch.LEAVE))
        choose(account, AfterFetch.DELETE)
        patch.setattr(originals, "verify", verify)
        patch.setattr(originals, "is_stored", lambda original: True)
        assert fetch(account).anomaly_code == refusal(account) == "StorageError"
        assert (maildrop.messages, presences()) == (raws, {Presence.PRESENT: 3})
        patch.undo()
        assert fetch(account).deleted == 3


@pytest.mark.parametrize(
    "step",
    [
        Crossing.PROVEN,
        Crossing.PENDING_NOTED,
        Crossing.MARKED_ON_SERVER,
        Crossing.CHANGED_ON_SERVER,
        Crossing.REMOVAL_NOTED,
    ],
)
def test_what_died_in_between_is_finished_by_later_runs(
    step: Crossing, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildrop = Maildrop(mails(3))
    with deleting(folder, maildrop) as account:
        die_in_a_fetch(account, monkeypatch, step)
        fetch(account)
        fetch(account)
    assert maildrop.messages == []
    assert presences() == {Presence.REMOVED: 3}
    assert EmailMessagePage.objects.count() == 3


@pytest.mark.parametrize("step", [Crossing.MARKED_ON_SERVER, Crossing.CHANGED_ON_SERVER])
def test_what_was_begun_is_given_up_where_the_account_leaves_mail_now(
    step: Crossing, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildrop = Maildrop(mails(2))
    with deleting(folder, maildrop) as account:
        die_in_a_fetch(account, monkeypatch, step)
        choose(account, AfterFetch.LEAVE)
        fetch(account)
        fetch(account)
    gone = step is Crossing.CHANGED_ON_SERVER
    assert len(maildrop.messages) == (0 if gone else 2)
    assert presences() == {Presence.REMOVED if gone else Presence.PRESENT: 2}


def test_a_message_at_which_the_server_fails_keeps_no_other_for_ever(
    folder: EmailFolderPage,
) -> None:
    maildrop = Maildrop(mails(4))
    bad = maildrop.messages[1]
    with deleting(folder, maildrop) as account:
        fetch(choose(account, AfterFetch.LEAVE))
        choose(account, AfterFetch.DELETE)
        for _ in range(6):
            maildrop.broken = {maildrop.messages.index(bad) + 1}
            done = fetch(account)
            if maildrop.messages == [bad]:
                break
            maildrop.messages += [mails(9)[-1]]
        else:
            raise AssertionError(maildrop.messages)
        assert refusal(account) == done.anomaly_code == "ConnectionDropped"
        maildrop.broken = set()
        fetch(account)
        assert refusal(account) == ""
    assert maildrop.messages == []


def test_identical_messages_of_the_same_name_are_deleted_like_others(
    folder: EmailFolderPage,
) -> None:
    [first, second] = mails(2)
    maildrop = Maildrop([first, first, second])
    with deleting(folder, maildrop) as account:
        assert fetch(account).deleted == 3
    assert maildrop.messages == []


@pytest.mark.parametrize("name", [by_content, names], ids=["same name", "another name"])
def test_a_copy_that_comes_after_the_first_was_deleted_is_deleted_like_it(
    name: Name, folder: EmailFolderPage
) -> None:
    [raw, other] = mails(2)
    maildrop = Maildrop([raw], name=name)
    with deleting(folder, maildrop) as account:
        assert fetch(account).deleted == 1
        maildrop.messages = [other]
        assert fetch(account).deleted == 1
        if name is names:
            maildrop.name = lambda number, raw: f"new{number}"
        maildrop.messages = [raw]
        fetch(account)
        fetch(account)
    assert maildrop.messages == []
    assert presences() == {Presence.REMOVED: 3}
    assert Counter(LedgerEntry.objects.values_list("outcome", flat=True)) == {
        Outcome.ARCHIVED: 2,
        Outcome.DUPLICATE: 1,
    }


def test_what_was_never_read_is_remembered_when_a_copy_of_other_mail_comes(
    folder: EmailFolderPage, settings: Settings
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": 5_000}
    large = factories.raw("Large", body="x" * 9_000).replace(b"\n", b"\r\n")
    [raw] = mails(1)
    maildrop = Maildrop([raw, large], name=lambda number, raw: f"{len(raw)}")
    with deleting(folder, maildrop) as account:
        fetch(choose(account, AfterFetch.LEAVE))
        maildrop.messages = []
        fetch(account)
        maildrop.messages, maildrop.name = [raw], lambda number, raw: "again"
        fetch(account)
    row = LedgerEntry.objects.get(outcome=Outcome.TOO_LARGE)
    assert (row.presence, row.envelope.subject) == (Presence.GONE, "Large")
