"""To the trash, back, and gone for good: from the reader's page to the report, by keyboard too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.conftest import manager_of, work
from tests.axe import Violations
from tests.browser import each_window
from wagtail_mailarchive.models import WorkerHeartbeat

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@each_window
def test_mail_is_trashed_restored_and_erased(
    tab_of: Callable[..., Page], axe: Violations, width: int, scheme: Any
) -> None:
    WorkerHeartbeat.beat()
    folder = factories.folder(title="Offers")
    plan, _other = factories.archive(folder, factories.raw("Plan"), factories.raw("Other"))
    user = manager_of(folder)
    user.groups.get().permissions.add(Permission.objects.get(codename="trash_mail"))
    tab = tab_of(user, viewport={"width": width, "height": 900}, color_scheme=scheme)

    def looks_right(within: str = "") -> None:
        assert axe(tab, within) == []
        assert tab.evaluate(OVERFLOW) <= 0

    tab.goto(plan.url)
    tab.get_by_role("link", name="Move to the trash").press("Enter")
    looks_right()
    tab.get_by_label("Reason").fill("Not ours")
    tab.get_by_role("button", name="Move to the trash").press("Enter")
    expect(tab.get_by_role("status")).to_contain_text("1 message is in the trash.")
    expect(tab.get_by_role("link", name="Plan")).to_have_count(0)
    tab.goto(f"{folder.url}?view=date")
    tab.get_by_label("Choose “Other”").press("Space")
    looks_right()
    tab.get_by_role("button", name="Move what is chosen to the trash").press("Enter")
    tab.get_by_role("button", name="Move to the trash").press("Enter")
    expect(tab.get_by_text("There is no message in this folder yet.")).to_be_visible()

    tab.get_by_role("link", name="Trash").click()
    row = tab.get_by_role("row").filter(has_text="Plan")
    expect(row).to_contain_text("Not ours")
    # Rows are boxes where the window is narrow, and nothing is out of sight.
    around = tab.get_by_role("region", name="Messages in the trash")
    assert around.evaluate("around => around.scrollWidth - around.clientWidth") <= 0
    looks_right("main")
    row.get_by_role("checkbox").press("Space")
    tab.get_by_role("button", name="Restore what is chosen").press("Enter")
    expect(tab.get_by_text("1 message is restored.")).to_be_visible()
    tab.get_by_label("Other", exact=True).press("Space")
    tab.get_by_label("Why it is erased").fill("Asked for")
    tab.get_by_label("Yes, for good").press("Space")
    tab.get_by_role("button", name="Erase what is chosen").press("Enter")
    region = tab.locator("[data-controller='mailarchive-fetch']")
    expect(region).to_contain_text("Queued; begins in a moment.")
    looks_right("main")
    work()
    expect(region).to_contain_text("Done: 1 message erased.", timeout=30_000)
    tab.get_by_role("link", name="Report of erased mail").click()
    expect(tab.get_by_role("row").filter(has_text="Asked for")).to_be_visible()
    looks_right("main")

    tab.goto(f"/admin/mailarchive/folders/{folder.pk}/trash/folder/")
    looks_right("main")
    tab.get_by_role("button", name="Move the folder to the trash").press("Enter")
    expect(tab.get_by_role("button", name="Erase the folder")).to_be_visible()
    looks_right("main")
    tab.get_by_role("button", name="Restore the folder").press("Enter")
    tab.goto(plan.url)
    expect(tab.get_by_role("heading", name="Plan")).to_be_visible()
