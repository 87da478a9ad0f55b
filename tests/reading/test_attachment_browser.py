"""A folder's attachments in Chromium: filter by keyboard, see pictures, open, and download all."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests import factories
from tests.mime import documents
from tests.reading import mail
from wagtail_mailarchive.archive import contents
from wagtail_mailarchive.mime.contents.process import ContentProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def test_a_reader_finds_opens_and_downloads_attachments(
    tab_of: Callable[..., Page], live_server: Any, axe: Callable[..., list[str]]
) -> None:
    folder = factories.folder()
    factories.archive(
        folder,
        mail.attached("photo.jpg", documents.image("JPEG"), "image/jpeg"),
        mail.attached("report.pdf", documents.pdf("A page")),
        mail.html(),
    )
    with ContentProcess() as process:
        found = contents.read(list(contents.to_read()), process, seconds=600)
    contents.keep(found, done=lambda: None)
    tab = tab_of(factories.user(), color_scheme="dark", viewport={"width": 390, "height": 800})
    tab.goto(live_server.url + folder.url)
    tab.get_by_role("link", name="Attachments", exact=True).click()
    pictures = tab.locator(".mailarchive-gallery img")
    tab.wait_for_function("[...document.images].filter((each) => each.naturalWidth).length === 2")
    assert pictures.count() == 2
    assert axe(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390

    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.focus("#mailarchive-kind")
    tab.keyboard.type("Im")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")  # in the sender's field, which sends the form
    tab.wait_for_url("**kind=image**")
    assert tab.locator(".mailarchive-gallery li").count() == 1
    tab.get_by_role("link", name="List", exact=True).click()
    assert axe(tab) == []
    with tab.expect_popup() as shown:
        tab.get_by_role("link", name="Open").click()
    assert shown.value.evaluate("document.images[0].naturalWidth") == 640

    tab.goto(f"{live_server.url}{folder.url}?view=date")
    tab.get_by_role("link", name="Newsletter").click()
    with tab.expect_download() as download:
        tab.click("text=Download all")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.namelist() == ["attachment-1.png", "tabelle – März.csv"]
