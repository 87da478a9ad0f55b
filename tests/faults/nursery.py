"""Processes that may be killed: a nursery has Django loaded, and forks one for each errand.

A nursery is a process of its own (`python -m tests.faults.nursery`), so that what it forks has no
threads, no connections and nothing of pytest in it. It is told errands as lines of JSON and answers
each with one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How an errand's process ended.

    Attributes:
        killed: by SIGKILL.
        result: what the errand returned; None if it did not come to that.
        told: what it wrote to stderr, for the message of a failing test.
    """

    killed: bool
    result: Any
    told: str


class Nursery:
    """The process, for one kind of database; ends with the `with` block.

    Args:
        database_url: as TEST_DATABASE_URL; "" for SQLite.
    """

    def __init__(self, database_url: str = "") -> None:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.faults.settings"}
        environment["TEST_DATABASE_URL"] = database_url
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env=environment,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def run(self, errand: str, database: str, /, **arguments: Any) -> Ended:
        """Do `errand`, a function of `errands`, on the database of that name."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"errand": errand, "database": database, "arguments": arguments}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery has died"
        return Ended(**json.loads(answer))


def _serve() -> None:
    """Answer errands until nobody asks any more."""
    import django

    django.setup()
    from django.db import connections

    from . import errands

    connections.close_all()
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as result:
            child = os.fork()
            if child == 0:
                _do(order, errands.__dict__, told, result)
            _, status = os.waitpid(child, 0)
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            told.seek(0)
            result.seek(0)
            ended = Ended(killed, json.loads(result.read() or "null"), told.read())
        print(json.dumps(ended.__dict__), flush=True)  # noqa: T201


def _do(order: Mapping[str, Any], known: Mapping[str, Any], told: IO[str], result: IO[str]) -> None:
    """In the forked process: do one errand and exit."""
    from django.db import connection, connections

    os.dup2(told.fileno(), 1)
    os.dup2(told.fileno(), 2)
    try:
        connection.settings_dict["NAME"] = order["database"]
        returned = known[order["errand"]](**order["arguments"])
        connections.close_all()
        result.write(json.dumps(returned))
        result.flush()
    except BaseException:  # noqa: BLE001 - this process ends here
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve()
