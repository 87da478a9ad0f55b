"""Mail is removed from servers only where a confirmed commit survives a power cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db.utils import ConnectionHandler
from pytest_django import Settings

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.postgresql import PostgreSQL
from wagtail_mailarchive.checks.durability import check_durability
from wagtail_mailarchive.exceptions import ConfigurationError
from wagtail_mailarchive.fetching import durability
from wagtail_mailarchive.fetching.durability import why_not_durable
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import MailAccount
from wagtail_mailarchive.models.account import AfterFetch

from .test_afterwards import refusal

pytestmark = pytest.mark.django_db

SQLITE = {"ENGINE": "django.db.backends.sqlite3"}


def reason(monkeypatch: pytest.MonkeyPatch, **database: Any) -> str:
    """Return why the archive would not be durable in `database`; "" if it is."""
    connections = ConnectionHandler({"default": database})
    monkeypatch.setattr(durability, "connections", connections)
    try:
        found = why_not_durable()
    finally:
        connections["default"].close()
    return "" if found is None else str(found)


@pytest.mark.parametrize(
    ("pragmas", "missing"),
    [
        ("", ""),
        ("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", ""),
        ("PRAGMA journal_mode = WAL; PRAGMA synchronous = EXTRA;", ""),
        ("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", "PRAGMA synchronous = FULL"),
        ("PRAGMA synchronous = OFF;", "PRAGMA synchronous = FULL"),
        ("PRAGMA journal_mode = MEMORY;", "PRAGMA journal_mode = WAL"),
    ],
)
def test_sqlite_has_to_flush_each_commit(
    pragmas: str, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"init_command": pragmas} if pragmas else {}
    found = reason(monkeypatch, **SQLITE, NAME=tmp_path / "db.sqlite3", OPTIONS=options)
    assert bool(found) == bool(missing)
    assert missing in found


@pytest.fixture(scope="module")
def flushing() -> Iterator[PostgreSQL]:
    with PostgreSQL(fsync=True) as server:
        yield server


@pytest.mark.parametrize(
    ("value", "missing"), [("on", ""), ("local", ""), ("off", "synchronous_commit = on")]
)
def test_postgresql_has_to_wait_for_its_disk(
    value: str, missing: str, flushing: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"options": f"-c synchronous_commit={value}"}
    found = reason(monkeypatch, **flushing.django(), OPTIONS=options)
    assert bool(found) == bool(missing)
    assert missing in found


def test_postgresql_without_fsync_promises_nothing(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"options": "-c synchronous_commit=on"}
    assert "fsync = on" in reason(monkeypatch, **postgresql.django(), OPTIONS=options)


def test_a_storage_that_does_not_flush_promises_nothing(settings: Settings, tmp_path: Path) -> None:
    backend = f"{FileSystemStorage.__module__}.FileSystemStorage"
    settings.STORAGES = {
        **settings.STORAGES,
        "originals": {"BACKEND": backend, "OPTIONS": {"location": str(tmp_path)}},
    }
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "ORIGINALS_STORAGE": "originals",
    }
    assert isinstance(why_not_durable(), ConfigurationError)


def test_a_database_that_is_not_durable_keeps_all_mail_on_the_server(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    """That of the tests is none: it is set not to flush."""
    MailAccount.objects.update(after_fetch=AfterFetch.DELETE)
    dovecot.deliver(mail_user, factories.raw())
    assert fetch_now(account).run.archived == 1
    assert fetch_now(MailAccount.objects.get()).run.deleted == 0
    assert refusal(account) == "DatabaseNotDurable"
    assert len(dovecot.message_files(mail_user)) == 1


def test_the_system_check_warns_where_an_account_is_to_remove_mail(account: MailAccount) -> None:
    assert check_durability(databases=["default"]) == []
    MailAccount.objects.update(after_fetch=AfterFetch.MOVE)
    assert check_durability() == []
    [warning] = check_durability(databases=["default"])
    assert warning.id == "wagtail_mailarchive.W031"
    assert "Ask the site owner to set" in warning.msg
