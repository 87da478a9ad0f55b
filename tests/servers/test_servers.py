"""The servers tests rely on say what is missing, and leave nothing behind."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from .dovecot import Dovecot, DovecotUnavailable
from .postgresql import PostgreSQL, PostgreSQLUnavailable


def test_postgresql_answers_at_its_port(postgresql: PostgreSQL) -> None:
    with socket.create_connection((postgresql.host, postgresql.port), timeout=5):
        assert postgresql.url == (
            f"postgresql://mailarchive@127.0.0.1:{postgresql.port}/mailarchive"
        )


def test_a_server_that_ended_leaves_no_files() -> None:
    with Dovecot() as server:
        folder = server.folder
        server.create_user("someone")
        assert folder.is_dir()
    assert not folder.exists()


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with (
        pytest.raises(DovecotUnavailable, match="apt-get install dovecot-imapd dovecot-pop3d"),
        Dovecot(),
    ):
        pass
    monkeypatch.setattr(Path, "glob", lambda *_, **__: [])
    with pytest.raises(PostgreSQLUnavailable, match="apt-get install postgresql"), PostgreSQL():
        pass


def test_why_a_server_did_not_start_is_said() -> None:
    with (
        pytest.raises(PostgreSQLUnavailable, match="no_such_setting"),
        PostgreSQL(settings={"no_such_setting": "1"}),
    ):
        pass
