"""What Chromium shows to who may not manage an account."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.admin.conftest import user_with
from tests.axe import Violations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def test_a_refusal_says_whom_to_ask_and_leads_back(
    chromium: Browser, tab_of: Callable[..., Page], axe: Violations
) -> None:
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    account = factories.account(folder, created_by=factories.user("zoe"))
    tab = tab_of(user_with(folder, "add", "change", "publish"))
    tab.goto(reverse("mailarchive_accounts:edit", args=[account.pk]))
    expect(tab.get_by_role("heading", name="Mail accounts")).to_be_visible()
    expect(tab.get_by_text("This account was connected by zoe; ask them.")).to_be_visible()
    assert axe(tab) == []
    tab.get_by_role("link", name="Back to the dashboard").click()
    expect(tab).to_have_url(re.compile(r"/admin/$"))
