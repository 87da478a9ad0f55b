"""One fault and what comes after it, from beginning to end."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.sources.base import Security

from . import mail
from .cases import BEGINS_WITH
from .databases import Databases
from .nursery import Ended, Nursery
from .whole import Server

_users = itertools.count(1)


@dataclass(frozen=True)
class Connected:
    """A user's mail on the server, and how an account reaches it.

    Attributes:
        errand: one of `cases.ERRANDS`.
        renumber: gives all messages new UIDs.
    """

    server: Server
    endpoint: dict[str, Any]
    account: dict[str, Any]
    errand: str
    renumber: Callable[[], None]


def connect(dovecot: Dovecot, protocol: str = "imap", errand: str = "leave") -> Connected:
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
        **{"protocol": protocol, "after_fetch": BEGINS_WITH[errand]},
        **{"mailboxes": list(delivered), "move_to": mail.TARGET},
    }

    def renumber() -> None:
        for mailbox in delivered:
            dovecot.bump_uidvalidity(user, mailbox)

    return Connected(server, endpoint, account, errand, renumber)


def begin(nursery: Nursery, database: str, connected: Connected) -> None:
    """Do what comes before the fetch at which something happens."""
    endpoint, account = connected.endpoint, connected.account
    nursery.run("connect", database, endpoint=endpoint, account=account)
    if connected.errand == "give up":
        ended = nursery.run("fetch", database, crossing="MARKED_ON_SERVER", accident="kill")
        assert ended.killed, ended.told
        nursery.run("edit", database, after_fetch="leave")
    if connected.errand in ("renumber", "restore"):
        ended = nursery.run("fetch", database)
        assert ended.result is not None, ended.told
        if connected.errand == "renumber":
            connected.renumber()
        else:
            nursery.run("restore", database)
        nursery.run("edit", database, after_fetch="delete")


def survive(
    databases: Databases,
    connected: Connected,
    crossing: str,
    accident: str,
    *,
    nth: int = 1,
    store: str = "",
) -> Ended:
    """Have the `accident` happen, expect that nothing comes of it, and return how it ended.

    Args:
        nth: how many times the crossing is met until then.
        store: a folder for originals; "" keeps them in the database.
    """
    with databases.fresh() as database:
        begin(databases.nursery, database, connected)
        ended = databases.nursery.run(
            *("fetch", database),
            errand=connected.errand,
            crossing=crossing,
            accident=accident,
            nth=nth,
            store=store,
        )
        if accident == "kill":
            assert ended.killed, ended.told or "the crossing was not met"
        else:
            assert ended.result is not None, ended.told
            assert ended.result[crossing] >= nth, "the crossing was not met"
        expect_whole(databases, database, connected, told=ended.told, store=store)
    return ended


def expect_whole(
    databases: Databases, database: str, connected: Connected, *, told: str = "", store: str = ""
) -> None:
    """Go on after a fault, and expect that all is whole in the end."""
    server, errand = connected.server, connected.errand
    after = databases.nursery.run("aftermath", database, server=server, errand=errand, store=store)
    assert after.result == [], "\n".join([*(after.result or []), told, after.told])
