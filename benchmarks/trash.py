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
from typing import Any


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
    from tests import factories
    from tests.site.models import PersonalPage
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
    seconds: dict[str, float] = {}
    asked: dict[str, float] = {}
    for name, step in steps:
        seconds[name], queries = _cost(step)
        asked[name] = queries * 1000 / messages
        print(
            f"{name:14} {messages / seconds[name]:10,.0f} messages/s "
            f"{asked[name]:8.1f} queries per 1,000"
        )
    # Pages as a site has them; the tests' workspaces are in no index of Wagtail's.
    parent = factories.workspace()
    for number in range(stock):
        parent.add_child(instance=PersonalPage(title=f"Page {number}"))
    parent.refresh_from_db()
    own, queries = _cost(parent.delete)
    print(
        f"{'Wagtail':14} {stock / own:10,.0f} pages/s    {queries * 1000 / stock:8.1f} "
        "queries per 1,000"
    )
    ours = (seconds["to the trash"] + seconds["erased"]) / messages
    print(
        f"Deleting, trash included: {own / stock / ours:.1f} x Wagtail's own, "
        f"{asked['to the trash'] + asked['erased']:.1f} queries per 1,000"
    )


def _cost(work: Callable[[], object]) -> tuple[float, int]:
    """Return seconds and number of queries; nothing is noted of what they say, which takes time."""
    from django.db import connection

    number = 0

    def count(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal number
        number += 1
        return execute(*args)

    begun = time.perf_counter()
    with connection.execute_wrapper(count):
        work()
    return time.perf_counter() - begun, number


if __name__ == "__main__":
    main()
