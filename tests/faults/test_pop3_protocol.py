"""A POP3 connection that ends, or comes to nothing, at any command: nothing is lost or removed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from itertools import product

import pytest

from tests import factories
from tests.servers.maildrop import Maildrop, by_content
from tests.servers.scripted import ClientGone, ScriptedServer, Talk
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, RunStatus
from wagtail_mailarchive.models.account import AfterFetch
from wagtail_mailarchive.sources import session
from wagtail_mailarchive.sources.deadline import Timeouts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("durable")]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a silent server for as long as a busy machine may need, and no longer."""
    soon = functools.partial(Timeouts, connect=20, silence=2, command=4)
    monkeypatch.setattr(session, "Timeouts", soon)


def hangs_up(talk: Talk) -> None:
    raise ClientGone


def says_nothing(talk: Talk) -> None:
    while True:
        talk.line()


def closes_half_of_the_connection(talk: Talk) -> None:
    talk.send(b"+OK 3 9")
    talk.say_no_more()
    says_nothing(talk)


def says_a_byte_now_and_then(talk: Talk) -> None:
    talk.send(b"+OK ")
    while True:
        talk.send(b"x")
        time.sleep(0.2)


CASES = [
    *product(
        ["STAT", "LIST", "UIDL", "TOP", "RETR", "DELE"],
        [hangs_up, says_nothing, closes_half_of_the_connection],
    ),
    ("LIST", says_a_byte_now_and_then),
    ("DELE", says_a_byte_now_and_then),
]


@pytest.mark.parametrize(("command", "fault"), CASES)
def test_a_server_that_fails_at_any_command_loses_and_removes_nothing_and_then_all_of_it_comes(
    command: str, fault: Callable[[Talk], None], folder: EmailFolderPage
) -> None:
    raws = [factories.raw(f"Message {n}").replace(b"\n", b"\r\n") for n in range(3)]
    # Headers are asked for where there are no unique-ids.
    maildrop = Maildrop(raws, name=None if command == "TOP" else by_content)
    maildrop.fails = {command: fault}
    with ScriptedServer(maildrop) as server:
        account = factories.account(
            folder, server.endpoint(), protocol="pop3", after_fetch=AfterFetch.DELETE
        )
        run = fetch_now(account).run
        is_fetched = command == "DELE"
        assert run.status == (RunStatus.SUCCEEDED if is_fetched else RunStatus.FAILED)
        assert run.anomaly_code in ("ConnectionDropped", "ConnectionTimedOut")
        assert archived() == (set(raws) if is_fetched else set())
        assert (maildrop.messages, maildrop.quits) == (raws, 0)
        maildrop.fails = {}
        runs = [fetch_now(account).run for _ in range(3)]
    assert [run.status for run in runs] == [RunStatus.SUCCEEDED] * 3
    assert sum(run.archived for run in runs) == (0 if is_fetched else 3)
    assert sum(run.deleted for run in runs) == 3
    assert (archived(), maildrop.messages) == (set(raws), [])
    assert EmailMessagePage.objects.count() == 3


def archived() -> set[bytes]:
    return {originals.read(each.original) for each in EmailMessagePage.objects.all()}
