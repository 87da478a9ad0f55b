"""Relating a message, as an editor does it: to a page and to another message, seen on both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.conftest import user_with
from tests.axe import Violations
from tests.browser import each_window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@each_window
def test_an_editor_relates_a_message_to_a_page_and_to_a_message(
    tab_of: Callable[..., Page], axe: Violations, width: int, scheme: Any
) -> None:
    editor = user_with(factories.home(), "change")
    # A page that Wagtail's index knows, unlike a workspace of the tests.
    about = factories.folder(title="Spring meeting")
    folder = factories.folder(title="Sales")
    [plan, _question] = factories.archive(
        folder, factories.raw("Plan for spring"), factories.raw("Where do we meet?")
    )
    tab = tab_of(editor, viewport={"width": width, "height": 900}, color_scheme=scheme)

    def no_barriers() -> None:
        assert axe(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width

    tab.goto(plan.url)
    tab.get_by_role("link", name="Relate this message").click()
    expect(tab.get_by_text("It is not related to anything yet.")).to_be_visible()

    tab.get_by_role("button", name="Choose a page").click()
    tab.get_by_role("textbox", name="Search term").fill("Spring meeting")
    tab.get_by_role("link", name=about.title).click()
    tab.get_by_label("Note").fill("on the budget")
    tab.get_by_role("button", name="Add relation").click()
    expect(
        tab.get_by_role("cell").get_by_role("link", name=about.title, exact=True)
    ).to_be_visible()

    tab.get_by_role("combobox", name="This message").select_option(label="answers")
    tab.get_by_role("button", name="Choose a message").click()
    tab.get_by_label("Search mail").fill("subject:meet")
    found = tab.get_by_role("dialog").get_by_role("link", name="Where do we meet?")
    expect(found).to_be_visible()
    # The dialogue around it is Wagtail's own.
    assert axe(tab, within="#search-results") == []
    found.click()
    tab.get_by_role("button", name="Add relation").click()
    expect(
        tab.get_by_role("cell").get_by_role("link", name="Where do we meet?", exact=True)
    ).to_be_visible()
    no_barriers()

    tab.goto(plan.url)
    relations = tab.get_by_role("region", name="Relations")
    expect(relations.get_by_role("listitem")).to_have_count(2)
    expect(relations).to_contain_text("on the budget")
    no_barriers()
    relations.get_by_role("link", name="Where do we meet?").click()
    back = tab.get_by_role("region", name="Relations").get_by_role("listitem")
    expect(back).to_contain_text("is answered by")
    expect(back.get_by_role("link", name="Plan for spring")).to_be_visible()

    tab.go_back()
    tab.get_by_role("link", name="Relate this message").click()
    tab.get_by_role("button", name="answers Where do we meet?").click()
    expect(tab.get_by_text("The relation is deleted.")).to_be_visible()
    expect(
        tab.get_by_role("cell").get_by_role("link", name="Where do we meet?", exact=True)
    ).to_have_count(0)
