"""The folder page in Chromium, as readers go: by mouse, by keyboard, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.archive.test_facets import came_by
from tests.browser import SCHEMES
from tests.reading import mail
from tests.reading.test_folder_views import ADA, BO, sent
from wagtail_mailarchive.models import EmailFolderPage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.fixture
def folder() -> EmailFolderPage:
    """Two years, several people, two accounts, more than one page."""
    folder = factories.folder()
    sales, press = factories.account(folder, name="Sales"), factories.account(folder, name="Press")
    raws = [sent(-n * 7, f"Matter {n}", BO if n % 3 else ADA) for n in range(60)]
    raws.append(sent(-1, "Re: Matter 2", "Chen Wei <chen@example.org>", answers="Matter 2"))
    came_by(sales, "INBOX", *raws[:30], mail.attached("plan.pdf", b"%PDF"))
    came_by(press, "INBOX", *raws[30:], mail.dated(datetime(2019, 5, 1, tzinfo=UTC), "W" * 200))
    return folder


@pytest.fixture
def tab(chromium: Browser, live_server: Any) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, base_url=live_server.url
    )
    yield context.new_page()
    context.close()


def test_a_reader_narrows_down_reads_on_and_goes_back(tab: Page, folder: EmailFolderPage) -> None:
    tab.goto(folder.url)
    tab.get_by_role("link", name="Older").click()
    expect(tab.get_by_role("link", name="Newer")).to_be_visible()
    tab.get_by_role("link", name="Newest").click()
    tab.get_by_role("navigation", name="Narrow down").get_by_role("link", name="Ada").click()
    expect(tab.get_by_role("list", name="Narrowed down to")).to_contain_text("ada@example.org")
    tab.get_by_role("link", name="Messages", exact=True).click()
    # A bar is there for the mouse; hands that tremble have the table.
    bar = tab.locator(".mailarchive-timeline__bars a").last
    bar.hover(force=True)
    bar.click(force=True)
    expect(tab.get_by_role("list", name="Narrowed down to").get_by_role("listitem")).to_have_count(
        2
    )
    tab.get_by_role("link", name="Remove From ada@example.org").click()
    expect(tab.get_by_role("list", name="Narrowed down to").get_by_role("listitem")).to_have_count(
        1
    )
    tab.go_back()
    tab.go_back()
    expect(tab).to_have_url(re.compile("view=date&from=ada%40example.org$"))
    tab.get_by_role("link", name="Senders", exact=True).click()
    tab.get_by_role("link", name="Chen Wei chen@example.org").click()
    tab.get_by_role("link", name="Re: Matter 2").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Re: Matter 2")


def test_keyboards_reach_months_and_threads_without_walking_through_bars(
    tab: Page, folder: EmailFolderPage
) -> None:
    tab.goto(folder.url)
    table = tab.get_by_text("All messages by month, as a table")
    table.focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="March 2026")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("list", name="Narrowed down to")).to_contain_text("March 2026")
    thread = tab.get_by_role("link", name="With attachment", exact=True).first
    thread.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_have_text("With attachment")


def test_nobody_is_left_out(
    tab: Page, folder: EmailFolderPage, axe: Callable[..., list[str]]
) -> None:
    for query in ("", "?view=sender", "?view=date&year=2026&from=ada@example.org", "?year=2001"):
        tab.goto(folder.url + query)
        tab.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
        )
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)
            assert axe(tab) == [], query
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, query
