"""Writing notes about passages: with a mouse, by keyboard alone, and what the HTML frame shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.axe import Violations
from tests.browser import each_window
from tests.reading import mail
from wagtail_mailarchive.models import Annotation

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

TEXT = (
    "Dear all,\n\nthe budget \U0001f4b6 of next year is fixed. See https://example.org/budget\n\n"
    "Please answer before Friday.\n\n> an old quotation\n"
)
HTML = (
    "<p>Dear all,</p><table><tr><td>the <b>budget</b> \U0001f4b6 of next year is fixed.</td></tr>"
    "</table><p>Please answer before Friday.</p>"
)


@each_window
def test_notes_are_written_by_mouse_and_by_keyboard_and_stand_in_the_frame(
    tab_of: Callable[..., Page], axe: Violations, width: int, scheme: Any
) -> None:
    reader = factories.user("ada", first_name="Ada", last_name="Lovelace")
    folder = factories.folder(title="Sales")
    [message] = factories.archive(folder, mail.html(HTML, text=TEXT))
    tab = tab_of(reader, viewport={"width": width, "height": 900}, color_scheme=scheme)

    # With a mouse: the words behind a character that JavaScript counts twice.
    tab.goto(f"{message.url}?view=text")
    box = tab.locator(".mailarchive-text").evaluate(
        """element => {
            const text = element.firstChild;
            const range = document.createRange();
            const start = text.data.indexOf("next year");
            range.setStart(text, start);
            range.setEnd(text, start + "next year".length);
            const {left, right, top, bottom} = range.getBoundingClientRect();
            return [left + 1, right - 1, (top + bottom) / 2];
        }"""
    )
    tab.mouse.move(box[0], box[2])
    tab.mouse.down()
    tab.mouse.move(box[1], box[2], steps=5)
    tab.mouse.up()
    offered = tab.get_by_role("link", name="Write a note about the selected words")
    expect(offered).to_be_visible()
    assert axe(tab) == []
    offered.click()
    expect(tab.locator("blockquote")).to_have_text("next year")
    tab.get_by_label("Your note").fill("Which one?")
    assert axe(tab) == []
    tab.get_by_role("button", name="Save the note").click()
    expect(tab.locator("mark")).to_have_text("next year")
    assert axe(tab) == []

    # By keyboard: a paragraph is chosen.
    tab.get_by_role("link", name="Write a note", exact=True).press("Enter")
    assert axe(tab) == []
    tab.get_by_role("link", name="Please answer before Friday.").press("Enter")
    tab.get_by_label("Your note").focus()
    tab.keyboard.type("Not to be forgotten")
    tab.get_by_label("Only me").press("Space")
    tab.get_by_role("button", name="Save the note").press("Enter")
    notes = tab.get_by_role("region", name="Notes")
    expect(notes.get_by_role("link", name="Reply or change note")).to_have_count(2)
    expect(notes).to_contain_text("only for you")
    assert {each.exact: each.is_private for each in Annotation.objects.all()} == {
        "next year": False,
        "Please answer before Friday.": True,
    }

    # As its sender laid it out: the server has marked the words within the frame.
    tab.goto(f"{message.url}?view=html")
    frame = tab.frame_locator("iframe.mailarchive-frame")
    expect(frame.locator("mark")).to_have_text(["next year", "Please answer before Friday."])
    expect(frame.locator("sup")).to_have_text(["1", "2"])
    expect(tab.get_by_role("region", name="Notes")).to_contain_text("Which one?")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(tab) == []
    # No script runs where the frame's document is served; what it holds can be looked at elsewhere.
    copy = tab.context.new_page()
    copy.set_content(tab.request.get(f"{message.url}body/").text())
    expect(copy.locator("mark")).to_have_count(2)
    assert axe(copy, "p") == []

    # Somebody else answers, and finds the note in the folder.
    other = tab_of(
        factories.user("bo"), viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    other.goto(folder.url)
    other.get_by_role("link", name="Notes", exact=True).click()
    expect(other.get_by_role("listitem").filter(has_text="next year")).to_have_count(1)
    expect(other.get_by_text("Not to be forgotten")).to_have_count(0)
    assert axe(other) == []
    other.get_by_role("link", name="Newsletter").click()
    other.get_by_role("link", name="Reply or change note 1").click()
    other.get_by_label("Your reply").fill("2027")
    other.get_by_role("button", name="Reply").click()
    expect(other.get_by_role("listitem").filter(has_text="2027")).to_be_visible()
    assert axe(other) == []
