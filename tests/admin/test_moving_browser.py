"""Moving a folder of much mail: asked for, watched, and done, on one page that tells it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests import factories
from tests.admin.conftest import work
from tests.axe import Violations
from tests.browser import each_window
from wagtail_mailarchive.fetching import moving
from wagtail_mailarchive.models import WorkerHeartbeat

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@each_window
def test_a_folder_moves_while_its_editor_watches(
    tab_of: Callable[..., Tab],
    axe: Violations,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    scheme: Any,
) -> None:
    monkeypatch.setattr(moving, "MOST_AT_ONCE", 3)
    WorkerHeartbeat.beat()
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    message, *_ = factories.archive(folder, *(factories.raw(f"No. {each}") for each in range(5)))
    target = factories.workspace("Support")
    boss = factories.superuser()
    tab = tab_of(boss, viewport={"width": width, "height": 900}, color_scheme=scheme)

    def looks_right(name: str) -> None:
        if shots := os.environ.get("SHOTS"):
            tab.screenshot(path=f"{shots}/moving-{name}-{width}-{scheme}.png", full_page=True)
        assert axe(tab, "main") == []
        assert tab.evaluate(OVERFLOW) <= 0

    tab.goto(reverse("wagtailadmin_pages:move_confirm", args=[folder.pk, target.pk]))
    tab.get_by_role("button", name="Yes, move this page").click()
    expect(tab.get_by_text("Queued; begins in a moment.", exact=True)).to_be_visible()
    looks_right("queued")
    work()
    expect(tab.get_by_text("Done: moved with 5 messages.", exact=True)).to_be_visible()
    tab.get_by_role("link", name="Reload to see the result").click()
    expect(tab.get_by_text("Bringing mail to its new address: Offers", exact=True)).to_be_visible()
    looks_right("follows")
    tab.get_by_role("link", name="Offers").click()
    expect(tab.get_by_text("Bringing mail to its new address: Offers", exact=True)).to_be_visible()
    looks_right("folder")
    work()
    tab.go_back()
    tab.reload()
    expect(tab.get_by_text("Done: moved with 5 messages.")).to_be_visible()
    expect(tab.get_by_text("Bringing mail to its new address")).to_have_count(0)
    looks_right("done")
    tab.goto(f"{target.url}{folder.slug}/{message.slug}/")
    expect(tab.get_by_role("heading", name="No. 0").first).to_be_visible()
