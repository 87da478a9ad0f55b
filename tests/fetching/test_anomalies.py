"""What does not fit what a server said before loses nothing, doubles nothing, and is said."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import Mailboxes, Shown
from tests.servers.maildrop import Maildrop
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive.archive.writer import Writer
from wagtail_mailarchive.exceptions import ConnectionDropped, LeaseLost, StorageError
from wagtail_mailarchive.fetching import run as runs
from wagtail_mailarchive.fetching.anomalies import note_anomaly
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    RunStatus,
    Trigger,
)

pytestmark = pytest.mark.django_db


@functools.cache
def mail(number: int, body: str = "Hello\n") -> bytes:
    return factories.raw(f"Message {number}", body).replace(b"\n", b"\r\n")


@contextmanager
def connected(
    folder: EmailFolderPage, script: Mailboxes | Maildrop, **values: object
) -> Iterator[MailAccount]:
    """An account on a server that plays `script` as long as the block lasts."""
    protocol = "pop3" if isinstance(script, Maildrop) else "imap"
    with ScriptedServer(script) as server:
        yield factories.account(folder, server.endpoint(), protocol=protocol, **values)


def fetch(account: MailAccount) -> FetchRun:
    run = fetch_now(account).run
    assert run.status == RunStatus.SUCCEEDED, run.error
    return run


def present() -> Counter[str]:
    rows = LedgerEntry.objects.filter(presence=Presence.PRESENT)
    return Counter(rows.values_list("outcome", flat=True))


def subjects() -> list[str]:
    return sorted(EmailMessagePage.objects.values_list("subject", flat=True))


def test_mail_that_comes_and_goes_is_no_anomaly(folder: EmailFolderPage) -> None:
    inbox = Shown({1: mail(1), 2: mail(2)}, uidnext=3)
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch(account)
        del inbox.messages[1]
        inbox.messages[3] = mail(3)
        inbox.uidnext = 4
        run = fetch(account)
    assert (run.anomaly_code, run.archived, run.adds_up) == ("", 1, True)


def test_a_changed_uidvalidity_is_said_and_archives_nothing_twice(folder: EmailFolderPage) -> None:
    inbox = Shown({1: mail(1), 2: mail(2)})
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch(account)
        inbox.uidvalidity, inbox.messages = 8, {11: mail(1), 12: mail(2), 13: mail(3)}
        run = fetch(account)
    assert run.anomaly_code == "UidValidityChanged"
    assert (run.archived, run.duplicates, run.adds_up) == (1, 2, True)
    assert subjects() == ["Message 1", "Message 2", "Message 3"]


def test_a_uidvalidity_that_changes_to_and_fro_reads_nothing_again_and_again(
    folder: EmailFolderPage,
) -> None:
    inbox = Shown({1: mail(1), 2: mail(2)})
    server = Mailboxes(INBOX=inbox)
    with connected(folder, server) as account:
        for uidvalidity in (7, 8, 7, 8, 7):
            inbox.uidvalidity = uidvalidity
            run = fetch(account)
            assert run.adds_up
    assert run.anomaly_code == "UidValidityChanged"
    # Once under each of the two.
    assert Counter(server.fetched) == {1: 2, 2: 2}
    assert EmailMessagePage.objects.count() == 2
    assert LedgerEntry.objects.count() == 4


def test_a_uidvalidity_that_is_back_with_other_mail_hides_none_of_it(
    folder: EmailFolderPage,
) -> None:
    inbox = Shown({1: mail(1), 2: mail(2)})
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch(account)
        inbox.uidvalidity = 8
        fetch(account)
        # Restored by somebody who set the old value: RFC 3501 forbids it.
        inbox.uidvalidity = 7
        inbox.messages = {1: mail(1), 2: mail(3, "as large or larger")}
        run = fetch(account)
    assert (run.archived, run.adds_up) == (1, True)
    assert subjects() == ["Message 1", "Message 2", "Message 3"]


def test_a_falling_uidnext_has_all_uids_compared_with_what_was_read(
    folder: EmailFolderPage,
) -> None:
    inbox = Shown({1: mail(1), 2: mail(2), 3: mail(3)}, uidnext=4)
    server = Mailboxes(INBOX=inbox)
    with connected(folder, server) as account:
        fetch(account)
        # Restored from a backup that lacked 2; since then another message came.
        inbox.messages = {1: mail(1), 2: mail(4, "of another size")}
        inbox.uidnext = 3
        run = fetch(account)
        again = fetch(account)
    assert run.anomaly_code == "UidNextFell"
    assert (run.archived, run.adds_up) == (1, True)
    # 2 twice more in between, in two pieces: its size differs, which some servers only estimate.
    assert Counter(server.fetched) == {1: 1, 2: 4, 3: 1}
    assert subjects() == ["Message 1", "Message 2", "Message 3", "Message 4"]
    # What 2 was before is not forgotten.
    former = LedgerEntry.objects.get(uid__lt=0)
    assert former.message is not None
    assert (former.message.subject, former.presence) == ("Message 2", Presence.GONE)
    assert (again.anomaly_code, again.archived, again.duplicates) == ("", 0, 0)


def test_sizes_that_a_server_only_estimates_tell_no_message_from_another(
    folder: EmailFolderPage,
) -> None:
    inbox = Shown({uid: mail(uid) for uid in (1, 2, 3)}, estimates=True)
    server = Mailboxes(INBOX=inbox)
    with connected(folder, server) as account:
        fetch(account)
        Mailbox.objects.update(uidnext=None)
        run = fetch(account)
        assert (run.anomaly_code, run.archived, run.duplicates) == ("", 0, 0)
        # One of them was read again, to know.
        assert sorted(Counter(server.fetched).values()) == [1, 1, 3]
        # Another message is one all the same.
        Mailbox.objects.update(uidnext=None)
        inbox.messages[2], inbox.received[2] = mail(4), "02-Jan-2024 00:00:00 +0000"
        run = fetch(account)
    assert (run.anomaly_code, run.archived, run.duplicates) == ("UidReused", 1, 0)
    assert subjects() == ["Message 1", "Message 2", "Message 3", "Message 4"]


@pytest.mark.parametrize("presence", [Presence.GONE, Presence.REMOVED])
@pytest.mark.parametrize("is_other", [False, True])
def test_a_uid_that_is_back_is_believed_only_if_the_message_is_as_it_was(
    presence: Presence, is_other: bool, folder: EmailFolderPage
) -> None:
    inbox = Shown({1: mail(1), 2: mail(2)})
    server = Mailboxes(INBOX=inbox)
    with connected(folder, server) as account:
        fetch(account)
        LedgerEntry.objects.filter(uid=2).update(presence=presence)
        Mailbox.objects.update(exists=1)
        if is_other:
            inbox.messages[2] = mail(3)
            inbox.received[2] = "02-Jan-2024 00:00:00 +0000"
        run = fetch(account)
    assert run.anomaly_code == "MessageCameBack"
    assert (run.archived, run.adds_up) == (int(is_other), True)
    assert server.fetched.count(2) == 1 + is_other
    assert present() == {Outcome.ARCHIVED: 2}


def test_more_counted_than_listed_is_said(folder: EmailFolderPage) -> None:
    inbox = Shown({1: mail(1)}, exists=5)
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        run = fetch(account)
    assert (run.anomaly_code, run.adds_up) == ("ListingDisagrees", False)
    assert run.anomaly_params == {"mailbox": "INBOX", "listed": 1, "counted": 5}


def test_a_server_that_hangs_up_at_a_message_is_an_anomaly_although_the_run_succeeds(
    folder: EmailFolderPage,
) -> None:
    inbox = Shown({1: mail(1), 2: mail(2)}, broken={2})
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        run = fetch(account)
        assert (run.anomaly_code, run.archived, run.not_read) == ("ConnectionDropped", 1, 1)
        # That it does so at this message is known now, and says nothing of the others.
        again = fetch(account)
        assert (again.anomaly_code, again.archived, again.not_read) == ("", 0, 1)
        # Another error at it is news.
        LedgerEntry.objects.filter(uid=2).update(reason_code="ProtocolError")
        assert fetch(account).anomaly_code == "ConnectionDropped"


def test_a_message_that_goes_between_listing_and_reading_is_no_anomaly(
    folder: EmailFolderPage,
) -> None:
    inbox = Shown({1: mail(1)}, ghosts={2})
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        run = fetch(account)
    assert (run.anomaly_code, run.archived, run.waiting, run.adds_up) == ("", 1, 1, True)


@pytest.mark.parametrize(
    ("name", "has_top", "anomaly"),
    [
        (None, True, ""),
        (None, False, "UidlMissing"),
        (lambda number, raw: "the same", True, ""),
        (lambda number, raw: f"id{number}", True, ""),
        (lambda number, raw: f"{number}" * 120, True, ""),
    ],
    ids=["absent", "absent, headers too", "duplicated", "well", "longer than 70"],
)
def test_messages_without_a_name_of_their_own_are_told_apart_or_that_is_said(
    name: object, has_top: bool, anomaly: str, folder: EmailFolderPage
) -> None:
    maildrop = Maildrop([mail(1), mail(2)], name=name, has_top=has_top)  # type: ignore[arg-type]
    with connected(folder, maildrop) as account:
        run = fetch(account)
        again = fetch(account)
    assert (run.anomaly_code, run.archived, run.adds_up) == (anomaly, 2, True)
    assert (again.anomaly_code, again.archived, again.adds_up) == (anomaly, 0, True)


def test_uidls_that_were_reset_are_said_and_archive_nothing_twice(folder: EmailFolderPage) -> None:
    maildrop = Maildrop([mail(1), mail(2)], name=lambda number, raw: f"first{number}")
    with connected(folder, maildrop) as account:
        fetch(account)
        maildrop.name = lambda number, raw: f"second{number}"
        run = fetch(account)
    assert (run.anomaly_code, run.archived, run.duplicates) == ("UidlChanged", 0, 2)
    assert EmailMessagePage.objects.count() == 2


def test_a_uidl_that_is_used_again_hides_no_mail_and_is_said(folder: EmailFolderPage) -> None:
    maildrop = Maildrop([mail(1), mail(2)], name=lambda number, raw: f"id{number}")
    with connected(folder, maildrop) as account:
        fetch(account)
        maildrop.messages = [mail(1)]
        assert fetch(account).anomaly_code == ""
        maildrop.messages = [mail(1), mail(3)]
        run = fetch(account)
    assert (run.anomaly_code, run.archived, run.adds_up) == ("MessageCameBack", 1, True)


@pytest.mark.parametrize(
    ("error", "anomaly"),
    [
        (StorageError(store="originals"), "StorageError"),
        (OperationalError("disk full"), "UnexpectedFetchError"),
        (LeaseLost(account="x"), "LeaseLost"),
    ],
    ids=["storage", "unexpected", "lease"],
)
def test_errors_of_storage_and_lease_are_anomalies(
    error: Exception,
    anomaly: str,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dovecot.deliver(mail_user, mail(1))

    def fail(self: Writer, batch: object) -> None:
        raise error

    monkeypatch.setattr(Writer, "write", fail)
    run, _ = open_run(account, trigger=Trigger.HAND)
    if isinstance(error, OperationalError):
        with pytest.raises(OperationalError):
            runs.work_on(run.pk)
    else:
        runs.work_on(run.pk)
    run.refresh_from_db()
    assert run.anomaly_code == anomaly


def test_the_first_anomaly_is_kept_and_an_ended_run_gets_none(account: MailAccount) -> None:
    run, _ = open_run(account, trigger=Trigger.HAND)
    note_anomaly(run, ConnectionDropped(host="a"))
    note_anomaly(run, StorageError(store="b"))
    run.refresh_from_db()
    assert (run.anomaly_code, run.anomaly_params) == ("ConnectionDropped", {"host": "a"})
    FetchRun.objects.update(status=RunStatus.SUCCEEDED, anomaly_code="")
    note_anomaly(run, StorageError(store="b"))
    run.refresh_from_db()
    assert run.anomaly_code == ""
    assert not Lease.objects.filter(expires_at__isnull=False).exists()
