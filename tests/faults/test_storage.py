"""What is written to gives way: the database, its disk, the store of originals.

Afterwards everything is as `survival.expect_whole` wants it: what was not committed is fetched
again, what was is not. Other faults of storage: tests/archive/test_originals.py, test_writer.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import InMemoryStorage
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import (
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Original,
    Outcome,
    RunStatus,
)
from wagtail_mailarchive.models.account import AfterFetch

from .databases import Databases
from .survival import connect, expect_whole, survive


def test_a_disk_that_is_full_ends_the_run_and_the_rest_comes_when_there_is_room(
    sqlite: Databases, dovecot: Dovecot
) -> None:
    ended = survive(sqlite, connect(dovecot), "CONNECTED", "fill_the_disk")
    assert "database or disk is full" in ended.told


def test_a_database_file_written_in_part_is_rolled_back_and_nothing_is_lost(
    sqlite: Databases, dovecot: Dovecot
) -> None:
    ended = survive(sqlite, connect(dovecot), "CONNECTED", "cut_writes_short")
    assert "OperationalError" in ended.told


def test_an_original_written_in_part_is_never_taken_for_whole(
    postgresqls: Databases, dovecot: Dovecot, tmp_path: Path
) -> None:
    store = str(tmp_path / "originals")
    ended = survive(postgresqls, connect(dovecot), "CONNECTED", "cut_writes_short", store=store)
    assert "The store of originals (originals) failed" in ended.told
    assert not list(tmp_path.rglob(".writing-*"))


@pytest.mark.parametrize("crossing", ["BATCH_COMMITTED", "PROVEN"])
def test_a_database_locked_by_somebody_else_ends_the_run_and_loses_nothing(
    crossing: str, sqlite: Databases, dovecot: Dovecot
) -> None:
    ended = survive(sqlite, connect(dovecot, errand="delete"), crossing, "lock_the_database")
    assert "database is locked" in ended.told


@pytest.mark.parametrize("nth", [1, 2])
def test_a_connection_lost_at_commit_that_did_not_commit_brings_the_batch_again(
    nth: int, postgresqls: Databases, dovecot: Dovecot
) -> None:
    connected = connect(dovecot)
    accident = "lose_the_connection_before_commit"
    ended = survive(postgresqls, connected, "RUN_COUNTED", accident, nth=nth)
    assert "terminating connection" in ended.told


@pytest.mark.parametrize("nth", [1, 2])
def test_a_connection_lost_at_commit_that_did_commit_brings_nothing_twice(
    nth: int, postgresqls: Databases, dovecot: Dovecot
) -> None:
    connected = connect(dovecot)
    accident = "lose_the_connection_after_commit"
    ended = survive(postgresqls, connected, "RUN_COUNTED", accident, nth=nth)
    assert "the connection is closed" in ended.told


def test_a_fetch_inside_another_transaction_is_refused_before_anything_is_written(
    databases: Databases, dovecot: Dovecot
) -> None:
    """A batch that says it is committed has to be, whatever ATOMIC_REQUESTS says."""
    connected = connect(dovecot)
    with databases.fresh() as database:
        ended = databases.nursery.run(
            *("fetch_inside_a_transaction", database),
            endpoint=connected.endpoint,
            account=connected.account,
        )
        assert ended.result is not None, ended.told
        assert "durable" in ended.result["told"]
        assert ended.result["written"] == 0
        expect_whole(databases, database, connected, told=ended.told)


def test_a_fetch_asked_for_inside_a_transaction_is_queued_when_that_is_committed(
    sqlite: Databases, dovecot: Dovecot
) -> None:
    connected = connect(dovecot)
    with sqlite.fresh() as database:
        ended = sqlite.nursery.run(
            *("request_inside_a_transaction", database),
            endpoint=connected.endpoint,
            account=connected.account,
        )
    assert ended.result == [0, 1], ended.told


class Forgetful(InMemoryStorage):
    """Gives other bytes back than it took."""

    is_forgetful = True

    def open(self, name: str, mode: str = "rb") -> File[bytes]:
        with super().open(name, mode) as file:
            data = bytearray(file.read())
        if self.is_forgetful:
            data[-1] ^= 1
        return ContentFile(bytes(data))


@pytest.mark.django_db
@pytest.mark.usefixtures("durable")
def test_a_store_that_gives_other_bytes_back_archives_and_moves_nothing_until_it_is_well(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = f"{Forgetful.__module__}.{Forgetful.__qualname__}"
    settings.STORAGES = {**settings.STORAGES, "forgetful": {"BACKEND": backend}}
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "ORIGINALS_STORAGE": "forgetful",
    }
    for number in range(3):
        dovecot.deliver(mail_user, factories.raw(f"Message {number}"))
    run = fetch_now(account).run
    assert (run.status, run.error_code) == (RunStatus.FAILED, "OriginalDamaged")
    assert run.anomaly_code == "OriginalDamaged"
    assert not Original.objects.exists()
    assert LedgerEntry.objects.filter(outcome=Outcome.WAITING).count() == 3
    monkeypatch.setattr(Forgetful, "is_forgetful", False)
    assert fetch_now(account).run.archived == 3
    assert EmailMessagePage.objects.count() == 3
    MailAccount.objects.update(after_fetch=AfterFetch.MOVE, move_to="Done")
    monkeypatch.setattr(Forgetful, "is_forgetful", True)
    run = fetch_now(MailAccount.objects.get()).run
    assert (run.moved, run.anomaly_code) == (0, "OriginalDamaged")
    assert len(dovecot.message_files(mail_user)) == 3
    monkeypatch.setattr(Forgetful, "is_forgetful", False)
    assert fetch_now(MailAccount.objects.get()).run.moved == 3
    assert len(dovecot.message_files(mail_user, "Done")) == 3
