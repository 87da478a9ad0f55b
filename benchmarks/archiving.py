"""One measurement of this project, in a process of its own: `python -m benchmarks.archiving`.

The first line of standard input is a JSON object: `host`, `port`, `username`, `secret`,
`ca_certificate`, `protocol` ("imap" or "pop3"), `again`, how often to look for new mail
afterwards over IMAP, and `indexed`, whether text goes into the search index. "ready" is answered,
any other line starts the clock, and a JSON object with the results is answered last. So imports
are over before the clock starts, as in a worker that runs all day.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
django.setup()

from django.db import connection  # noqa: E402

from tests import factories  # noqa: E402
from wagtail_mailarchive.archive.search import schema, texts  # noqa: E402
from wagtail_mailarchive.fetching.foreground import fetch_now  # noqa: E402
from wagtail_mailarchive.models import FetchRun, MailAccount, MessageText  # noqa: E402
from wagtail_mailarchive.sources.imap import ImapSource  # noqa: E402


def main() -> None:
    given = json.loads(sys.stdin.readline())
    again = given.pop("again")
    if not given.pop("indexed"):
        _leave_out_index()
    folder = factories.folder()
    account = MailAccount(folder=folder, name="Benchmark", email="a@example.org", **_row(given))
    account.set_secret(given["secret"])
    account.save()
    batches: list[tuple[float, int]] = []

    def note(run: FetchRun) -> None:
        archived = FetchRun.objects.values_list("archived", flat=True).get(pk=run.pk)
        batches.append((time.perf_counter() - begin, archived))

    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    begin, cpu = time.perf_counter(), _cpu()
    report = fetch_now(account, after_batch=note)
    result: dict[str, Any] = {
        "seconds": time.perf_counter() - begin,
        "cpu": _cpu() - cpu,
        "archived": report.run.archived,
        "error": report.run.error,
        "adds_up": report.run.adds_up,
        "batches": batches,
    }
    if again:
        result["again"] = _look_again(account, again)
    print(json.dumps(result), flush=True)


def _leave_out_index() -> None:
    """Keep texts, which message pages show, but make nothing of them that only search reads."""
    if connection.vendor == "sqlite":
        schema.execute(connection, *schema.sqlite_forget_triggers(schema.TABLE))
    else:
        table = MessageText._meta.db_table
        schema.execute(connection, f"DROP TRIGGER wagtail_mailarchive_index ON {table}")
    texts.marks_of = lambda *values: ""
    texts.cjk_of = lambda *values: ""


def _row(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "secret"}


def _look_again(account: MailAccount, times: int) -> dict[str, float]:
    """Check for new mail where there is none; return CPU seconds, seconds and commands of one."""
    commands = 0
    leave = ImapSource.__exit__

    def leave_counted(self: ImapSource, *exc: object) -> None:
        nonlocal commands
        commands = self.commands_sent + 1  # and LOGOUT
        leave(self, *exc)

    cpu, seconds = [], []
    ImapSource.__exit__ = leave_counted  # type: ignore[method-assign]
    for _ in range(times):
        begin, used = time.perf_counter(), _cpu()
        report = fetch_now(account)
        cpu.append(_cpu() - used)
        seconds.append(time.perf_counter() - begin)
        assert report.run.archived == 0, report.sentence()
    return {
        "cpu": statistics.median(cpu),
        "seconds": statistics.median(seconds),
        "commands": commands,
    }


def _cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
