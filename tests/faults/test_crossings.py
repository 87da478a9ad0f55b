"""Whatever happens at whichever point: nothing lost, nothing twice, nothing removed unproven.

One fetch is ended or fails at one crossing. Another worker goes on, a later run does the rest, and
the one after that finds nothing to do. `make faults` tries every case, `make test` some.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import PostgreSQL
from wagtail_mailarchive.crossings import Crossing
from wagtail_mailarchive.sources.base import Security

from . import mail
from .cases import Case, every_case, met, pairwise
from .databases import Databases, PostgreSQLs, SQLite
from .nursery import Nursery
from .whole import Server

_users = itertools.count(1)
_EVERY = list(every_case())
CASES = _EVERY if os.environ.get("FAULTS") == "all" else pairwise(_EVERY)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with Nursery() as nursery:
        yield SQLite(nursery, tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def postgresqls(postgresql: PostgreSQL) -> Iterator[Databases]:
    with Nursery(postgresql.url) as nursery:
        yield PostgreSQLs(nursery, postgresql)


@dataclass(frozen=True)
class Connected:
    """A user's mail on the server, and how an account reaches it."""

    server: Server
    endpoint: dict[str, Any]
    account: dict[str, Any]


def connect(dovecot: Dovecot, protocol: str, action: str) -> Connected:
    """Deliver all the mail to a new user."""
    user = dovecot.create_user(f"faults{next(_users)}")
    delivered = mail.mailboxes(protocol)
    for mailbox, raws in delivered.items():
        for raw in raws:
            dovecot.deliver(user, raw, mailbox=mailbox)
    server: Server = {
        "maildirs": {name: str(dovecot.maildir(user, name)) for name in (*delivered, mail.TARGET)},
        "delivered": {
            name: [(mail.digest(raw), mail.kind(raw)) for raw in raws]
            for name, raws in delivered.items()
        },
    }
    reached = dovecot.endpoint(user, Security.PLAIN, protocol=protocol)
    endpoint = {
        **{"host": reached.host, "port": reached.port, "security": reached.security.value},
        **{"username": reached.username, "secret": reached.secret},
    }
    account = {
        **{"protocol": protocol, "after_fetch": action, "mailboxes": list(delivered)},
        "move_to": mail.TARGET if action == "move" else "",
    }
    return Connected(server, endpoint, account)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_loses_nothing_doubles_nothing_and_removes_nothing_unproven(
    case: Case, dovecot: Dovecot, request: pytest.FixtureRequest
) -> None:
    fixture = "sqlite" if case.database == "sqlite" else "postgresqls"
    databases: Databases = request.getfixturevalue(fixture)
    connected = connect(dovecot, case.protocol, case.action)
    with databases.fresh() as database:
        ended = databases.nursery.run(
            *("fetch", database),
            endpoint=connected.endpoint,
            account=connected.account,
            crossing=case.crossing,
            fault=case.fault,
            nth=case.nth,
        )
        if case.fault == "kill":
            assert ended.killed, ended.told or "the crossing was not met"
        else:
            assert ended.result is not None, ended.told
            assert ended.result[case.crossing] >= case.nth, "the crossing was not met"
        after = databases.nursery.run(
            "aftermath", database, server=connected.server, action=case.action
        )
    assert after.result == [], "\n".join([*(after.result or []), ended.told, after.told])


@pytest.mark.parametrize(
    ("protocol", "action"),
    sorted({(case.protocol, case.action) for case in _EVERY}),
)
def test_each_crossing_is_met_and_no_other(
    protocol: str, action: str, dovecot: Dovecot, sqlite: Databases
) -> None:
    connected = connect(dovecot, protocol, action)
    with sqlite.fresh() as database:
        ended = sqlite.nursery.run(
            "fetch", database, endpoint=connected.endpoint, account=connected.account
        )
    assert ended.result is not None, ended.told
    assert {Crossing[name] for name in ended.result} == met(protocol, action)


def test_few_cases_try_all_that_two_values_do_together() -> None:
    few = pairwise(_EVERY)
    assert len(few) < len(_EVERY) / 4
    for first, second in itertools.combinations(range(6), 2):
        pairs = [
            {(str(case).split("-")[first], str(case).split("-")[second]) for case in cases}
            for cases in (few, _EVERY)
        ]
        assert pairs[0] == pairs[1]
