"""What is archived is treated on the server as the account says, once it is proven."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive import crossings
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.crossings import Crossing
from wagtail_mailarchive.exceptions import (
    DatabaseNotDurable,
    OriginalDamaged,
    StorageError,
    UidNextFell,
)
from wagtail_mailarchive.fetching import afterwards, imap_treatment, run
from wagtail_mailarchive.fetching.dry_run import dry_run
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.health import health_of
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.fetching.tally import tally
from wagtail_mailarchive.models import (
    ArchiveSiteSettings,
    EmailMessagePage,
    FetchRun,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Original,
    OriginalChunk,
    Outcome,
    Presence,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.models.account import AfterFetch, MailboxChoice
from wagtail_mailarchive.sources.base import RemoteMailbox, SpecialUse
from wagtail_mailarchive.sources.imap import ImapSource
from wagtail_mailarchive.sources.imap_changes import ChangingImapSource

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("durable")]


class Killed(BaseException):
    """As if the process were gone."""


def crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def deliver(dovecot: Dovecot, user: str, number: int = 3, mailbox: str = "INBOX") -> list[bytes]:
    raws = [crlf(factories.raw(f"Message {n}")) for n in range(number)]
    for raw in raws:
        dovecot.deliver(user, raw, mailbox=mailbox)
    return raws


def left(dovecot: Dovecot, user: str, mailbox: str = "INBOX") -> list[bytes]:
    return [path.read_bytes() for path in dovecot.message_files(user, mailbox)]


def flags(dovecot: Dovecot, user: str, mailbox: str = "INBOX") -> list[str]:
    return [path.name.partition(":2,")[2] for path in dovecot.message_files(user, mailbox)]


def choose(account: MailAccount, action: AfterFetch, **values: Any) -> MailAccount:
    MailAccount.objects.filter(pk=account.pk).update(after_fetch=action, **values)
    account.refresh_from_db()
    return account


def fetch(account: MailAccount) -> FetchRun:
    """Fetch to the end; what the ledger says must add up, whatever was removed."""
    done = fetch_now(account).run
    assert (done.status, done.adds_up) == (RunStatus.SUCCEEDED, True), done.error
    assert tally(account).adds_up
    return done


def presences() -> dict[str, int]:
    found: dict[str, int] = {}
    for presence in LedgerEntry.objects.values_list("presence", flat=True):
        found[presence] = found.get(presence, 0) + 1
    return found


def die_at(monkeypatch: pytest.MonkeyPatch, fatal: Crossing) -> None:
    def interrupt(crossing: Crossing) -> None:
        if crossing is fatal:
            raise Killed

    monkeypatch.setattr(crossings, "interrupt", interrupt)


def die_in_a_fetch(account: MailAccount, monkeypatch: pytest.MonkeyPatch, at: Crossing) -> None:
    opened, _ = open_run(account, trigger=Trigger.HAND)
    die_at(monkeypatch, at)
    with pytest.raises(Killed):
        run.work_on(opened.pk)
    monkeypatch.setattr(crossings, "interrupt", None)


def refusal(account: MailAccount) -> str:
    account.refresh_from_db()
    return health_of(account).treatment_code


def archived() -> set[bytes]:
    return {originals.read(each.original) for each in EmailMessagePage.objects.all()}


# -- what is done ----------------------------------------------------------------------------


def test_by_default_nothing_changes_on_the_server(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = deliver(dovecot, mail_user)
    monkeypatch.setattr(ChangingImapSource, "open_for_changes", None)
    assert account.after_fetch == AfterFetch.LEAVE
    done = fetch(account)
    assert done.fetched_at is not None
    assert left(dovecot, mail_user) == raws
    assert flags(dovecot, mail_user) == ["", "", ""]


def test_archived_mail_is_marked_read_and_no_other(
    account: MailAccount, dovecot: Dovecot, mail_user: str, settings: Settings
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": 5_000}
    choose(account, AfterFetch.MARK_READ)
    deliver(dovecot, mail_user, 2)
    dovecot.deliver(mail_user, factories.raw(body="x\n" * 5_000))
    assert fetch(account).marked_read == 2
    assert flags(dovecot, mail_user) == ["S", "S", ""]
    entry = LedgerEntry.objects.filter(outcome=Outcome.ARCHIVED)[0]
    assert (entry.presence, entry.treated) == (Presence.PRESENT, AfterFetch.MARK_READ)
    assert entry.treated_at is not None
    again = fetch(account)
    assert (again.marked_read, again.archived) == (0, 0)


def test_archived_mail_is_deleted_and_what_others_marked_survives(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.DELETE)
    raws = deliver(dovecot, mail_user, 3)
    excluded = crlf(factories.raw("Of another client"))
    fetch(choose(account, AfterFetch.LEAVE))
    dovecot.deliver(mail_user, excluded, flags="T")
    with ImapSource(dovecot.endpoint(mail_user)) as source:
        assert source.open_mailbox("INBOX").exists == 4
    choose(account, AfterFetch.DELETE, selection="since", since="2999-01-01")
    done = fetch(account)
    assert (done.deleted, done.not_proven, done.on_server) == (3, 0, 1)
    assert left(dovecot, mail_user) == [excluded]
    assert flags(dovecot, mail_user) == ["T"]
    assert archived() == set(raws)
    assert presences() == {Presence.REMOVED: 3, Presence.PRESENT: 1}
    assert refusal(account) == ""


def test_a_duplicate_is_deleted_like_its_first_copy(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.DELETE)
    raw = crlf(factories.raw())
    dovecot.deliver(mail_user, raw)
    dovecot.deliver(mail_user, raw)
    assert fetch(account).deleted == 2
    assert left(dovecot, mail_user) == []
    assert EmailMessagePage.objects.count() == 1


@pytest.mark.parametrize("has_move", [True, False])
def test_archived_mail_is_moved_to_a_mailbox_that_is_made(
    has_move: bool,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ChangingImapSource, "has_move", has_move)
    choose(account, AfterFetch.MOVE, move_to="Archiv für Köche")
    raws = deliver(dovecot, mail_user, 3)
    done = fetch(account)
    assert (done.moved, done.on_server) == (3, 0)
    assert left(dovecot, mail_user) == []
    assert left(dovecot, mail_user, "Archiv für Köche") == raws
    assert presences() == {Presence.REMOVED: 3}
    deliver(dovecot, mail_user, 1)
    assert fetch(account).moved == 1


def test_where_all_mailboxes_are_archived_mail_is_moved_once(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.MOVE, move_to="Done", mailbox_choice=MailboxChoice.ALL, mailboxes=[])
    raws = deliver(dovecot, mail_user, 2)
    assert fetch(account).moved == 2
    again = fetch(account)
    assert (again.moved, again.archived, again.on_server) == (0, 0, 0)
    assert left(dovecot, mail_user, "Done") == raws


def test_days_after_archiving_are_waited_for(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.DELETE, after_fetch_days=7)
    deliver(dovecot, mail_user, 2)
    assert fetch(account).deleted == 0
    first = LedgerEntry.objects.order_by("uid")[0]
    LedgerEntry.objects.filter(pk=first.pk).update(decided_at=F("decided_at") - timedelta(days=7))
    assert fetch(account).deleted == 1
    assert len(left(dovecot, mail_user)) == 1


def test_a_number_of_days_that_no_calendar_has_deletes_nothing(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.DELETE, after_fetch_days=2_000_000_000)
    deliver(dovecot, mail_user, 1)
    done = fetch(account)
    assert (done.status, done.deleted) == (RunStatus.SUCCEEDED, 0)


def test_huge_messages_are_proven_in_pieces(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("batches", "pipeline", "proof"):
        monkeypatch.setattr(f"wagtail_mailarchive.fetching.{module}.HUGE", 2_000_000)
    choose(account, AfterFetch.DELETE)
    deliver(dovecot, mail_user, 1)
    dovecot.deliver(mail_user, crlf(factories.raw(body="All work and no play.\n" * 150_000)))
    deliver(dovecot, mail_user, 1)
    assert fetch(account).deleted == 3
    assert left(dovecot, mail_user) == []


def test_a_task_whose_time_is_up_goes_on_without_listing_again(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_treatment, "_REMOVED", 2)
    choose(account, AfterFetch.LEAVE)
    deliver(dovecot, mail_user, 5)
    fetch(account)
    choose(account, AfterFetch.DELETE)
    opened, _ = open_run(account, trigger=Trigger.SCHEDULE)
    assert run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES
    opened.refresh_from_db()
    assert opened.fetched_at is not None
    monkeypatch.setattr(ImapSource, "open_mailbox", None)
    verdicts = 1
    while run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES:
        verdicts += 1
    assert verdicts >= 3
    opened.refresh_from_db()
    assert (opened.status, opened.deleted, opened.adds_up) == (RunStatus.SUCCEEDED, 5, True)


# -- what prevents it ------------------------------------------------------------------------


def test_a_run_that_saw_an_anomaly_changes_nothing_and_the_next_one_does(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.DELETE)
    raws = deliver(dovecot, mail_user, 2)
    error = UidNextFell(mailbox="INBOX")
    opened, _ = open_run(account, trigger=Trigger.HAND)
    FetchRun.objects.filter(pk=opened.pk).update(
        anomaly_code=error.code, anomaly_params=error.params
    )
    assert fetch(account).deleted == 0
    assert left(dovecot, mail_user) == raws
    assert presences() == {Presence.PRESENT: 2}
    assert fetch(account).deleted == 2


def test_a_run_that_failed_at_one_mailbox_removes_nothing_from_the_others(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.DELETE, mailboxes=["INBOX", "Nowhere"])
    raws = deliver(dovecot, mail_user, 2)
    done = fetch_now(account).run
    assert (done.status, done.archived, done.deleted) == (RunStatus.FAILED, 2, 0)
    assert left(dovecot, mail_user) == raws


def test_an_original_that_is_damaged_keeps_everything_on_the_server(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    raws = deliver(dovecot, mail_user, 3)
    fetch(account)
    second = LedgerEntry.objects.order_by("uid")[1].original
    OriginalChunk.objects.filter(original=second).update(data=b"other bytes", deflated=False)
    choose(account, AfterFetch.DELETE)
    done = fetch(account)
    assert (done.deleted, done.not_proven) == (0, 1)
    assert done.anomaly_code == OriginalDamaged.__name__
    assert left(dovecot, mail_user) == raws
    entry = LedgerEntry.objects.order_by("uid")[1]
    assert (entry.presence, entry.reason_code) == (Presence.PRESENT, OriginalDamaged.__name__)
    # The others go with the next run, and it is said again as long as it is so.
    again = fetch(account)
    assert (again.deleted, again.not_proven) == (2, 1)
    assert again.anomaly_code == OriginalDamaged.__name__
    assert left(dovecot, mail_user) == raws[1:2]


@pytest.mark.parametrize("is_there", [True, False], ids=["unreadable store", "missing file"])
def test_a_store_that_cannot_be_read_fails_no_fetch_and_a_missing_file_keeps_no_other(
    is_there: bool,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raws = deliver(dovecot, mail_user, 3)
    fetch(account)
    choose(account, AfterFetch.DELETE)
    second = LedgerEntry.objects.order_by("uid")[1].original
    real = originals.verify

    def verify(original: Original) -> None:
        if original == second:
            raise StorageError(store="files")
        real(original)

    monkeypatch.setattr(originals, "verify", verify)
    monkeypatch.setattr(originals, "is_stored", lambda original: is_there)
    for _ in range(2):
        done = fetch(account)
        assert done.status == RunStatus.SUCCEEDED
        assert done.anomaly_code == ("StorageError" if is_there else "OriginalMissing")
    if is_there:
        assert refusal(account) == "StorageError"
        assert left(dovecot, mail_user) == raws
    else:
        assert left(dovecot, mail_user) == raws[1:2]


def test_a_hash_that_was_changed_together_with_the_bytes_does_not_help(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    raws = deliver(dovecot, mail_user, 1)
    fetch(account)
    other = originals.prepare([b"Subject: other\r\n\r\n"])
    OriginalChunk.objects.update(data=other.rows[0][1], deflated=other.rows[0][0])
    Original.objects.update(sha256=other.sha256, size=other.size)
    choose(account, AfterFetch.DELETE)
    done = fetch(account)
    assert (done.deleted, done.not_proven) == (0, 1)
    assert done.anomaly_code == "RemovalNotProven"
    assert left(dovecot, mail_user) == raws


@pytest.mark.parametrize("action", [AfterFetch.MOVE, AfterFetch.DELETE])
def test_without_full_durability_nothing_is_removed_and_the_account_says_why(
    action: AfterFetch,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(account, action, move_to="Done")
    raws = deliver(dovecot, mail_user, 1)
    reason = DatabaseNotDurable(setting="fsync = on in PostgreSQL")
    monkeypatch.setattr(afterwards, "why_not_durable", lambda: reason)
    done = fetch(account)
    assert (done.status, done.deleted, done.moved) == (RunStatus.SUCCEEDED, 0, 0)
    assert left(dovecot, mail_user) == raws
    assert refusal(account) == "DatabaseNotDurable"
    assert "fsync = on" in health_of(account).not_treated_because


def test_the_site_can_forbid_deletion_but_not_the_rest(
    account: MailAccount, dovecot: Dovecot, mail_user: str, settings: Settings
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "ALLOW_SERVER_DELETION": False,
    }
    choose(account, AfterFetch.DELETE)
    deliver(dovecot, mail_user, 1)
    assert fetch(account).deleted == 0
    assert refusal(account) == "ServerDeletionForbidden"
    choose(account, AfterFetch.MOVE, move_to="Done")
    assert fetch(account).moved == 1
    assert refusal(account) == ""


@pytest.mark.parametrize(
    ("action", "code"), [(AfterFetch.DELETE, "NoUidPlus"), (AfterFetch.MOVE, "NoMove")]
)
def test_without_uidplus_nothing_is_removed_and_the_account_says_why(
    action: AfterFetch,
    code: str,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ChangingImapSource, "capabilities", [])
    choose(account, action, move_to="Done")
    raws = deliver(dovecot, mail_user, 1)
    assert fetch(account).status == RunStatus.SUCCEEDED
    assert left(dovecot, mail_user) == raws
    assert flags(dovecot, mail_user) == [""]
    assert refusal(account) == code


def test_mail_is_not_moved_to_where_it_is_archived_from(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    choose(account, AfterFetch.MOVE, move_to="inbox")
    raws = deliver(dovecot, mail_user, 1)
    assert fetch(account).moved == 0
    assert refusal(account) == "MoveTargetArchived"
    assert left(dovecot, mail_user) == raws


def test_mail_is_not_moved_to_where_it_may_be_archived_from_under_another_spelling(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    """To some servers both names are the same."""
    choose(account, AfterFetch.MOVE, move_to="done", mailbox_choice=MailboxChoice.ALL, mailboxes=[])
    raws = deliver(dovecot, mail_user, 1)
    dovecot.deliver(mail_user, crlf(factories.raw("Other")), mailbox="Done")
    done = fetch(account)
    assert (done.archived, done.moved) == (2, 0)
    assert refusal(account) == "MoveTargetArchived"
    assert left(dovecot, mail_user) == raws


@pytest.mark.parametrize(
    ("action", "target"),
    [(AfterFetch.DELETE, ""), (AfterFetch.MOVE, "Old"), (AfterFetch.MOVE, "Bin")],
    ids=["delete", "move", "move to the trash"],
)
def test_on_gmail_all_mail_is_left_alone_where_it_would_stay(
    action: AfterFetch,
    target: str,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = RemoteMailbox("Everything", SpecialUse.ALL)
    listed = [RemoteMailbox("INBOX"), everything, RemoteMailbox("Bin", SpecialUse.TRASH)]
    monkeypatch.setattr(ImapSource, "is_gmail", True)
    monkeypatch.setattr(ImapSource, "list_mailboxes", lambda self: listed)
    choose(account, action, move_to=target, mailboxes=["Everything"])
    dovecot.deliver(mail_user, crlf(factories.raw()), mailbox="Everything")
    stays = target != "Bin"
    done = fetch(account)
    assert (done.deleted, done.moved) == (0, 0 if stays else 1)
    assert refusal(account) == ("GmailKeepsMail" if stays else "")
    assert bool(left(dovecot, mail_user, "Everything")) is stays
    counts = dry_run(account)["counts"]
    assert (counts["delete"], counts["move"]) == (0, 0)


def test_on_gmail_deleting_is_said_to_take_a_label_away_and_all_mail_is_left_alone(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [RemoteMailbox("INBOX"), RemoteMailbox("Everything", SpecialUse.ALL)]
    monkeypatch.setattr(ImapSource, "is_gmail", True)
    monkeypatch.setattr(ImapSource, "list_mailboxes", lambda self: listed)
    choose(account, AfterFetch.DELETE, mailboxes=["INBOX", "Everything"])
    raw = crlf(factories.raw())
    for mailbox in ("INBOX", "Everything"):
        dovecot.deliver(mail_user, raw, mailbox=mailbox)
    assert fetch(account).deleted == 1
    assert refusal(account) == "GmailKeepsMail"
    again = fetch(account)
    assert (again.deleted, again.status, again.anomaly_code) == (0, RunStatus.SUCCEEDED, "")
    assert left(dovecot, mail_user, "Everything") == [raw]


# What somebody may do while messages are removed.
EDITS: dict[str, Callable[[], object]] = {
    "left": lambda: MailAccount.objects.update(after_fetch=AfterFetch.LEAVE),
    "later": lambda: MailAccount.objects.update(after_fetch_days=30),
    "other mailboxes": lambda: MailAccount.objects.update(mailboxes=["Sent"]),
    "all mailboxes": lambda: MailAccount.objects.update(mailbox_choice=MailboxChoice.ALL),
    "forbidden": lambda: ArchiveSiteSettings.objects.create(allow_server_deletion=False),
    "folder": lambda: MailAccount.objects.update(folder=factories.folder()),
    "disabled": lambda: MailAccount.objects.update(enabled=False),
    "stopped": lambda: FetchRun.objects.update(stop_requested=True),
    "anomaly": lambda: FetchRun.objects.update(anomaly_code="UidReused"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_account_edited_in_the_middle_has_nothing_more_done(
    edit: Callable[[], object],
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imap_treatment, "_REMOVED", 2)
    choose(account, AfterFetch.DELETE)
    deliver(dovecot, mail_user, 5)

    def interrupt(crossing: Crossing) -> None:
        if crossing is Crossing.REMOVAL_NOTED:
            edit()

    monkeypatch.setattr(crossings, "interrupt", interrupt)
    fetch_now(account)
    assert len(left(dovecot, mail_user)) == 3
    assert presences() == {Presence.REMOVED: 2, Presence.PRESENT: 3}


def test_a_lease_lost_before_the_command_keeps_it_from_being_sent(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(account, AfterFetch.DELETE)
    raws = deliver(dovecot, mail_user, 2)

    def interrupt(crossing: Crossing) -> None:
        if crossing is Crossing.PENDING_NOTED:
            Lease.objects.update(token=F("token") + 1)

    monkeypatch.setattr(crossings, "interrupt", interrupt)
    opened, _ = open_run(account, trigger=Trigger.HAND)
    assert run.work_on(opened.pk) is run.Verdict.BUSY
    assert left(dovecot, mail_user) == raws
    assert flags(dovecot, mail_user) == ["", ""]


def test_a_command_that_may_take_longer_than_the_lease_is_not_sent(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_mailarchive.fetching.lease.LEASE_TIME", timedelta(seconds=60))
    choose(account, AfterFetch.MARK_READ)
    deliver(dovecot, mail_user, 1)
    opened, _ = open_run(account, trigger=Trigger.HAND)
    assert run.work_on(opened.pk) is run.Verdict.BUSY
    assert flags(dovecot, mail_user) == [""]


def test_a_changed_uidvalidity_between_listing_and_removal_removes_nothing(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(account, AfterFetch.DELETE)
    raws = deliver(dovecot, mail_user, 2)

    def interrupt(crossing: Crossing) -> None:
        if crossing is Crossing.FETCHING_NOTED:
            Mailbox.objects.update(uidvalidity=F("uidvalidity") + 1)
            LedgerEntry.objects.update(uidvalidity=F("uidvalidity") + 1)

    monkeypatch.setattr(crossings, "interrupt", interrupt)
    done = fetch_now(account).run
    assert (done.deleted, done.anomaly_code) == (0, "UidValidityChanged")
    assert left(dovecot, mail_user) == raws


# -- what died in between --------------------------------------------------------------------

AT_EACH_STEP = [
    Crossing.FETCHING_NOTED,
    Crossing.PROVEN,
    Crossing.PENDING_NOTED,
    Crossing.MARKED_ON_SERVER,
    Crossing.CHANGED_ON_SERVER,
    Crossing.REMOVAL_NOTED,
]


@pytest.mark.parametrize("action", [AfterFetch.MOVE, AfterFetch.DELETE])
@pytest.mark.parametrize("step", AT_EACH_STEP)
def test_what_died_in_between_is_finished_by_later_runs(
    step: Crossing,
    action: AfterFetch,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Moved by a copy, so that each step is met.
    monkeypatch.setattr(ChangingImapSource, "has_move", False)
    choose(account, action, move_to="Done")
    raws = deliver(dovecot, mail_user, 3)
    die_in_a_fetch(account, monkeypatch, step)
    fetch(account)
    fetch(account)
    assert left(dovecot, mail_user) == []
    assert presences() == {Presence.REMOVED: 3}
    assert archived() == set(raws)
    if action == AfterFetch.MOVE:
        assert set(left(dovecot, mail_user, "Done")) == set(raws)
        # A copy of what was marked before would go with the next EXPUNGE of anybody.
        assert "T" not in "".join(flags(dovecot, mail_user, "Done"))


@pytest.mark.parametrize(
    "step", [Crossing.PENDING_NOTED, Crossing.MARKED_ON_SERVER, Crossing.CHANGED_ON_SERVER]
)
def test_what_was_begun_is_given_up_where_the_account_leaves_mail_now(
    step: Crossing,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(account, AfterFetch.DELETE)
    raws = deliver(dovecot, mail_user, 2)
    die_in_a_fetch(account, monkeypatch, step)
    choose(account, AfterFetch.LEAVE)
    fetch(account)
    fetch(account)
    if step is Crossing.CHANGED_ON_SERVER:
        assert presences() == {Presence.REMOVED: 2}
        assert left(dovecot, mail_user) == []
        return
    assert left(dovecot, mail_user) == raws
    assert flags(dovecot, mail_user) == ["", ""]
    assert presences() == {Presence.PRESENT: 2}
    assert set(LedgerEntry.objects.values_list("treated", flat=True)) == {""}


@pytest.mark.parametrize(
    ("step", "presence"),
    [
        (Crossing.MARKED_ON_SERVER, Presence.PRESENT),
        (Crossing.CHANGED_ON_SERVER, Presence.REMOVED),
    ],
)
def test_what_was_begun_is_given_up_in_a_mailbox_that_is_archived_no_more(
    step: Crossing,
    presence: Presence,
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(account, AfterFetch.DELETE, mailboxes=["INBOX", "Work"])
    raws = deliver(dovecot, mail_user, 2, "Work")
    die_in_a_fetch(account, monkeypatch, step)
    FetchRun.objects.update(status=RunStatus.FAILED, finished_at=timezone.now())
    choose(account, AfterFetch.DELETE, mailboxes=["INBOX"])
    fetch(account)
    assert presences() == {presence: 2}
    if presence == Presence.PRESENT:
        assert left(dovecot, mail_user, "Work") == raws
        assert flags(dovecot, mail_user, "Work") == ["", ""]


def test_another_servers_mailboxes_are_not_treated_by_what_is_known_of_the_first(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(account, AfterFetch.MARK_READ)
    deliver(dovecot, mail_user, 2)
    opened, _ = open_run(account, trigger=Trigger.SCHEDULE)
    while opened.fetched_at is None:
        assert run.work_on(opened.pk, seconds=0) is run.Verdict.CONTINUES
        opened.refresh_from_db()
    # Edited between two tasks; the new one may have the same UIDVALIDITY.
    Mailbox.objects.update(server="somebody@elsewhere")
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    assert flags(dovecot, mail_user) == ["", ""]


def test_a_pending_message_whose_uid_was_forgotten_is_read_and_removed_anew(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(account, AfterFetch.DELETE)
    deliver(dovecot, mail_user, 2)
    die_in_a_fetch(account, monkeypatch, Crossing.PENDING_NOTED)
    FetchRun.objects.update(status=RunStatus.FAILED, finished_at=timezone.now())
    dovecot.bump_uidvalidity(mail_user)
    doubtful = fetch(account)
    assert (doubtful.duplicates, doubtful.deleted) == (2, 0)
    assert fetch(account).deleted == 2
    assert presences() == {Presence.GONE: 2, Presence.REMOVED: 2}


def test_an_account_that_leaves_mail_alone_has_a_connection_that_cannot_change_anything(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(dovecot, mail_user, 1)
    entered: list[type] = []
    enter = ImapSource.__enter__

    def noting(self: ImapSource) -> ImapSource:
        entered.append(type(self))
        return enter(self)

    monkeypatch.setattr(ImapSource, "__enter__", noting)
    monkeypatch.setattr(afterwards.Afterwards, "work", None)
    assert fetch(account).status == RunStatus.SUCCEEDED
    assert entered == [ImapSource]
