"""A short soak."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.redis import Redis, RedisUnavailable

_ROOT = Path(__file__).resolve().parents[2]
_LINE = re.compile(
    r"^soak: (?P<delivered>\d+) delivered, (?P<archived>\d+) archived, 0 twice, 0 lost \(seed 4\)$",
    re.MULTILINE,
)


@pytest.mark.soak
def test_nothing_is_lost_or_twice_while_workers_are_killed_and_mail_comes_and_goes() -> None:
    """In a process of its own, because it has its own settings, database and workers."""
    command = [sys.executable, "-m", "tests.soak", "--seed", "4"]
    soak = subprocess.Popen(
        [*command, "--seconds", "60", "--accounts", "8", "--messages", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=_ROOT,
    )
    try:
        told, _ = soak.communicate(timeout=900)
    finally:
        soak.terminate()
        soak.wait(60)
    assert soak.returncode == 0, told
    found = _LINE.search(told)
    assert found, told
    assert int(found["delivered"]) == int(found["archived"]) >= 600


def test_what_to_install_is_said_where_there_is_no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(RedisUnavailable, match="apt-get install redis-server"), Redis():
        pass
