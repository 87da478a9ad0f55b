"""What moving, renaming and unpublishing a folder takes, and renaming a workspace above it.

    python -m benchmarks.branches [--messages N] [--database sqlite|postgresql] [--json]

By the admin's own views, on what `benchmarks.read` and `benchmarks.search` keep filled. Seconds and
queries until the answer, and the seconds that the worker takes afterwards; the ratios are of the
answers, the large folder's beside one of 1,000 messages.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from .filling import SMALL
from .runs import arguments, on_each
from .site import site


def on(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measure on one database, in this process: Django is set up once."""
    with site(name, given.messages, given.cache) as (facts, _kept):
        # The small one first: whatever is loaded only once must not count for the large one.
        small, large = _steps(facts.small), _steps(facts.large)
    ratios = {
        f"{step.replace(' ', '_')}_100k_vs_1k": round(large[step][0] / small[step][0], 1)
        for step in large
    }
    names = ("seconds", "queries", "worker_seconds")
    told = {step: dict(zip(names, each, strict=True)) for step, each in large.items()}
    return {"steps": told, "ratios": ratios}


def _steps(folder_id: int) -> dict[str, tuple[float, int, float]]:
    """Return what each step takes (seconds, queries, the worker's seconds), done to a folder."""
    from django.test import Client
    from django.urls import reverse
    from wagtail.models import Page

    from tests import factories

    user = factories.superuser()
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    target = factories.workspace()

    def post(name: str, *keys: int) -> None:
        response = client.post(reverse(f"wagtailadmin_pages:{name}", args=keys))
        assert response.status_code == 302, response.status_code

    def publish(key: int, **values: Any) -> None:
        page = Page.objects.get(pk=key).specific
        for name, value in values.items():
            setattr(page, name, value)
        page.save_revision(user=user).publish()

    def assert_follows(path: str) -> None:
        page = Page.objects.get(pk=folder_id)
        left_behind = page.get_children().exclude(url_path__startswith=page.url_path)
        assert page.url_path.endswith(path), page.url_path
        assert not left_behind.exists()

    found = {
        "unpublish": _cost(lambda: post("unpublish", folder_id)),
        "publish": _cost(lambda: publish(folder_id)),
        "move": _cost(lambda: post("move_confirm", folder_id, target.pk)),
    }
    assert_follows(Page.objects.get(pk=folder_id).slug + "/")
    found["rename"] = _cost(lambda: publish(folder_id, slug="renamed"))
    found["rename above"] = _cost(lambda: publish(target.pk, slug=f"renamed-{target.pk}"))
    assert_follows(f"/renamed-{target.pk}/renamed/")
    return found


def _cost(ask: Callable[[], None]) -> tuple[float, int, float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    begun = time.perf_counter()
    with CaptureQueriesContext(connection) as captured:
        ask()
    answered = time.perf_counter()
    _work()
    ended = time.perf_counter()
    return round(answered - begun, 3), len(captured), round(ended - answered, 3)


def _work() -> None:
    """Do what was left to the worker, in this process."""
    from wagtail_mailarchive.fetching.upkeep import work_on
    from wagtail_mailarchive.models import UpkeepRun
    from wagtail_mailarchive.models.upkeep import UNDER_WAY

    while run := UpkeepRun.objects.filter(status__in=UNDER_WAY).order_by("pk").first():
        work_on(run.pk)


def table(told: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [f"{told['messages']} messages.", ""]
    for name, values in told["databases"].items():
        lines += [
            f"{name}:",
            "",
            f"| step | answered after, s | queries | to {SMALL} | worker, s |",
            "|---|--:|--:|--:|--:|",
        ]
        for step, each in values["steps"].items():
            ratio = told["ratios"][f"{step.replace(' ', '_')}_100k_vs_1k"][name]
            cells = (step, each["seconds"], each["queries"], ratio, each["worker_seconds"])
            lines.append(f"| {' | '.join(map(str, cells))} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    given = arguments(__doc__)
    if given.here:
        json.dump(on(given.database, given), sys.stdout)
        return
    told = on_each("benchmarks.branches", given)
    print(json.dumps(told, indent=2) if given.json else table(told))


if __name__ == "__main__":
    main()
