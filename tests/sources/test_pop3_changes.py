"""What is deleted from a POP3 maildrop goes at QUIT, and is known to be gone only after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.exceptions import (
    ChangeRefused,
    ConnectionDropped,
    ConnectionTimedOut,
    ServerBusy,
    SourceError,
)
from wagtail_mailarchive.sources.base import Endpoint
from wagtail_mailarchive.sources.deadline import Timeouts
from wagtail_mailarchive.sources.pop3_changes import ChangingPop3Source

from .test_imap import message

QUICK = Timeouts(connect=30, silence=30, command=30, change=0.5)


@contextmanager
def listed(endpoint: Endpoint, timeouts: Timeouts | None = None) -> Iterator[ChangingPop3Source]:
    """A source whose UIDs are the message numbers."""
    with ChangingPop3Source(endpoint, timeouts=timeouts) as source:
        source.assign({each.number: each.number for each in source.list_uidls()})
        yield source


def filled(dovecot: Dovecot, user: str) -> Endpoint:
    for number in range(1, 5):
        dovecot.deliver(user, message(number))
    return replace(dovecot.endpoint(user), port=dovecot.pop3s)


def left(dovecot: Dovecot, user: str) -> list[bytes]:
    return [path.read_bytes() for path in dovecot.message_files(user)]


def test_what_was_named_is_gone_after_quit(dovecot: Dovecot, mail_user: str) -> None:
    with listed(filled(dovecot, mail_user)) as source:
        source.delete([2, 3, 99])
        assert len(left(dovecot, mail_user)) == 4
        source.quit()
        assert left(dovecot, mail_user) == [message(1), message(4)]
        with pytest.raises(ConnectionDropped):
            source.delete([1])


def test_nothing_is_gone_without_quit(dovecot: Dovecot, mail_user: str) -> None:
    endpoint = filled(dovecot, mail_user)
    with listed(endpoint) as source:
        source.delete([2])
        source.withdraw()
    source = ChangingPop3Source(endpoint)
    source.__enter__()
    source.assign({each.number: each.number for each in source.list_uidls()})
    source.delete([3])
    source.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert len(left(dovecot, mail_user)) == 4


def server(then: Callable[[Talk], None]) -> ScriptedServer:
    def whole(talk: Talk) -> None:
        talk.open_pop3(b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n")
        then(talk)
        talk.await_end()

    return ScriptedServer(whole)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(b"-ERR some not removed", ChangeRefused), (b"-ERR [SYS/TEMP] later", ServerBusy)],
)
def test_a_refused_quit_proves_nothing(status: bytes, expected: type[SourceError]) -> None:
    def then(talk: Talk) -> None:
        talk.reply(b"DELE 1")
        talk.reply(b"QUIT", status=status)

    with server(then) as scripted, listed(scripted.endpoint()) as source:
        source.delete([1])
        with pytest.raises(expected):
            source.quit()


def test_a_quit_without_an_answer_proves_nothing() -> None:
    def hang_up(talk: Talk) -> None:
        talk.reply(b"DELE 1")
        talk.line()
        talk.close()

    def be_silent(talk: Talk) -> None:
        talk.reply(b"DELE 1")
        talk.line()
        talk.line()

    with server(hang_up) as scripted, listed(scripted.endpoint()) as source:
        source.delete([1])
        with pytest.raises(ConnectionDropped):
            source.quit()
    with server(be_silent) as scripted, listed(scripted.endpoint(), QUICK) as source:
        source.delete([1])
        with pytest.raises(ConnectionTimedOut):
            source.quit()


def test_a_refused_deletion_is_told_and_nothing_is_removed() -> None:
    def then(talk: Talk) -> None:
        talk.reply(b"DELE 1")
        talk.reply(b"DELE 2", status=b"-ERR no")

    with server(then) as scripted:
        with pytest.raises(ChangeRefused), listed(scripted.endpoint()) as source:
            source.delete([1, 2])
        assert b"QUIT" not in scripted.received
