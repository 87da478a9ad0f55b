"""Pages in the longest words and from right to left: nothing overflows, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from playwright.sync_api import Page, expect
from wagtail.users.models import UserProfile

from tests import factories
from tests.admin.conftest import user_with
from tests.axe import Violations
from tests.browser import each_window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

# Pixels between the box and the name in a row, on whichever side the name is.
GAP = """top => {
    const [box, sender] = top.children, range = document.createRange();
    range.selectNodeContents(sender);
    const a = box.getBoundingClientRect(), b = range.getBoundingClientRect();
    return Math.max(b.left - a.right, a.left - b.right);
}"""
INSIDE = """all => all.length > 0 && all.every(each => {
    const box = each.getBoundingClientRect();
    return box.left >= 0 && box.right <= innerWidth;
})"""


@each_window
@pytest.mark.parametrize(("language", "access"), [("de", "Zugang"), ("ar", "الوصول")])
def test_reading_and_editing_in_another_language(
    tab_of: Callable[..., Page],
    axe: Violations,
    language: str,
    access: str,
    width: int,
    scheme: Any,
) -> None:
    workspace = factories.workspace("Sales")
    folder = factories.folder(workspace, title="Offers")
    [message, *_more] = factories.archive(
        folder, factories.raw("Budget of the year", body="One\n\nTwo\n"), factories.raw("Re: Offer")
    )
    editor = user_with(workspace, "add", "change", "publish")
    codenames = ["trash_mail", "manage_mailaccount"]
    editor.groups.get().permissions.add(*Permission.objects.filter(codename__in=codenames))
    UserProfile.objects.create(user=editor, preferred_language=language)
    tab = tab_of(
        editor,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        locale=language,
    )
    direction = "rtl" if language == "ar" else "ltr"
    for address in (folder.url, reverse("wagtail_mailarchive:search") + "?q=budget", message.url):
        tab.goto(address)
        assert tab.evaluate("getComputedStyle(document.body).direction") == direction
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, address
        assert axe(tab) == []
    tab.goto(f"{folder.url}?view=date")
    assert 0 < tab.locator(".mailarchive-row__top").first.evaluate(GAP) <= 16
    tab.goto(reverse("wagtailadmin_pages:edit", args=[folder.pk]))
    assert tab.locator("select:visible").evaluate_all(INSIDE)
    panel = tab.locator(".mailarchive-access")
    expect(tab.get_by_role("heading", name=access)).to_be_visible()
    panel.scroll_into_view_if_needed()
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    # Not all of the form: what Wagtail says of its own in a language is not ours to mend.
    assert axe(tab, within=".mailarchive-access") == []
