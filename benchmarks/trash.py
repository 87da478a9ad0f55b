"""Moving mail to the trash, restoring and erasing it, beside Wagtail's own deletion of pages.

    python -m benchmarks.trash [--messages 2000] [--stock 200]

Both in the same run and database (`DJANGO_SETTINGS_MODULE`, by default SQLite in memory), told as
messages a second and as a ratio. Wagtail's own way is measured on fewer pages, of a plain type,
because it takes a time of its own for each.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--stock", type=int, default=200)
    chosen = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.test.runner import DiscoverRunner

    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        _measure(chosen.messages, chosen.stock)
    finally:
        runner.teardown_databases(databases)


def _measure(messages: int, stock: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests import factories
    from wagtail_mailarchive.archive import erasing, trash

    folder = factories.folder()
    keys = []
    for start in range(0, messages, 200):
        raws = [factories.raw() for _ in range(min(200, messages - start))]
        keys += [page.pk for page in factories.archive(folder, *raws)]

    def erase() -> None:
        for start in range(0, len(keys), erasing.TOGETHER):
            some = keys[start : start + erasing.TOGETHER]
            erasing.erase(folder.pk, some, user_id=None, reason="Measured")

    steps: list[tuple[str, Callable[[], object]]] = [
        ("to the trash", lambda: trash.put(folder.pk, keys, user_id=None, reason="Measured")),
        ("restored", lambda: trash.restore(folder.pk, keys)),
        ("to the trash", lambda: trash.put(folder.pk, keys, user_id=None, reason="Measured")),
        ("erased", erase),
    ]
    seconds = {}
    for name, step in steps:
        with CaptureQueriesContext(connection) as queries:
            seconds[name] = _seconds(step)
        print(
            f"{name:14} {messages / seconds[name]:10,.0f} messages/s "
            f"{len(queries) * 1000 / messages:8.1f} queries per 1,000"
        )
    parent = factories.workspace()
    for _ in range(stock):
        factories.workspace(parent=parent)
    parent.refresh_from_db()
    with CaptureQueriesContext(connection) as queries:
        own = _seconds(parent.delete)
    print(
        f"{'Wagtail':14} {stock / own:10,.0f} pages/s    {len(queries) * 1000 / stock:8.1f} "
        "queries per 1,000"
    )
    ours = (seconds["to the trash"] + seconds["erased"]) / messages
    print(f"Deleting, trash included: {own / stock / ours:.1f} x Wagtail's own")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
