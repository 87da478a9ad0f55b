"""A connection that ends while the server changes something: nobody knows then what it did."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from itertools import product

import pytest

from tests import factories
from tests.servers.scripted import ClientGone, ScriptedServer, Talk
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import EmailFolderPage, FetchRun, MailAccount, Presence, RunStatus
from wagtail_mailarchive.models.account import AfterFetch
from wagtail_mailarchive.sources import session
from wagtail_mailarchive.sources.deadline import Timeouts

from .test_afterwards import archived, choose
from .test_refused_changes import UIDPLUS, WITH_MOVE, Break, Server, presences

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("durable")]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a silent server for as long as a busy machine may need, and no longer."""
    monkeypatch.setattr(session, "Timeouts", functools.partial(Timeouts, connect=20, silence=2))


def says_bye_instead(talk: Talk, do: Callable[[int], None]) -> None:
    talk.send(b"* BYE shutting down\r\n")
    raise ClientGone


def says_bye_afterwards(talk: Talk, do: Callable[[int], None]) -> None:
    do(3)
    says_bye_instead(talk, do)


def hangs_up_half_way(talk: Talk, do: Callable[[int], None]) -> None:
    do(1)
    raise ClientGone


def falls_silent(talk: Talk, do: Callable[[int], None]) -> None:
    do(3)
    while True:
        talk.line()


def fetch(account: MailAccount) -> FetchRun:
    done = fetch_now(account).run
    assert (done.status, done.adds_up) == (RunStatus.SUCCEEDED, True), done.error
    return done


# Nothing is changed by it, or nothing that matters.
ASKED = [
    (b"SELECT", AfterFetch.DELETE, UIDPLUS),
    (b"STATUS", AfterFetch.MOVE, WITH_MOVE),
    (b"UID STORE", AfterFetch.MARK_READ, UIDPLUS),
]
CHANGED = [
    (b"CREATE", AfterFetch.MOVE, WITH_MOVE),
    (b"UID STORE", AfterFetch.DELETE, UIDPLUS),
    (b"UID EXPUNGE", AfterFetch.DELETE, UIDPLUS),
    (b"UID MOVE", AfterFetch.MOVE, WITH_MOVE),
    (b"UID COPY", AfterFetch.MOVE, UIDPLUS),
    (b"UID EXPUNGE", AfterFetch.MOVE, UIDPLUS),
]
CASES = [
    *product(ASKED, [says_bye_instead, falls_silent]),
    *product(CHANGED, [says_bye_instead, says_bye_afterwards, hangs_up_half_way, falls_silent]),
]


@pytest.mark.parametrize(
    ("command", "action", "capabilities", "broken"),
    [(*where, broken) for where, broken in CASES],
    ids=[f"{where[0].decode()}-{where[1]}-{broken.__name__}" for where, broken in CASES],
)
def test_a_connection_that_ends_at_a_change_loses_nothing_and_later_runs_finish_it(
    command: bytes, action: AfterFetch, capabilities: bytes, broken: Break, folder: EmailFolderPage
) -> None:
    server = Server(says={command: broken}, capabilities=capabilities)
    mails = set(server.bodies.values())
    with ScriptedServer(server) as scripted:
        account = choose(factories.account(folder, scripted.endpoint()), action, move_to="Done")
        done = fetch(account)
        assert done.anomaly_code in ("ConnectionDropped", "ConnectionTimedOut")
        # What is not confirmed is not said to be done, and what has left was here before.
        assert (done.marked_read, done.moved, done.deleted) == (0, 0, 0)
        assert Presence.REMOVED not in presences()
        assert archived() == mails
        if action == AfterFetch.MOVE:
            assert {*server.bodies.values(), *server.target} == mails
        server.says = {}
        fetch(account)
        fetch(account)
        before = (list(server.changes), list(server.target), presences())
        fetch(account)
        assert (server.changes, server.target, presences()) == before
    assert archived() == mails
    if action == AfterFetch.MARK_READ:
        assert (set(server.bodies), presences()) == ({1, 2, 3}, [Presence.PRESENT] * 3)
        return
    assert (server.bodies, presences()) == ({}, [Presence.REMOVED] * 3)
    copies = Counter(server.target)
    if action == AfterFetch.MOVE:
        assert set(copies) == mails
    # Where there is no MOVE, two copies rather than none.
    assert all(number <= (1 if capabilities == WITH_MOVE else 2) for number in copies.values())


@pytest.mark.parametrize("broken", [says_bye_instead, falls_silent])
def test_a_connection_that_ends_at_logout_harms_nothing(
    broken: Break, folder: EmailFolderPage
) -> None:
    server = Server(says={b"LOGOUT": broken})
    with ScriptedServer(server) as scripted:
        account = choose(factories.account(folder, scripted.endpoint()), AfterFetch.DELETE)
        done = fetch(account)
    assert (done.archived, done.deleted, done.anomaly_code) == (3, 3, "")
    assert server.bodies == {}
