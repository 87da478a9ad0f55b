"""What servers refuse or get wrong when they are to remove a message: nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from django.db.models import Sum

from tests import factories
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.fetching import imap_treatment
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.health import health_of
from wagtail_mailarchive.fetching.treatment import try_again
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Presence,
    RunStatus,
)
from wagtail_mailarchive.models.account import AfterFetch

from .test_afterwards import archived, refusal
from .test_busy_servers import is_busy
from .test_faults import Fault, answer, asked_for, hangs_up, one_answer, says_nil, says_no

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("durable")]

CHANGING = (b"UID STORE", b"UID EXPUNGE", b"UID MOVE", b"UID COPY")
UIDPLUS = b"IMAP4rev1 AUTH=PLAIN UIDPLUS"
WITH_MOVE = UIDPLUS + b" MOVE"


def mail(number: int) -> bytes:
    return factories.raw(f"Message {number}")


Break = Callable[[Talk, Callable[[int], None]], None]
"""Given the talk, and what does the command to so many messages, ends the connection."""


class Server:
    """A mailbox that can be changed, on a server with one fault.

    Attributes:
        bodies: what it gives by UID while its mailbox is open for reading.
        later: what it gives instead where it is open for changes.
        says: beginning of a command -> what it answers to it, after its tag, once it did nothing;
            or how the connection breaks there.
        marked: UIDs with \\Deleted.
        target: what was copied or moved to another mailbox.
        status: what it answers to SELECT.
        changes: the commands that are to change something, as they came.
    """

    def __init__(
        self,
        *uids: int,
        says: Mapping[bytes, bytes | Break] | None = None,
        capabilities: bytes = UIDPLUS,
        status: bytes = b"OK [READ-WRITE] x",
    ) -> None:
        self.bodies: dict[int, bytes | Fault] = {uid: mail(uid) for uid in uids or (1, 2, 3)}
        self.later: dict[int, bytes | Fault] = {}
        self.says = says or {}
        self.marked: set[int] = set()
        self.target: list[bytes] = []
        self.changes: list[bytes] = []
        self._has_target = False
        self._capabilities = capabilities
        self.status = status

    def __call__(self, talk: Talk) -> None:
        talk.log_in(self._capabilities)
        bodies: Mapping[int, bytes | Fault] = self.bodies
        while True:
            line = talk.line()
            tag, _, command = line.partition(b" ")
            if command.startswith(CHANGING):
                self.changes.append(command)
            if self._fails(talk, tag, command):
                continue
            if command.startswith(b"SELECT"):
                bodies = self.bodies | self.later
                talk.send(b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n" % len(bodies))
                talk.send(tag + b" " + self.status + b"\r\n")
            elif command.startswith(CHANGING):
                self._change(command)
                copied = b" [COPYUID 9 %s %s]" % ((command.split()[2],) * 2)
                talk.send(tag + b" OK%s x\r\n" % (copied if b"COPY" in command else b""))
            elif command.startswith(b"STATUS") and not self._has_target:
                talk.send(tag + b" NO [NONEXISTENT] no\r\n")
            elif command.startswith((b"STATUS", b"CREATE", b"SUBSCRIBE")):
                self._has_target = True
                talk.send(b'* STATUS "x" (MESSAGES 0)\r\n' + tag + b" OK done\r\n")
            else:
                there = {uid: each for uid, each in bodies.items() if uid in self.bodies}
                known = command.startswith(b"UID FETCH") and set(asked_for(command)) - set(there)
                if known:
                    talk.send(tag + b" OK done\r\n")
                elif not one_answer(talk, line, there):
                    return

    def _fails(self, talk: Talk, tag: bytes, command: bytes) -> bool:
        for beginning, said in self.says.items():
            if command.startswith(beginning):
                if isinstance(said, bytes):
                    talk.send(tag + b" " + said + b"\r\n")
                else:
                    said(talk, lambda number: self._change(command, number))
                return True
        return False

    def _change(self, command: bytes, number: int = 99) -> None:
        """Do what `command` says to `number` of the messages at most."""
        if command.startswith(b"CREATE"):
            self._has_target = True
        if not command.startswith(CHANGING):
            return
        uids = set(asked_for(command)[:number]) & set(self.bodies)
        if command.startswith(b"UID STORE") and b"Deleted" in command:
            self.marked = self.marked - uids if b"-FLAGS" in command else self.marked | uids
        if command.startswith((b"UID COPY", b"UID MOVE")):
            self.target += [raw for uid in uids if isinstance(raw := self.bodies[uid], bytes)]
        if command.startswith(b"UID EXPUNGE"):
            uids &= self.marked
        if command.startswith((b"UID EXPUNGE", b"UID MOVE")):
            self.bodies = {uid: raw for uid, raw in self.bodies.items() if uid not in uids}


def run_against(
    server: Server,
    folder: EmailFolderPage,
    action: AfterFetch,
    between: Callable[[], None] = lambda: None,
    *,
    times: int = 1,
) -> tuple[FetchRun, MailAccount]:
    """Archive first, then treat, which `between` happens before."""
    with ScriptedServer(server) as scripted:
        account = factories.account(folder, scripted.endpoint())
        assert fetch_now(account).run.archived == len(server.bodies)
        between()
        account.after_fetch, account.move_to = action, "Done"
        account.save()
        for _ in range(times):
            done = fetch_now(account).run
    return done, account


def fetch_again(server: Server, action: AfterFetch) -> FetchRun:
    with ScriptedServer(server) as scripted:
        account = MailAccount.objects.get()
        account.port, account.after_fetch = scripted.port, action
        account.set_secret(scripted.endpoint().secret)
        account.save()
        return fetch_now(account).run


def presences() -> list[str]:
    return list(LedgerEntry.objects.order_by("uid").values_list("presence", flat=True))


def test_other_bytes_under_the_same_uid_are_not_removed_nor_anything_else_in_that_run(
    folder: EmailFolderPage,
) -> None:
    server = Server()
    server.later[2] = mail(99)
    done, _ = run_against(server, folder, AfterFetch.DELETE)
    assert (done.deleted, done.not_proven, done.anomaly_code) == (0, 1, "RemovalNotProven")
    assert server.changes == []
    entry = LedgerEntry.objects.get(uid=2)
    assert (entry.presence, entry.reason_code) == (Presence.PRESENT, "RemovalNotProven")


def test_one_message_that_is_not_proven_does_not_keep_the_others_for_ever(
    folder: EmailFolderPage,
) -> None:
    server = Server()
    server.later[2] = mail(99)
    done, _ = run_against(server, folder, AfterFetch.DELETE, times=2)
    assert done.deleted == 2
    assert presences() == [Presence.REMOVED, Presence.PRESENT, Presence.REMOVED]
    assert set(server.bodies) == {2}


def test_a_message_that_is_not_handed_over_again_is_not_removed(folder: EmailFolderPage) -> None:
    server = Server()
    server.later[3] = says_nil
    done, _ = run_against(server, folder, AfterFetch.DELETE)
    assert (done.deleted, done.not_proven, done.anomaly_code) == (2, 1, "")
    assert set(server.bodies) == {3}
    entry = LedgerEntry.objects.get(uid=3)
    assert (entry.presence, entry.reason_code) == (Presence.PRESENT, "MessageNotGiven")


def test_a_message_that_went_meanwhile_is_no_anomaly(folder: EmailFolderPage) -> None:
    server = Server()

    def go(talk: Talk, tag: bytes, uid: int) -> bool:
        del server.bodies[2]
        talk.send(tag + b" OK done\r\n")
        return True

    server.later[2] = go
    done, _ = run_against(server, folder, AfterFetch.DELETE)
    assert (done.not_proven, done.anomaly_code) == (0, "")
    assert presences()[1] == Presence.PRESENT


def test_a_read_only_mailbox_is_left_alone_and_said(folder: EmailFolderPage) -> None:
    server = Server(status=b"OK [READ-ONLY] x")
    done, account = run_against(server, folder, AfterFetch.DELETE)
    assert (done.status, done.deleted) == (RunStatus.SUCCEEDED, 0)
    assert refusal(account) == "MailboxReadOnly"
    assert server.changes == []


def test_what_cannot_be_expunged_is_not_left_marked_as_deleted(folder: EmailFolderPage) -> None:
    server = Server(says={b"UID EXPUNGE": b"NO [NOPERM] no"})
    done, account = run_against(server, folder, AfterFetch.DELETE)
    assert (done.status, done.deleted) == (RunStatus.SUCCEEDED, 0)
    assert server.marked == set()
    assert refusal(account) == "ChangeRefused"
    assert presences() == [Presence.REMOVAL_PENDING] * 3


@pytest.mark.parametrize("action", [AfterFetch.LEAVE, AfterFetch.MARK_READ])
def test_what_was_begun_is_given_up_in_a_mailbox_that_can_only_be_read_now(
    action: AfterFetch, folder: EmailFolderPage
) -> None:
    server = Server(says={b"UID EXPUNGE": b"NO [NOPERM] no"})
    run_against(server, folder, AfterFetch.DELETE)
    server.changes.clear()
    server.status = b"OK [READ-ONLY] x"
    assert fetch_again(server, action).status == RunStatus.SUCCEEDED
    assert presences() == [Presence.PRESENT] * 3
    assert server.changes == []


def test_what_cannot_be_marked_is_not_expunged(folder: EmailFolderPage) -> None:
    server = Server(says={b"UID STORE 1:3 +FLAGS": b"NO no"})
    done, account = run_against(server, folder, AfterFetch.DELETE)
    assert (done.status, done.deleted) == (RunStatus.SUCCEEDED, 0)
    assert [each.split()[1] for each in server.changes] == [b"STORE"]
    assert refusal(account) == "ChangeRefused"
    assert presences() == [Presence.REMOVAL_PENDING] * 3
    server.says = {}
    assert fetch_again(server, AfterFetch.DELETE).deleted == 3


def test_a_move_that_fails_removes_nothing(folder: EmailFolderPage) -> None:
    server = Server(says={b"UID MOVE": b"NO [TRYCREATE] no"}, capabilities=WITH_MOVE)
    done, account = run_against(server, folder, AfterFetch.MOVE)
    assert (done.status, done.moved) == (RunStatus.SUCCEEDED, 0)
    assert refusal(account) == "ChangeRefused"
    assert [each.split()[1] for each in server.changes] == [b"MOVE"]
    assert presences() == [Presence.REMOVAL_PENDING] * 3
    server.says = {}
    assert fetch_again(server, AfterFetch.MOVE).moved == 3
    assert len(server.target) == 3


@pytest.mark.parametrize("answer", [b"OK done", b"OK [COPYUID 9 1:2 5:6] x", b"NO no"])
def test_a_copy_that_is_not_confirmed_deletes_nothing_and_is_not_made_again(
    answer: bytes, folder: EmailFolderPage
) -> None:
    server = Server(says={b"UID COPY": answer})
    done, account = run_against(server, folder, AfterFetch.MOVE)
    assert done.moved == 0
    assert [each.split()[1] for each in server.changes] == [b"COPY"]
    assert refusal(account) == ("CopyNotConfirmed" if answer.startswith(b"OK") else "ChangeRefused")
    if answer.startswith(b"OK"):
        assert presences() == [Presence.PRESENT] * 3
        fetch_again(server, AfterFetch.MOVE)
        assert len(server.changes) == 1


def test_an_answer_that_is_none_leaves_it_pending_and_the_next_run_finishes_it(
    folder: EmailFolderPage,
) -> None:
    server = Server(says={b"UID EXPUNGE": b"* garbage"})
    done, _ = run_against(server, folder, AfterFetch.DELETE)
    assert (done.status, done.anomaly_code) == (RunStatus.SUCCEEDED, "ProtocolError")
    assert presences() == [Presence.REMOVAL_PENDING] * 3
    assert server.marked == {1, 2, 3}
    server.says = {}
    assert fetch_again(server, AfterFetch.DELETE).deleted == 3
    assert presences() == [Presence.REMOVED] * 3


@pytest.mark.parametrize("fault", [hangs_up, says_no, is_busy])
def test_a_message_at_which_the_server_fails_now_comes_last_and_keeps_no_other(
    fault: Fault, folder: EmailFolderPage
) -> None:
    server = Server(1, 2, 3, 4)
    server.later[2] = fault
    ends = []
    with ScriptedServer(server) as scripted:
        account = factories.account(folder, scripted.endpoint())
        fetch_now(account)
        account.after_fetch = AfterFetch.DELETE
        account.save()
        for number in (5, 6, 7):
            done = fetch_now(account).run
            assert done.status == RunStatus.SUCCEEDED
            assert refusal(account) == done.anomaly_code != ""
            assert server.bodies.keys() <= {1, 2, 3, 4}
            ends.append(set(server.bodies))
            server.bodies[number] = mail(number)
        # Once the server has healed, it goes like any other.
        server.later = {}
        fetch_now(account)
        assert fetch_now(account).run.anomaly_code == refusal(account) == ""
    # First in company, then alone and after those that are new, then after all others.
    assert ends[-1] == {2}
    assert server.bodies == {}


def test_a_message_that_is_given_only_in_pieces_is_removed(folder: EmailFolderPage) -> None:
    server = Server()
    whole = server.bodies[2]
    assert isinstance(whole, bytes)

    def only_in_pieces(talk: Talk, tag: bytes, uid: int) -> bool:
        command = talk.received[-1].partition(b" ")[2]
        if b"<" not in command:
            return False
        talk.send(answer(command, uid, whole) + tag + b" OK done\r\n")
        return True

    server.later[2] = only_in_pieces
    done, _ = run_against(server, folder, AfterFetch.DELETE, times=2)
    assert (done.deleted, done.anomaly_code) == (3, "")


def test_what_was_copied_and_cannot_be_taken_away_is_not_copied_again(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_treatment, "_REMOVED", 2)
    copied = b"OK [COPYUID 9 1:2 5:6] x"
    server = Server(says={b"UID COPY": copied, b"UID EXPUNGE": b"NO [NOPERM] no"})
    _, account = run_against(server, folder, AfterFetch.MOVE)
    assert refusal(account) == "ChangeRefused"
    reasons = LedgerEntry.objects.order_by("uid").values_list("reason_code", flat=True)
    assert list(reasons) == ["CopyNotRemoved", "CopyNotRemoved", ""]
    assert presences() == [Presence.PRESENT] * 3
    assert server.marked == set()
    # Nor is any other: each fetch would copy some more.
    fetch_again(server, AfterFetch.MOVE)
    assert refusal(account) == "NoMoreCopies"
    assert [each.split()[1] for each in server.changes].count(b"COPY") == 1
    monkeypatch.setattr(imap_treatment, "_REMOVED", 50)
    server.says = {b"UID COPY": b"OK [COPYUID 9 1:3 5:7] x"}
    try_again(account)
    assert fetch_again(server, AfterFetch.MOVE).moved == 3


@pytest.mark.parametrize("code", [b"OVERQUOTA", b"LIMIT"])
@pytest.mark.parametrize(
    ("command", "capabilities", "refused"),
    [
        (b"UID MOVE", WITH_MOVE, "ChangeRefused"),
        (b"UID COPY", UIDPLUS, "ChangeRefused"),
        (b"CREATE", UIDPLUS, "MailboxNotCreated"),
    ],
)
def test_a_full_mailbox_is_no_busy_server_and_the_account_says_so(
    command: bytes, capabilities: bytes, refused: str, code: bytes, folder: EmailFolderPage
) -> None:
    server = Server(says={command: b"NO [%s] full" % code}, capabilities=capabilities)
    done, account = run_against(server, folder, AfterFetch.MOVE)
    assert (done.status, done.moved, done.anomaly_code) == (RunStatus.SUCCEEDED, 0, "")
    assert refusal(account) == refused
    assert health_of(account).hold_until is None
    assert (set(server.bodies), server.marked, server.target) == ({1, 2, 3}, set(), [])
    server.says = {}
    assert fetch_again(server, AfterFetch.MOVE).moved == 3
    assert len(server.target) == 3


def test_what_a_server_only_says_it_deleted_is_left_alone_and_that_is_said(
    folder: EmailFolderPage,
) -> None:
    server = Server(says={b"UID EXPUNGE": b"OK done"})
    done, account = run_against(server, folder, AfterFetch.DELETE)
    assert done.deleted == 3
    before = len(server.changes)
    # The first listing finds them again, an anomaly; nothing is done to them in any other.
    assert fetch_again(server, AfterFetch.DELETE).anomaly_code == "MessageCameBack"
    for _ in range(2):
        done = fetch_again(server, AfterFetch.DELETE)
        assert (done.status, done.deleted, done.adds_up) == (RunStatus.SUCCEEDED, 0, True)
    assert len(server.changes) == before
    assert presences() == [Presence.PRESENT] * 3
    assert refusal(account) == "MessagesLeft"


def test_another_message_that_took_a_uid_unnoticed_is_archived_before_it_is_removed(
    folder: EmailFolderPage,
) -> None:
    """UIDVALIDITY, UIDNEXT and the number of messages are as before: only the proof sees it."""
    server = Server()
    mails = {*server.bodies.values()}

    def reuse() -> None:
        server.bodies[2] = mail(99)
        mails.add(server.bodies[2])
        # Whatever came later has another date; one server in a test has one for all.
        LedgerEntry.objects.filter(uid=2).update(received_at="2020-01-01T00:00:00Z")

    done, _ = run_against(server, folder, AfterFetch.DELETE, reuse)
    assert (done.deleted, done.anomaly_code) == (0, "RemovalNotProven")
    done = fetch_again(server, AfterFetch.DELETE)
    assert (done.archived, done.deleted, done.anomaly_code) == (1, 0, "UidReused")
    assert archived() == mails
    assert EmailMessagePage.objects.count() == 4
    assert set(server.bodies) == {1, 2, 3}
    assert fetch_again(server, AfterFetch.DELETE).deleted == 3
    assert server.bodies == {}


def test_what_stays_for_good_is_said_as_long_as_it_does(folder: EmailFolderPage) -> None:
    server = Server()
    server.later[2] = mail(99)
    _, account = run_against(server, folder, AfterFetch.DELETE, times=3)
    assert refusal(account) == "MessagesLeft"
    assert "so many: 1" in health_of(account).not_treated_because
    server.later = {}
    try_again(account)
    assert fetch_again(server, AfterFetch.DELETE).deleted == 1
    assert refusal(account) == ""


def test_no_other_message_than_was_archived_is_marked_as_read(folder: EmailFolderPage) -> None:
    server = Server()
    run_against(server, folder, AfterFetch.LEAVE)
    LedgerEntry.objects.filter(uid=2).update(received_at="2020-01-01T00:00:00Z")
    done = fetch_again(server, AfterFetch.MARK_READ)
    assert (done.marked_read, done.anomaly_code) == (0, "UidReused")
    assert server.changes == []
    # The next fetch reads what is there, and then all of it is marked.
    fetch_again(server, AfterFetch.MARK_READ)
    assert fetch_again(server, AfterFetch.MARK_READ).status == RunStatus.SUCCEEDED
    assert FetchRun.objects.aggregate(number=Sum("marked_read"))["number"] == 3
