"""Commenting, as people do it: write first and sign in then, wait, be let through, be answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.axe import Violations
from tests.browser import each_window
from tests.collaboration.test_comments import moderator_of
from wagtail_mailarchive.models import EmailFolderPage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@each_window
def test_a_comment_waits_is_let_through_and_answered(
    chromium: Browser,
    live_server: Any,
    tab_of: Callable[..., Page],
    axe: Violations,
    width: int,
    scheme: Any,
) -> None:
    window: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    folder = factories.folder(title="Sales")
    EmailFolderPage.objects.filter(pk=folder.pk).update(comment_moderation="held")
    [message] = factories.archive(folder, factories.raw("Offer", "We offer this.\n"))
    factories.user("grace", first_name="Grace", last_name="Hopper")
    moderator = moderator_of(message)

    # Without a script: everything here is links and forms.
    context = chromium.new_context(
        base_url=live_server.url, java_script_enabled=False, bypass_csp=True, **window
    )
    reader = context.new_page()
    reader.goto(message.url)
    reader.get_by_label("Your comment").fill("Too expensive?\nSee https://example.org/prices")
    reader.get_by_role("button", name="Sign in to comment").press("Enter")
    reader.get_by_label("Username").fill("grace")
    reader.get_by_label("Password").fill("password")
    reader.get_by_label("Password").press("Enter")
    expect(reader.get_by_label("Your comment")).to_have_value(
        "Too expensive?\nSee https://example.org/prices"
    )
    reader.get_by_role("button", name="Send").press("Enter")
    expect(reader.get_by_text("once a moderator has approved it")).to_be_visible()
    own = reader.get_by_role("article", name="Grace Hopper")
    expect(own).to_contain_text("Held: a moderator has to approve this comment")
    expect(own.get_by_role("link", name="https://example.org/prices")).to_be_visible()

    admin = tab_of(moderator, **window)
    admin.goto(reverse("mailarchive_comments:index"))
    expect(admin.get_by_role("cell", name="Too expensive?")).to_be_visible()
    assert axe(admin, "main") == []
    admin.get_by_label("Choose the comment by Grace Hopper").press("Space")
    admin.get_by_role("button", name="Approve").press("Enter")
    expect(admin.get_by_text("1 comment is shown.")).to_be_visible()

    admin.goto(message.url)
    admin.get_by_role("article", name="Grace Hopper").get_by_role("link", name="Reply").press(
        "Enter"
    )
    admin.get_by_label("Your reply").fill("Ask @grace, or write a comment of your own.")
    admin.get_by_role("button", name="Send").click()
    replies = admin.get_by_role("list", name="Replies to Grace Hopper")
    expect(replies).to_contain_text("or write a comment of your own")
    assert admin.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(admin) == []

    reader.goto(message.url)
    expect(reader.get_by_role("heading", name="2 comments")).to_be_visible()
    reader.get_by_role("article", name="Grace Hopper").get_by_role("link", name="Edit").click()
    reader.get_by_label("Change your comment").fill("Still too expensive.")
    reader.get_by_role("button", name="Save").click()
    expect(reader.get_by_role("article", name="Grace Hopper")).to_contain_text("Still too expen")
    context.close()
