"""A thread in Chromium, as a reader goes through it: folds, jumps, paper, phone, keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser import SCHEMES
from tests.reading import mail
from tests.reading.test_thread_page import address_of, answer, later
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage
from wagtail_mailarchive.reading import thread_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

QUOTED = "On Wed, 18 Nov 2026 at 15:46, Ada <ada@example.org> wrote:\n" + "".join(
    f"> Line {number} of what was said\n" for number in range(12)
)
PEOPLE = (
    *("Ada Lovelace <ada@example.org>", "Bo Andersen <bo@example.org>", "noreply@example.org"),
    "مريم حسن <maryam@example.net>",
)


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Project mail")


@pytest.fixture
def pages(folder: EmailFolderPage) -> list[EmailMessagePage]:
    raws = [
        answer(
            number,
            f"What number {number} has to say about the harbour and its cranes.\n\n{QUOTED}",
            to=0 if number == 6 else number - 1,
            From=PEOPLE[number % len(PEOPLE)],
            Subject="Harbour: new cranes" if number < 5 else "Re: Harbour: new cranes",
        )
        for number in range(7)
    ]
    attached = mail.attached("report.pdf", b"%PDF")
    names = b"Message-ID: <n7@example.org>\nIn-Reply-To: <n6@example.org>\n"
    return factories.archive(folder, *raws, names + attached)


def test_a_reader_folds_jumps_turns_pages_and_comes_back_for_what_is_new(
    tab_of: Callable[..., Page],
    pages: list[EmailMessagePage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thread_page, "PAGE_SIZE", 5)
    user = factories.user()
    tab = tab_of(user)
    tab.goto(pages[0].url)
    # By keyboard alone.
    tab.get_by_role("link", name="Whole thread", exact=True).press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Harbour: new cranes")
    first = tab.locator(f"#m{pages[0].pk}")
    expect(first).to_contain_text("What number 0 has to say")
    quoted = first.get_by_text("Line 11 of what was said")
    expect(quoted).to_be_hidden()
    first.get_by_text("Quoted text").press("Enter")
    expect(quoted).to_be_visible()
    first.locator("summary").first.press("Enter")
    expect(first.locator(".mailarchive-text")).to_be_hidden()
    expect(first.locator(".mailarchive-post__snippet")).to_be_visible()
    tab.get_by_role("link", name="Later").press("Enter")
    sixth = tab.locator(f"#m{pages[6].pk}")
    sixth.get_by_role("link", name="In reply to Ada Lovelace").press("Enter")
    expect(first).to_be_in_viewport()
    assert tab.url.endswith(f"#m{pages[0].pk}")
    tab.get_by_role("link", name="Fold all messages").click()
    expect(tab.get_by_text("What number 1 has to say").first).to_be_visible()
    expect(tab.locator(".mailarchive-text").first).to_be_hidden()

    later(user)
    factories.archive(pages[0].folder, answer(8, "The very latest\n"))
    tab.goto(address_of(pages[0]))
    expect(tab.get_by_text("1 message is new since your last visit.")).to_be_visible()
    tab.get_by_role("link", name="Show only what is new").press("Enter")
    expect(tab.locator(".mailarchive-post")).to_have_count(1)
    expect(tab.locator(".mailarchive-text")).to_have_text("The very latest")


# The sum of what moved while the page was loading.
SHIFTED = """() => new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().reduce((a, e) => a + e.value, 0)))
        .observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => setTimeout(() => done(0), 300));
})"""


def test_paper_shows_everything_and_files_are_saved(
    tab_of: Callable[..., Page], pages: list[EmailMessagePage]
) -> None:
    tab = tab_of(factories.superuser(), viewport={"width": 390, "height": 900})
    tab.goto(address_of(pages[0]), wait_until="load")
    expect(tab.get_by_role("button", name="Copy link").first).to_be_visible()
    assert tab.evaluate(SHIFTED) == 0
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="Download (.mbox)").click()
    assert saved.value.suggested_filename == "Harbour_ new cranes.mbox"
    assert Path(saved.value.path()).read_bytes().count(b"\nFrom ") == 7
    tab.emulate_media(media="print")
    last_line = tab.locator(f"#m{pages[3].pk}").get_by_text("Line 11 of what was said")
    expect(last_line).to_be_visible()
    expect(tab.get_by_role("link", name="Print")).to_be_hidden()
    tab.emulate_media(media="screen")
    expect(last_line).to_be_hidden()
    tab.get_by_role("link", name="Print").click()
    expect(last_line).to_be_visible()
    tab.evaluate("window.print = () => { document.title = 'printed' }")
    tab.get_by_role("button", name="Print now").click()
    expect(tab).to_have_title("printed")


def test_nobody_is_left_out(
    tab_of: Callable[..., Page], pages: list[EmailMessagePage], axe: Callable[..., list[str]]
) -> None:
    (other,) = factories.archive(pages[0].folder, factories.raw("W" * 200, "x" * 3000))
    tab = tab_of(factories.superuser())
    address = address_of(pages[0])
    folder = pages[0].folder.url
    confirm = f"{address}arrange/?with={address_of(other)}"
    routes = ("", "?closed", "arrange/", f"split/{pages[2].pk}/")
    for where in (*(address + route for route in routes), confirm, address_of(other)):
        tab.goto(where)
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)
            assert axe(tab) == []
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, where
    tab.goto(confirm)
    tab.get_by_role("button", name="Merge").press("Enter")
    expect(tab.get_by_text("The two threads are one now.")).to_be_visible()
    tab.goto(f"{folder}threads/decisions/")
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        assert axe(tab) == []
    tab.get_by_role("button", name="Undo").press("Enter")
    expect(tab.get_by_text("The decision is undone.")).to_be_visible()
