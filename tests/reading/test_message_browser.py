"""The message page in Chromium: folds, the link to be copied, paper, both colour schemes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from tests import factories, settings
from tests.browser import SCHEMES
from tests.mime.test_invitations import OUTLOOK
from tests.mime.winmail import winmail
from tests.reading.test_html_folds import GMAIL
from wagtail_mailarchive.models import EmailMessagePage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

QUOTED = "> " + "\n> ".join(f"Line {number} of what was said" for number in range(12)) + "\n"
TEXT = (
    "Yes, gladly. See https://bank.example@evil.example/login\n\n-- \nBo Andersen\n\n"
    f"On Wed, 18 Nov 2026 at 15:46, Ada <ada@example.org> wrote:\n{QUOTED}>> And deeper\n"
)


def everything() -> bytes:
    """A message about which there is much to tell."""
    message = EmailMessage()
    message["From"] = "Bo Andersen <bo@example.org>"
    message["To"] = "Ada Lovelace <ada@example.org>"
    message["Date"] = "Thu, 05 Mar 2026 14:30:00 +0100"
    message["Subject"] = "Re: Plan for the spring meeting"
    message["Message-ID"] = "<b@example.org>"
    message["In-Reply-To"] = "<a@example.org>"
    message.set_content(TEXT)
    message.add_attachment(OUTLOOK.encode(), "text", "calendar", filename="invite.ics")
    packed = winmail(("REPORT~1.PDF", b"%PDF", "Report – March.pdf"))
    message.add_attachment(packed, "application", "ms-tnef", filename="winmail.dat")
    reported = (
        b"Authentication-Results: mx.example.org; dkim=pass header.d=example.org;"
        b" spf=pass smtp.mailfrom=bo@example.org; dmarc=pass header.from=example.org\n"
    )
    raw: bytes = reported + message.as_bytes()
    return raw


@pytest.fixture
def pages() -> Iterator[list[EmailMessagePage]]:
    first = factories.raw("Plan for the spring meeting", Message_ID="<a@example.org>")
    html = EmailMessage()
    html["From"] = "Bo Andersen <bo@example.org>"
    html["Date"] = "Thu, 05 Mar 2026 15:30:00 +0100"
    html["Subject"] = "As HTML"
    html.set_content("As text\n")
    lie = '<p>Go to <a href="https://evil.example/">https://bank.example/</a></p>'
    html.add_alternative(lie + GMAIL.replace("Quoted", "Quoted " * 100), subtype="html")
    trusting = {**settings.WAGTAIL_MAILARCHIVE, "TRUSTED_AUTHSERV_IDS": ["mx.example.org"]}
    with override_settings(WAGTAIL_MAILARCHIVE=trusting):
        yield factories.archive(factories.folder(), first, everything(), html.as_bytes())


@pytest.fixture
def tab(chromium: Browser, live_server: Any) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900},
        base_url=live_server.url,
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield context.new_page()
    context.close()


def test_a_reader_opens_folds_copies_the_link_and_goes_on_by_keyboard(
    tab: Page, pages: list[EmailMessagePage], live_server: Any
) -> None:
    tab.goto(pages[1].url)
    quoted = tab.get_by_text("Line 11 of what was said")
    expect(quoted).to_be_hidden()
    tab.get_by_text("Quoted text (14 lines)").focus()
    tab.keyboard.press("Enter")
    expect(quoted).to_be_visible()
    tab.get_by_role("button", name="Copy link").focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("Link copied")).to_be_visible()
    # The page's own address, whichever name the site is reached by.
    assert tab.evaluate("navigator.clipboard.readText()").endswith(pages[1].url)
    tab.get_by_role("link", name="Previous in the thread").focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Plan for the spring meeting")


def test_folds_of_html_open_without_script_and_links_that_lie_are_told_of(
    tab: Page, pages: list[EmailMessagePage]
) -> None:
    tab.goto(pages[2].url)
    frame = tab.frame_locator("iframe")
    quoted = frame.get_by_text("Quoted Quoted")
    expect(quoted).to_be_hidden()
    expect(frame.get_by_text("evil.example")).to_be_visible()
    frame.get_by_text("Quoted text").click()
    expect(quoted).to_be_visible()


def test_paper_shows_what_is_folded(tab: Page, pages: list[EmailMessagePage]) -> None:
    tab.goto(pages[1].url)
    tab.emulate_media(media="print")
    expect(tab.get_by_text("Line 11 of what was said")).to_be_visible()
    expect(tab.get_by_text("Bo Andersen", exact=True).last).to_be_visible()
    expect(tab.get_by_text("Quoted text")).to_be_hidden()
    tab.goto(pages[2].url + "body/")
    expect(tab.get_by_text("Quoted Quoted")).to_be_visible()


def test_nobody_is_left_out(
    tab: Page, pages: list[EmailMessagePage], axe: Callable[..., list[str]]
) -> None:
    for address in (pages[1].url, pages[1].url + "headers/", pages[2].url):
        tab.goto(address)
        for summary in tab.locator("summary").all():
            summary.click()
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)
            assert axe(tab) == []
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
