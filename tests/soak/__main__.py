"""`make soak`: run it, and end with "soak: N delivered, N archived, 0 twice, 0 lost (seed S)".

Exit status 1 if something was lost, twice or otherwise not as it has to be.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.servers.dovecot import Dovecot, DovecotUnavailable
from tests.servers.postgresql import PostgreSQL, PostgreSQLUnavailable
from tests.servers.redis import Redis, RedisUnavailable


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    # So that all that was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"Soaking for {options.seconds:.0f} s, seed {options.seed}", flush=True)  # noqa: T201
    try:
        return _soak(options)
    except (DovecotUnavailable, PostgreSQLUnavailable, RedisUnavailable) as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1


def _soak(options: argparse.Namespace) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="soak") as folder,
        Dovecot() as dovecot,
        # Mail is removed only where a commit survives.
        PostgreSQL(fsync=True) as database,
        Redis() as broker,
    ):
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "tests.soak.settings",
            "TEST_DATABASE_URL": database.url,
            "SOAK_REDIS": broker.url,
        }
        import django

        django.setup()
        from .soak import Soak

        soak = Soak(dovecot, Path(folder), seconds=options.seconds, seed=options.seed)
        result = soak.run(accounts=options.accounts, messages=options.messages)
        for problem in result.problems:
            print(problem)  # noqa: T201
        if not result.is_good:
            print(soak.log())  # noqa: T201
        print(soak.told())  # noqa: T201
    print(  # noqa: T201
        f"soak: {result.delivered} delivered, {result.archived} archived, {result.twice} twice, "
        f"{result.lost} lost (seed {options.seed})"
    )
    return 0 if result.is_good else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long mail comes and goes")
    parser.add_argument("--accounts", type=int, default=8)
    parser.add_argument("--messages", type=int, default=2000, help="for each account")
    seed = random.randrange(1_000_000)
    parser.add_argument("--seed", type=int, default=seed, help="of all that is random")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
