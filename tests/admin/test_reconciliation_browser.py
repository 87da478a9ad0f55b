"""A reconciliation in Chromium: its result comes by itself, accessible, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.admin.conftest import manager_of
from tests.admin.test_reconciliation import done, finding, page
from tests.axe import Violations
from tests.browser import each_window
from wagtail_mailarchive.exceptions import ConnectionDropped
from wagtail_mailarchive.fetching.findings import Finding
from wagtail_mailarchive.models import MailAccount, Trial, TrialStatus, WorkerHeartbeat

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.fixture
def account(chromium: Any) -> MailAccount:
    WorkerHeartbeat.beat()
    return factories.account(factories.folder(), name="Office", enabled=True)


@each_window
def test_the_result_comes_by_itself_and_is_for_everybody(
    width: int, scheme: str, account: MailAccount, tab_of: Callable[..., Page], axe: Violations
) -> None:
    tab = tab_of(
        manager_of(account.folder),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    tab.goto(page(account))
    tab.get_by_role("button", name="Compare now").click()
    expect(tab.get_by_text("The server is being asked.")).to_be_visible()
    error = ConnectionDropped(host="imap.example.org")
    result = done(
        account,
        finding(Finding.NOT_HERE),
        finding(Finding.NOT_READ, reason_code=error.code, reason_params=error.params),
        differences=1,
    ).result
    # As the worker ends it.
    Trial.objects.order_by("-pk").first().delete()  # type: ignore[union-attr]
    Trial.objects.update(status=TrialStatus.DONE, result=result, finished_at="2026-03-05T12:00Z")
    expect(tab.get_by_text("1 difference between server and ledger")).to_be_visible()
    assert axe(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
