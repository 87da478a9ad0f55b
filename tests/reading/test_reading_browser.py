"""The pages in Chromium: the frame's images, the click on "Show images", downloads, overflow."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import EmailMessagePage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "These tests need Debian's chromium: apt-get install chromium"
    contents = getattr(connection, "_test_serialized_contents", None)
    with sync_playwright() as playwright:
        # Playwright's loop is another context, in which Django opens another connection; that one
        # has to know, too, what to put back after each test.
        connection._test_serialized_contents = contents  # type: ignore[attr-defined]
        # Playwright's loop makes Django believe that it is called from asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    # Nothing beyond loopback, and every attempt is noted.
    context.route(lambda url: ".invalid" in url, lambda route: route.abort())
    yield context.new_page()
    context.close()


@pytest.fixture
def message() -> EmailMessagePage:
    return factories.archive(factories.folder(), mail.html())[0]


def widths(tab: Page) -> list[int]:
    """Natural widths of the images in the frame; 0 for one that did not load."""
    frame = tab.frame_locator("iframe").locator("img[src]")
    return [frame.nth(at).evaluate("image => image.naturalWidth") for at in range(frame.count())]


def test_inline_images_load_in_the_frame_and_remote_ones_only_at_a_click(
    tab: Page, live_server: Any, message: EmailMessagePage
) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(live_server.url + message.url, wait_until="load")
    assert widths(tab) == [1]
    assert mail.REMOTE not in asked
    tab.click("text=Show images")
    tab.wait_for_load_state("load")
    assert len(widths(tab)) == 2
    assert mail.REMOTE in asked


def test_downloads_are_saved_with_their_exact_bytes(
    tab: Page, live_server: Any, message: EmailMessagePage, tmp_path: Path
) -> None:
    tab.goto(live_server.url + message.url)
    with tab.expect_download() as original:
        tab.click("text=Download original")
    saved = Path(original.value.path()).read_bytes()
    assert hashlib.sha256(saved).hexdigest() == message.original.sha256
    with tab.expect_download() as attachment:
        tab.click("text=tabelle")
    assert attachment.value.suggested_filename == "tabelle – März.csv"
    assert Path(attachment.value.path()).read_bytes() == b"a;b\n1;2\n"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(
    tab: Page, live_server: Any, message: EmailMessagePage, width: int
) -> None:
    (long,) = factories.archive(
        message.folder,
        factories.raw(
            "W" * 300,
            "x" * 3000 + "\nhttps://example.org/" + "y" * 900 + "\n",
            Cc="z" * 60 + "@a.b",
        ),
    )
    tab.set_viewport_size({"width": width, "height": 800})
    for address in (message.folder.url, message.url, long.url, f"{message.folder.url}?q=body"):
        tab.goto(live_server.url + address)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, address
