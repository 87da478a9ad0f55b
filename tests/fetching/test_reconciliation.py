"""Reconciling finds every difference between server and ledger, says why, and changes nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import Mailboxes, Shown
from tests.servers.maildrop import Maildrop
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.fetching import (
    comparison,
    findings,
    lease,
    reconciliation,
    reconciliation_schedule,
    trials,
)
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.reconciliation import reconcile
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    EmailMessagePage,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
    Trial,
    TrialKind,
    TrialStatus,
)

pytestmark = pytest.mark.django_db


@functools.cache
def mail(number: int) -> bytes:
    return factories.raw(f"Message {number}").replace(b"\n", b"\r\n")


@contextmanager
def connected(
    folder: EmailFolderPage, script: Mailboxes | Maildrop, **values: object
) -> Iterator[MailAccount]:
    protocol = "pop3" if isinstance(script, Maildrop) else "imap"
    with ScriptedServer(script) as server:
        yield factories.account(folder, server.endpoint(), protocol=protocol, **values)


def found(result: dict[str, Any]) -> dict[str, int]:
    assert result["error"] is None
    return {name: number for name, number in result["counts"].items() if number}


def entries() -> list[Any]:
    return list(LedgerEntry.objects.order_by("pk").values_list())


@pytest.fixture
def inbox() -> Shown:
    return Shown({uid: mail(uid) for uid in (1, 2, 3)}, uidnext=4)


def test_equal_server_and_ledger_have_no_difference(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    for number in range(3):
        dovecot.deliver(mail_user, mail(number))
    fetch_now(account)
    files = [path.name for path in dovecot.message_files(mail_user)]
    before = entries()
    result = reconcile(account)
    assert (found(result), result["differences"], result["compared"]) == ({}, 0, 3)
    assert result["mailboxes"] == [{"name": "INBOX", "on_server": 3, "in_ledger": 3}]
    # Nothing was changed, there or here.
    assert [path.name for path in dovecot.message_files(mail_user)] == files
    assert entries() == before
    assert not Lease.objects.exclude(expires_at=None).exists()


def test_what_came_and_went_since_the_last_fetch_is_told_and_is_no_difference(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    names = [dovecot.deliver(mail_user, mail(number)) for number in range(3)]
    fetch_now(account)
    dovecot.deliver(mail_user, mail(4))
    dovecot.remove(mail_user, names[0])
    result = reconcile(account)
    assert (found(result), result["differences"]) == ({"new": 1, "left": 1}, 0)


class InMotion(Mailboxes):
    """Mail comes or goes after the mailbox was opened, once.

    Attributes:
        change: what happens; None for nothing any more.
        at: "listing" or "describing".
    """

    def __init__(self, inbox: Shown, at: str) -> None:
        super().__init__(INBOX=inbox)
        self.at = at
        self.change: Callable[[], object] | None = None

    def _open(self, talk: Talk, shown: Shown) -> None:
        super()._open(talk, shown)
        self._move("listing")

    def _fetch(self, talk: Talk, command: bytes, shown: Shown) -> bool:
        self._move("describing")
        return super()._fetch(talk, command, shown)

    def _move(self, at: str) -> None:
        if self.change is not None and self.at == at:
            self.change()
            self.change = None


@pytest.mark.parametrize("at", ["listing", "describing"])
def test_what_goes_while_it_compares_is_no_difference(
    folder: EmailFolderPage, inbox: Shown, at: str
) -> None:
    script = InMotion(inbox, at)
    with connected(folder, script) as account:
        fetch_now(account)
        script.change = lambda: inbox.messages.pop(2)
        result = reconcile(account)
    assert (found(result), result["differences"]) == ({"left": 1}, 0)
    assert Mailbox.objects.get().uidnext == 4


def test_what_comes_while_it_compares_is_no_difference(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    def arrive() -> None:
        inbox.messages[4] = mail(4)
        inbox.uidnext = 5

    script = InMotion(inbox, "listing")
    with connected(folder, script) as account:
        fetch_now(account)
        script.change = arrive
        result = reconcile(account)
    assert (found(result), result["differences"]) == ({"new": 1}, 0)


def test_a_server_that_says_two_things_at_once_is_told(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch_now(account)
        del inbox.messages[2]
        inbox.ghosts = {2}
        result = reconcile(account)
    assert (found(result), result["differences"]) == ({"not_there": 1}, 1)


def test_a_mailbox_that_is_gone_from_the_server_is_told_with_what_it_held(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    script = Mailboxes(INBOX=inbox, Work=Shown({1: mail(8)}, uidnext=2), Trash=Shown())
    with connected(folder, script, mailbox_choice="all") as account:
        fetch_now(account)
        assert found(reconcile(account)) == {}
        gone = script.mailboxes.pop("Work")
        result = reconcile(account)
        assert (found(result), result["differences"]) == ({"no_mailbox": 1}, 1)
        assert {"name": "Work", "on_server": 0, "in_ledger": 1} in result["mailboxes"]
        [told] = result["findings"]
        assert (told["mailbox"], told["reason_code"]) == ("Work", "MailboxNotFound")
        # One that the account leaves out from now on is there all the same.
        script.mailboxes["Work"] = gone
        account.after_fetch, account.move_to = "move", "Work"
        assert found(reconcile(account)) == {}
        account.mailbox_choice, account.mailboxes = "named", ["INBOX"]
        assert found(reconcile(account)) == {}


def test_each_difference_is_told_with_its_message_and_the_next_fetch_mends_it(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch_now(account)
        mailbox = Mailbox.objects.get()
        LedgerEntry.objects.filter(uid=1).delete()
        LedgerEntry.objects.filter(uid=2).update(presence=Presence.GONE)
        LedgerEntry.objects.create(mailbox=mailbox, uidvalidity=7, uid=9)
        inbox.messages[3], inbox.received[3] = mail(4), "02-Feb-2024 00:00:00 +0000"
        result = reconcile(account)
        assert found(result) == {"not_here": 1, "back": 1, "not_there": 1, "other": 1}
        assert result["differences"] == 4
        told = {each["finding"]: (each["mailbox"], each["uid"]) for each in result["findings"]}
        assert told == {
            "not_here": ("INBOX", 1),
            "back": ("INBOX", 2),
            "other": ("INBOX", 3),
            "not_there": ("INBOX", 9),
        }
        run = fetch_now(account).run
        assert run.adds_up
        assert found(reconcile(account)) == {}
    # That of UID 3 before, and the one of now.
    assert EmailMessagePage.objects.count() == 4


def test_removals_under_way_and_waiting_mail_are_told_with_their_reason(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    inbox.broken = {3}
    with connected(folder, Mailboxes(INBOX=inbox), message_limit=2) as account:
        fetch_now(account)
        fetch_now(account)
        LedgerEntry.objects.filter(uid=1).update(presence=Presence.REMOVAL_PENDING)
        result = reconcile(account)
    assert (found(result), result["differences"]) == ({"pending": 1, "not_read": 1}, 0)
    reasons = {each["finding"]: each["reason_code"] for each in result["findings"]}
    assert reasons == {"pending": "", "not_read": "ConnectionDropped"}


def test_a_server_that_only_counts_sizes_in_its_own_way_is_no_difference(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch_now(account)
        LedgerEntry.objects.filter(uid=1).update(size=1)
        result = reconcile(account)
    assert (found(result), result["differences"]) == ({"size": 1}, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"uidvalidity": 8}, {"renumbered": 1, "new": 3}),
        ({"exists": 5}, {"miscounted": 1}),
        ({"refused": True}, {"no_mailbox": 1}),
    ],
    ids=["renumbered", "miscounted", "no mailbox"],
)
def test_what_is_wrong_with_a_whole_mailbox_is_told(
    values: dict[str, Any], expected: dict[str, int], folder: EmailFolderPage, inbox: Shown
) -> None:
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch_now(account)
        for name, value in values.items():
            setattr(inbox, name, value)
        result = reconcile(account)
    assert found(result) == expected
    assert result["differences"] == 1


def test_a_maildrop_is_compared_by_unique_ids(folder: EmailFolderPage) -> None:
    maildrop = Maildrop([mail(1), mail(2)])
    with connected(folder, maildrop) as account:
        fetch_now(account)
        assert found(reconcile(account)) == {}
        maildrop.messages = [mail(2), mail(3)]
        result = reconcile(account)
    assert (found(result), result["compared"]) == ({"new": 1, "left": 1}, 2)
    # Some servers take QUIT for "delete what was looked at".
    assert maildrop.quits == 1


def test_of_many_differences_all_are_counted_and_some_are_listed(
    folder: EmailFolderPage, inbox: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (findings, comparison):
        monkeypatch.setattr(module, "LISTED", 2)
    monkeypatch.setattr(comparison, "_DESCRIBED", 2)
    with connected(folder, Mailboxes(INBOX=inbox)) as account:
        fetch_now(account)
        LedgerEntry.objects.all().delete()
        result = reconcile(account)
    assert (result["differences"], len(result["findings"]), result["truncated"]) == (3, 2, True)


def test_while_mail_is_fetched_nothing_is_compared(
    account: MailAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "PATIENCE", 0.0)
    assert lease.acquire(account) is not None
    result = reconcile(account)
    assert result["error"]["code"] == "AccountBusy"
    # The one who holds it keeps it.
    assert Lease.objects.exclude(expires_at=None).exists()


def test_the_worker_notes_how_far_it_is_and_keeps_the_result(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.deliver(mail_user, mail(1))
    fetch_now(account)
    trial = Trial.objects.create(kind=TrialKind.RECONCILIATION, account=account)
    noted: list[Any] = []
    release = lease.HeldLease.release

    def looking(held: lease.HeldLease) -> None:
        noted.append(Trial.objects.get().result)
        release(held)

    monkeypatch.setattr(lease.HeldLease, "release", looking)
    trials.run_trial(trial.pk)
    trial.refresh_from_db()
    [progress] = noted
    assert (progress["compared"], progress["whole"]) == (1, 1)
    assert (trial.status, trial.result["differences"]) == (TrialStatus.DONE, 0)


def test_reconciliations_are_kept_for_ninety_days(account: MailAccount) -> None:
    for kind in TrialKind:
        for days in (8, 91):
            trial = Trial.objects.create(kind=kind, account=account, status=TrialStatus.DONE)
            asked_at = timezone.now() - timedelta(days=days)
            Trial.objects.filter(pk=trial.pk).update(requested_at=asked_at)
    trials.tidy()
    assert [each.kind for each in Trial.objects.all()] == [TrialKind.RECONCILIATION]


@pytest.mark.parametrize(
    ("status", "asked", "begun", "is_lost"),
    [
        (TrialStatus.QUEUED, 50, None, False),
        (TrialStatus.QUEUED, 70, None, True),
        (TrialStatus.RUNNING, 50, 14, False),
        (TrialStatus.RUNNING, 50, 16, True),
        # Begun by a worker of an older version.
        (TrialStatus.RUNNING, 16, None, True),
    ],
)
def test_one_is_lost_when_it_takes_too_long_and_not_while_it_waits(
    account: MailAccount, status: TrialStatus, asked: int, begun: int | None, is_lost: bool
) -> None:
    now = timezone.now()
    trial = Trial.objects.create(kind=TrialKind.RECONCILIATION, account=account, status=status)
    if begun is not None:
        Trial.objects.update(result={"begun": (now - timedelta(minutes=begun)).isoformat()})
    Trial.objects.update(requested_at=now - timedelta(minutes=asked))
    trials.tidy()
    trial.refresh_from_db()
    assert (trial.status == TrialStatus.DONE) is is_lost


def fetched(folder: EmailFolderPage, number: int) -> list[MailAccount]:
    made = [factories.account(folder, enabled=True) for _ in range(number)]
    for each in made:
        AccountHealth.objects.create(account=each, last_success_at=timezone.now())
    return made


def test_each_account_is_reconciled_once_a_week_and_not_all_at_once(
    folder: EmailFolderPage,
) -> None:
    made = fetched(folder, 3)
    asked = []

    def ask_later() -> None:
        done = {"is_complete": True, "differences": 0}
        Trial.objects.update(
            requested_at=timezone.now() - timedelta(hours=2), status=TrialStatus.DONE, result=done
        )

    for _ in range(4):
        assert len(reconciliation_schedule.request_due()) <= 1
        # In the same hour another worker asks in vain.
        assert reconciliation_schedule.request_due() == []
        ask_later()
        asked.append(Trial.objects.count())
    assert asked == [1, 2, 3, 3]
    assert {each.account_id for each in Trial.objects.all()} == {each.pk for each in made}
    Trial.objects.update(requested_at=timezone.now() - timedelta(days=8))
    assert len(reconciliation_schedule.request_due()) == 1


def test_one_that_failed_is_tried_again_within_a_day_and_keeps_nobody_waiting(
    folder: EmailFolderPage,
) -> None:
    failing, other = fetched(folder, 2)
    now = timezone.now()

    def done(account: MailAccount, hours: int, *, is_complete: bool) -> None:
        trial = Trial.objects.create(
            kind=TrialKind.RECONCILIATION,
            account=account,
            status=TrialStatus.DONE,
            result={"is_complete": is_complete, "differences": 0},
        )
        Trial.objects.filter(pk=trial.pk).update(requested_at=now - timedelta(hours=hours))

    done(failing, 8 * 24, is_complete=True)
    done(other, 7 * 24 + 1, is_complete=True)
    done(failing, 11, is_complete=False)
    assert [each.account for each in reconciliation_schedule.request_due()] == [other]
    Trial.objects.filter(account=other).delete()
    done(other, 2, is_complete=True)
    assert reconciliation_schedule.request_due() == []
    done(failing, 13, is_complete=False)
    Trial.objects.filter(requested_at=now - timedelta(hours=11)).delete()
    assert [each.account for each in reconciliation_schedule.request_due()] == [failing]


def test_accounts_that_are_not_fetched_are_not_reconciled(folder: EmailFolderPage) -> None:
    disabled, held = fetched(folder, 2)
    factories.account(folder, enabled=True)
    MailAccount.objects.filter(pk=disabled.pk).update(enabled=False)
    AccountHealth.objects.filter(account=held).update(held_code="LoginRejected")
    assert reconciliation_schedule.request_due() == []


def test_the_command_tells_differences_and_ends_with_one(
    folder: EmailFolderPage, inbox: Shown
) -> None:
    out = StringIO()
    with connected(folder, Mailboxes(INBOX=inbox), name="Office") as account:
        fetch_now(account)
        call_command("mailarchive_reconcile", stdout=out)
        assert out.getvalue() == "Office: 3 messages compared, 0 differences.\n"
        LedgerEntry.objects.filter(uid=2).delete()
        with pytest.raises(SystemExit, match="1"):
            call_command("mailarchive_reconcile", "--account", str(account.pk), stdout=out)
    assert "INBOX, UID 2: on the server, and not in the ledger." in out.getvalue()
    assert Trial.objects.filter(kind=TrialKind.RECONCILIATION).count() == 2
    assert Outcome.ARCHIVED in {each.outcome for each in LedgerEntry.objects.all()}
