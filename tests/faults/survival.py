"""One fault and what comes after it, from beginning to end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.sources.base import Security

from . import mail
from .databases import Databases
from .nursery import Ended
from .whole import Server

_users = itertools.count(1)


@dataclass(frozen=True)
class Connected:
    """A user's mail on the server, and how an account reaches it."""

    server: Server
    endpoint: dict[str, Any]
    account: dict[str, Any]


def connect(dovecot: Dovecot, protocol: str = "imap", action: str = "leave") -> Connected:
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
        ended = databases.nursery.run(
            *("fetch", database),
            endpoint=connected.endpoint,
            account=connected.account,
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
    action = connected.account["after_fetch"]
    after = databases.nursery.run(
        "aftermath", database, server=connected.server, action=action, store=store
    )
    assert after.result == [], "\n".join([*(after.result or []), told, after.told])
