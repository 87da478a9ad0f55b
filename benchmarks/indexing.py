"""Which share of a fetch goes into the index: fetching with it beside fetching without it."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import PostgreSQL
from wagtail_mailarchive.sources.base import Security

from . import mailbox
from .contenders import Archiving, archive
from .databases import Postgres, SQLite
from .filling import say

_ROUNDS = 3


def indexing_share(name: str, messages: int, cache: Path) -> float:
    """Return the share of the seconds, on an empty and durable database.

    Args:
        messages: of the mailbox that `benchmarks.fetch` reads, too.
    """
    say(f"{name}: fetching {messages} messages with index and without")
    kept = mailbox.mixed(cache, messages)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with ExitStack() as stack:
        server = stack.enter_context(Dovecot())
        mailbox.deliver(kept, server, "reader")
        endpoint = server.endpoint("reader", Security.TLS)
        databases: SQLite | Postgres = (
            SQLite(Path(stack.enter_context(TemporaryDirectory())))
            if name == "sqlite"
            else Postgres(stack.enter_context(PostgreSQL(fsync=True)))
        )
        for turn in range(_ROUNDS + 1):
            for is_indexed, taken in seconds.items():
                with databases.new() as database:
                    (done,) = archive(Archiving(database, endpoint, indexed=is_indexed))
                if turn:  # in the first the server makes its own index
                    taken.append(done.seconds)
    with_index, without = (statistics.median(seconds[each]) for each in (True, False))
    return (with_index - without) / with_index
