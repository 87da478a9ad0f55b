"""What other tests of readers' pages pass by: everybody can use it, in both schemes and scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests import factories
from tests.axe import Violations
from tests.reading import mail
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
# Where the words of an element begin and end, and its own edges.
EDGES = """element => {
    const words = document.createRange();
    words.selectNodeContents(element);
    const [inner, outer] = [words, element].map(each => each.getBoundingClientRect());
    return [inner.left - outer.left, outer.right - inner.right];
}"""


@pytest.fixture
def folder() -> EmailFolderPage:
    page = factories.folder()
    factories.archive(
        page,
        factories.raw("Plan", "Hello\n", Message_ID="<a@example.org>"),
        factories.raw("Plan once more", "Hello again\n", Message_ID="<a@example.org>"),
        mail.attached("report.pdf", b"%PDF-1.4"),
        mail.attached("דוח.pdf", b"%PDF-1.4"),
    )
    return page


@pytest.fixture
def open_tab(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_one(**options: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()


def test_nobody_is_left_out(
    open_tab: Callable[..., Page], folder: EmailFolderPage, axe: Violations
) -> None:
    thread = EmailMessagePage.objects.earliest("pk").thread_id
    nothing = factories.folder()
    tab = open_tab()
    for address in (
        f"{folder.url}attachments/",
        f"{folder.url}attachments/?view=list",
        f"{folder.url}attachments/?kind=image",
        f"{folder.url}mid/?id=a@example.org",
        f"{folder.url}thread/{thread}/?print",
        f"{folder.url}?q=before:soon+hello",
        nothing.url,
    ):
        tab.goto(address)
        tab.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        for scheme, width in (("light", 1280), ("dark", 390)):
            tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, address
            assert axe(tab) == [], address


def test_words_begin_where_the_page_does_whichever_way_they_run(
    open_tab: Callable[..., Page], folder: EmailFolderPage, axe: Violations
) -> None:
    for language, is_left in (("en", True), ("ar", False)):
        tab = open_tab(locale=language, viewport={"width": 1280, "height": 900})
        tab.goto(f"{folder.url}attachments/?view=list")
        assert tab.evaluate("document.documentElement.dir") == ("" if is_left else "rtl")
        for name in ("report.pdf", "דוח.pdf"):
            link = tab.get_by_role("link", name=name, exact=True)
            left, right = link.evaluate(EDGES)
            assert (abs(left) < 2, abs(right) < 2) == (is_left, not is_left), (language, name)
        assert axe(tab) == []
