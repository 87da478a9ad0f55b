"""What was measured, as ratios and as a table."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

# What is aimed for: at least, except where it says at most.
_AT_LEAST = {
    "sqlite_vs_mbsync": 0.65,
    "postgresql_vs_mbsync": 0.4,
    "sqlite_vs_django_mailbox": 3.0,
    "pop3_vs_imap": 0.5,
    "two_workers_vs_one": 1.2,
    "last_vs_first_thousand": 0.8,
    "link20ms_vs_loopback": 0.5,
    "sqlite_two_workers_vs_one": 0.95,
}
_AT_MOST = {
    "peak memory, mailbox, MB": 350,
    "peak memory, 50 MB message, MB": 450,
    "nothing new, commands": 8,
    "nothing new, CPU ms": 60,
}
_PROGRAMS = {
    "Dovecot": ("dovecot", "--version"),
    "mbsync": ("mbsync", "--version"),
    "notmuch": ("notmuch", "--version"),
}


def ratios(rates: dict[str, float], figures: dict[str, Any]) -> dict[str, float | None]:
    """Return the ratios that are claimed; null for what was not measured."""
    return {
        "sqlite_vs_mbsync": _ratio(rates, "SQLite", "mbsync"),
        "postgresql_vs_mbsync": _ratio(rates, "PostgreSQL", "mbsync"),
        "sqlite_vs_django_mailbox": _ratio(rates, "SQLite", "django-mailbox"),
        "pop3_vs_imap": _ratio(rates, "SQLite, POP3", "SQLite"),
        "two_workers_vs_one": _ratio(rates, "PostgreSQL, two workers", "PostgreSQL"),
        "last_vs_first_thousand": figures.get("SQLite, last vs first"),
        "link20ms_vs_loopback": _ratio(rates, "SQLite, 20 ms link", "SQLite"),
    }


def more(rates: dict[str, float], figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "sqlite_two_workers_vs_one": _ratio(rates, "SQLite, two workers", "SQLite"),
        "sqlite_files_vs_database": _ratio(rates, "SQLite, originals in files", "SQLite"),
        "postgresql_files_vs_database": _ratio(
            rates, "PostgreSQL, originals in files", "PostgreSQL"
        ),
        **figures,
    }


def _ratio(rates: dict[str, float], one: str, other: str) -> float | None:
    if one not in rates or other not in rates:
        return None
    return round(rates[one] / rates[other], 2)


def table(told: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    megabytes = told["bytes"] / 1e6
    lines = [
        f"{told['machine']}; {', '.join(f'{n} {v}' for n, v in told['versions'].items())}.",
        f"{told['messages']} messages, {megabytes:.0f} MB; medians of {told['runs']} rounds.",
        "",
        "| | messages a second | least | most |",
        "|---|--:|--:|--:|",
    ]
    for name, rate in told["rates"].items():
        every = told["all_rates"][name]
        lines.append(f"| {name} | {rate:.0f} | {min(every):.0f} | {max(every):.0f} |")
    lines += ["", "| | measured | wanted |", "|---|--:|--:|"]
    for name, value in (told["ratios"] | told["more"]).items():
        if name in _AT_LEAST:
            wanted = f"at least {_AT_LEAST[name]}"
        else:
            wanted = f"at most {_AT_MOST[name]}" if name in _AT_MOST else ""
        lines.append(f"| {name} | {'not measured' if value is None else value} | {wanted} |")
    lines += [f"\n{name}: {reason}." for name, reason in told["missing"].items()]
    return "\n".join(lines)


def heading(told: dict[str, Any]) -> str:
    """Return on what was measured, and how."""
    return (
        f"{told['machine']}; {', '.join(f'{n} {v}' for n, v in told['versions'].items())}.\n"
        f"{told['messages']} messages, {told['requests']} requests of each kind,"
        f" the least of {told['rounds']} rounds, {told['clock']} clock."
    )


def ratio_lines(told: dict[str, Any]) -> list[str]:
    """Return the ratios by database as a table, and what is not as wanted."""
    names = list(told["databases"])
    lines = [f"| ratio | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    for ratio, values in told["ratios"].items():
        cells = [str(values.get(name, "not measured")) for name in names]
        lines.append(f"| `{ratio}` | {' | '.join(cells)} |")
    return [*lines, *(f"\nMissed: {each}." for each in told["missed"])]


def machine() -> str:
    shared = len(os.sched_getaffinity(0))
    return f"{shared} shared cores, {datetime.now(UTC):%Y-%m-%d}"


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for name in ("Django", "wagtail", "IMAPClient"):
        found[name] = version(name)
    for name, command in _PROGRAMS.items():
        try:
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except OSError:
            continue
        found[name] = told.removeprefix("isync ").removeprefix("notmuch ").split()[0]
    return found
