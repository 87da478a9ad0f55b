"""A server that asks to be left alone is; where it does so at one message, the others come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    LedgerEntry,
    Outcome,
    RunStatus,
)

from .test_faults import Fault, mail, mailbox

pytestmark = pytest.mark.django_db

HINTS = [
    (b"NO [OVERQUOTA] Account exceeded command or bandwidth limits.", 60),
    (b"NO [LIMIT] Too many commands", 60),
    (b"NO [UNAVAILABLE] Try again", 60),
    (b"BAD Request is throttled. Suggested Backoff Time: 9000000 milliseconds", 9_000),
]


@pytest.mark.parametrize(("hint", "seconds"), HINTS)
def test_imap_is_asked_nothing_more_in_this_run(
    folder: EmailFolderPage, hint: bytes, seconds: int
) -> None:
    connections = 0

    def script(talk: Talk) -> None:
        nonlocal connections
        connections += 1
        talk.open(exists=2)
        talk.answer(b"UID SEARCH", b"SEARCH 1 2")
        talk.answer(
            b"UID FETCH", b"1 FETCH (UID 1 RFC822.SIZE 9)", b"2 FETCH (UID 2 RFC822.SIZE 9)"
        )
        talk.answer(b"UID FETCH", b"1 FETCH (UID 1 BODY[] {2}\r\nok)", status=hint)
        talk.await_end()

    with ScriptedServer(script) as server:
        account = factories.account(folder, server.endpoint())
        report = fetch_now(account)
    assert (report.run.status, report.run.error_code) == (RunStatus.FAILED, "ServerBusy")
    assert report.run.error_params == {"host": "127.0.0.1", "seconds": seconds}
    assert connections == 1
    # Asked for alone next time: it may be one of them only.
    waiting = LedgerEntry.objects.filter(outcome=Outcome.WAITING, reason_code="ServerBusy")
    assert waiting.filter(failed_in=None).count() == 2
    held = AccountHealth.objects.get(account=account).hold_until
    assert held is not None
    assert held > timezone.now() + timedelta(seconds=seconds - 60)


def test_pop3_is_asked_nothing_more_in_this_run(folder: EmailFolderPage) -> None:
    connections = 0

    def script(talk: Talk) -> None:
        nonlocal connections
        connections += 1
        talk.log_in_pop3(b"UIDL", b"TOP")
        talk.reply(b"STAT", b"+OK 2 18")
        talk.reply(b"LIST", text=b"1 9\r\n2 9\r\n")
        talk.reply(b"UIDL", text=b"1 a\r\n2 b\r\n")
        talk.reply(b"RETR 1", text=b"Subject: x\r\n\r\n")
        talk.reply(b"RETR 2", b"-ERR [SYS/TEMP] enough for now")
        talk.await_end()

    with ScriptedServer(script) as server:
        account = factories.account(folder, server.endpoint(), protocol="pop3")
        report = fetch_now(account)
        assert b"QUIT" not in server.received
    assert (report.run.status, report.run.error_code) == (RunStatus.FAILED, "ServerBusy")
    assert connections == 1
    waiting = LedgerEntry.objects.filter(outcome=Outcome.WAITING, reason_code="ServerBusy")
    assert waiting.filter(failed_in=None).count() == 2


def is_busy(talk: Talk, tag: bytes, uid: int) -> bool:
    """What Yahoo says at single messages."""
    talk.send(tag + b" NO [UNAVAILABLE] UID FETCH Server error while fetching messages\r\n")
    return True


def test_a_server_that_is_busy_at_one_message_only_does_not_keep_the_others(
    folder: EmailFolderPage,
) -> None:
    bodies: dict[int, bytes | Fault] = {uid: mail(uid) for uid in range(1, 6)}
    bodies[2] = is_busy
    with ScriptedServer(mailbox(bodies)) as server:
        account = factories.account(folder, server.endpoint())
        ends = []
        for _ in range(4):
            run = fetch_now(account).run
            ends.append((run.status, run.archived, run.not_read))
            bodies[9] = mail(9)
    assert ends == [
        # In company, then alone, then after all others.
        (RunStatus.FAILED, 0, 5),
        (RunStatus.FAILED, 1, 4),
        (RunStatus.SUCCEEDED, 4, 1),
        (RunStatus.SUCCEEDED, 0, 1),
    ]
    assert run.anomaly_code == ""
    assert LedgerEntry.objects.get(outcome=Outcome.WAITING).uid == 2
