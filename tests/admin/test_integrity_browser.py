"""“Mail integrity” in Chromium: begun by a click, watched to its end, without script too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.conftest import manager_of, work
from tests.axe import Violations
from wagtail_mailarchive.exceptions import ParserFailed
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    OriginalChunk,
    WorkerHeartbeat,
)

from ..archive.test_writer import incoming, writer_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
WINDOWS: list[tuple[int, Any]] = [(1280, "light"), (390, "dark")]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
REGION = "[data-controller='mailarchive-fetch']"


@pytest.fixture
def folder(chromium: Any) -> EmailFolderPage:
    """Two messages that an older version read, one of them damaged, and one in quarantine."""
    WorkerHeartbeat.beat()
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    factories.archive(folder, factories.raw("One"), factories.raw("Two"))
    writer_for(folder).write([incoming(factories.raw("Three"), ParserFailed())])
    EmailMessagePage.objects.update(parsed_by=0)
    first = OriginalChunk.objects.order_by("pk")[0].pk
    OriginalChunk.objects.filter(pk=first).update(data=b"changed", deflated=False)
    return folder


def test_a_check_is_watched_to_its_end_and_everybody_can_use_the_page(
    tab_of: Callable[..., Page], folder: EmailFolderPage, axe: Violations
) -> None:
    tab = tab_of(manager_of(folder.get_parent()))
    tab.goto(f"/admin/mailarchive/integrity/folders/{folder.pk}/")
    tab.get_by_role("button", name="Check this folder").click()
    region = tab.locator(REGION)
    expect(region).to_contain_text("Queued; begins in a moment.")
    assert axe(tab, "main") == []
    work()
    expect(region).to_contain_text("Done: 9 checked, 1 is not as it was archived.", timeout=30_000)
    region.get_by_role("link", name="Reload to see the result").click()
    expect(tab.get_by_role("table").first).to_contain_text("Restore it from a backup")
    for width, scheme in WINDOWS:
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 900})
        assert axe(tab, "main") == []
        assert tab.evaluate(OVERFLOW) <= 0
    tab.goto("/admin/")
    for width, scheme in WINDOWS:
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 900})
        expect(tab.locator("main")).to_contain_text("Mail integrity: problems")
        assert axe(tab, "#mailarchive-integrity-section") == []


def test_works_without_script(tab_of: Callable[..., Page], folder: EmailFolderPage) -> None:
    tab = tab_of(manager_of(folder.get_parent()), java_script_enabled=False)
    tab.goto(f"/admin/mailarchive/integrity/folders/{folder.pk}/")
    tab.get_by_role("button", name="Read those again").click()
    work()
    tab.goto(f"/admin/mailarchive/integrity/folders/{folder.pk}/")
    told = "2 messages read again. 1 could not be read and stays as it was."
    expect(tab.get_by_role("table").last).to_contain_text(told)
    tab.get_by_role("button", name="Read 1 message in quarantine again").click()
    tab.get_by_role("button", name="Stop").click()
    expect(tab.get_by_role("table").last).to_contain_text("Stopped after 0.")
