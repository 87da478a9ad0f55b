"""Searching as a reader goes: type, narrow down, order, turn, save; by keyboard and on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.axe import Violations
from tests.reading import mail
from wagtail_mailarchive.reading.search_hits import PAGE_SIZE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

BEGIN = datetime(2025, 11, 10, 12, tzinfo=UTC)
# Where somebody wants to look at what was seen.
PICTURES = os.environ.get("SEARCH_PICTURES")


def look(tab: Page, name: str, axe: Violations) -> None:
    """Find nothing wrong, light and dark, wide and narrow."""
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            if PICTURES:
                path = Path(PICTURES) / f"{name}-{scheme}-{width}.png"
                tab.screenshot(path=path, full_page=True)
        assert axe(tab) == []
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 900})


def test_a_reader_finds_narrows_down_orders_turns_and_saves(
    tab_of: Callable[..., Page], axe: Violations
) -> None:
    folder = factories.folder(title="Project mail")
    other = factories.folder(title="Board")
    raws = mail.series(PAGE_SIZE + 5, BEGIN, timedelta(days=5))
    factories.archive(folder, *raws, mail.attached("number.pdf", b"%PDF"))
    body = "We counted. The number of visitors in Paris is higher than ever. " * 3
    factories.archive(
        other, factories.raw("Visitors", body, From="Bob <bob@mail.test>", List_Id="<u.test.org>")
    )
    tab = tab_of(factories.user())

    tab.goto(folder.url)
    tab.keyboard.press("Tab")
    box = tab.get_by_role("combobox", name="Search this folder")
    box.focus()
    tab.keyboard.type("Number bef")
    assert "Number before:" in tab.locator("#mailarchive-operators option").evaluate_all(
        "options => options.map((each) => each.value)"
    )
    tab.keyboard.press("Backspace")
    box.fill("Number before:soon")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status")).to_contain_text("before: wants a date")
    expect(tab.locator("mark").first).to_have_text("Number")
    look(tab, "folder", axe)
    tab.get_by_role("link", name="More").click()
    expect(tab.locator(".mailarchive-row")).to_have_count(6)

    tab.get_by_role("link", name="Search all folders").click()
    expect(tab.get_by_role("heading", level=2).first).to_contain_text(f"{PAGE_SIZE + 7} messages")
    tab.get_by_role("link", name="Best match first").click()
    tab.locator("summary", has_text="What can be asked").click()
    look(tab, "all", axe)
    tab.get_by_role("link", name="Bob").click()
    expect(tab.get_by_role("heading", level=2).first).to_contain_text("1 message found")
    expect(tab.locator(".mailarchive-hit__excerpt mark").first).to_have_text("number")

    tab.get_by_label("Save this search as").fill("Bob’s numbers")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_text("The search is saved.")).to_be_visible()
    tab.goto("/mail/search/")
    look(tab, "saved", axe)
    tab.get_by_role("link", name="Bob’s numbers", exact=True).click()
    tab.get_by_role("link", name="Visitors").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Visitors")
    tab.goto("/mail/search/?q=nothingofthekind")
    look(tab, "nothing", axe)


def test_a_number_beside_a_long_name_stays_in_one_line(tab_of: Callable[..., Page]) -> None:
    folder = factories.folder()
    named = "<engineering-and-everybody-else.lists.some-organisation.example.org>"
    raws = [factories.raw(f"Number {n}", List_Id=named if n else "") for n in range(13)]
    factories.archive(folder, *raws)
    tab = tab_of(factories.user())
    for address in ("?q=number", ""):
        tab.goto(folder.url + address)
        tab.locator(".mailarchive-facets summary", has_text="List").locator("..").evaluate(
            "each => { each.open = true; }"
        )
        number = tab.locator(".mailarchive-facets a", has_text="organisation").locator(
            ".mailarchive-count"
        )
        expect(number).to_contain_text("12")
        assert (
            number.evaluate(
                """each => {
                const digits = document.createRange();
                digits.selectNodeContents(each.firstChild);
                return digits.getClientRects().length;
            }"""
            )
            == 1
        )
