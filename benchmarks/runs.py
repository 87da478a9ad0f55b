"""One run of a benchmark: each database in a process of its own, then all of it in one object."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from . import report
from .filling import CACHE, DATABASES
from .timing import CLOCKS


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2, help="the least time of a request counts")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: where others compute")
    parser.add_argument("--database", choices=DATABASES, help="this one alone")
    parser.add_argument("--json", action="store_true", help="print one object, and no table")
    parser.add_argument(
        "--cache",
        type=Path,
        default=CACHE,
        help="folder that keeps what was filled between two runs (%(default)s)",
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def on_each(module: str, given: argparse.Namespace) -> dict[str, Any]:
    """Run `module` for each database that is asked for; return what they told.

    Each in a process of its own, because Django is set up for one database.
    """
    command = [sys.executable, "-m", module, "--here", "--cache", str(given.cache.absolute())]
    for name in ("messages", "requests", "rounds", "clock"):
        command += [f"--{name}", str(getattr(given, name))]
    databases: dict[str, Any] = {}
    ratios: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for database in [given.database] if given.database else DATABASES:
        answer = subprocess.run(
            [*command, "--database", database], check=True, stdout=subprocess.PIPE, text=True
        )
        databases[database] = json.loads(answer.stdout)
        for name, ratio in databases[database].pop("ratios").items():
            ratios[name][database] = ratio
    return {
        "machine": report.machine(),
        "versions": report.versions(),
        "messages": given.messages,
        "requests": given.requests,
        "rounds": given.rounds,
        "clock": given.clock,
        "ratios": ratios,
        "databases": databases,
    }
