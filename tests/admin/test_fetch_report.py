"""“Mail fetches” under Reports: whose runs, which ones, and as a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook  # type: ignore[import-untyped]

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from wagtail_mailarchive.admin.fetch_report import FetchReportView
from wagtail_mailarchive.models import FetchRun, MailAccount, RunStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(db: None) -> MailAccount:
    return factories.account(factories.folder(title="Offers"), name="Sales inbox")


@pytest.fixture
def manager(account: MailAccount) -> Client:
    return browser_of(manager_of(account.folder.get_parent()))


def report(client: Client, **query: Any) -> Any:
    response = client.get(reverse("mailarchive_fetch_report"), query)
    assert response.status_code == 200
    return response


def numbers(response: Any) -> set[int]:
    return {run.pk for run in response.context["object_list"]}


def exported(client: Client, **query: Any) -> list[dict[str, str]]:
    response = report(client, export="csv", **query)
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


def test_managers_see_the_runs_of_their_folders(account: MailAccount, manager: Client) -> None:
    mine = factories.fetch_run(account, RunStatus.SUCCEEDED)
    other = factories.fetch_run(factories.account(factories.folder()), RunStatus.SUCCEEDED)
    assert numbers(report(manager)) == {mine.pk}
    assert [row["Number"] for row in exported(manager)] == [str(mine.pk)]
    everything = {mine.pk, other.pk}
    assert numbers(report(browser_of(factories.superuser()))) == everything


def test_is_no_report_for_publishers_without_the_permission(account: MailAccount) -> None:
    publisher = browser_of(user_with(account.folder.get_parent(), "add", "change", "publish"))
    assert publisher.get(reverse("mailarchive_fetch_report")).status_code == 403


def test_the_menu_offers_it_to_managers_only(account: MailAccount, manager: Client) -> None:
    address = reverse("mailarchive_fetch_report")
    home = reverse("wagtailadmin_home")
    publisher = browser_of(user_with(account.folder.get_parent(), "add", "change", "publish"))
    assert address in manager.get(home).content.decode()
    assert address not in publisher.get(home).content.decode()


def test_each_run_leads_to_its_page(account: MailAccount, manager: Client) -> None:
    run = factories.fetch_run(account, RunStatus.SUCCEEDED)
    address = reverse("mailarchive_fetch_run", args=[run.pk])
    assert address in report(manager).content.decode()


def test_filters_by_folder_account_outcome_and_date(boss: Client, account: MailAccount) -> None:
    second = factories.account(account.folder)
    elsewhere = factories.account(factories.folder())
    old = factories.fetch_run(account, RunStatus.FAILED)
    FetchRun.objects.filter(pk=old.pk).update(queued_at=timezone.now() - timedelta(days=9))
    new = factories.fetch_run(account, RunStatus.SUCCEEDED)
    beside = factories.fetch_run(second, RunStatus.SUCCEEDED)
    far = factories.fetch_run(elsewhere, RunStatus.SUCCEEDED)
    in_folder = {old.pk, new.pk, beside.pk}
    assert numbers(report(boss, folder=account.folder_id)) == in_folder
    assert numbers(report(boss, account=account.pk)) == {old.pk, new.pk}
    assert numbers(report(boss, status="failed")) == {old.pk}
    last_week = (timezone.localdate() - timedelta(days=7)).isoformat()
    assert numbers(report(boss, queued_at_from=last_week)) == {new.pk, beside.pk, far.pk}
    assert numbers(report(boss, queued_at_to=last_week)) == {old.pk}
    assert [row["Number"] for row in exported(boss, status="failed")] == [str(old.pk)]


def test_filters_offer_only_what_the_manager_manages(account: MailAccount, manager: Client) -> None:
    factories.account(factories.folder(title="Foreign folder"), name="Foreign account")
    html = report(manager).content.decode()
    assert "Sales inbox" in html
    assert "Foreign" not in html


def test_the_spreadsheet_has_every_counter_and_the_outcome(
    account: MailAccount, manager: Client
) -> None:
    user = factories.user("zoe")
    factories.fetch_run(
        account,
        RunStatus.FAILED,
        started_by=user,
        archived=12,
        quarantined=1,
        error_code="HostNotFound",
        error_params={"host": "nowhere.example"},
    )
    [row] = exported(manager)
    assert row["Mail account"] == "Sales inbox"
    assert row["Email folder"] == "Offers"
    assert row["Started by"] == "zoe"
    assert (row["Archived"], row["Quarantined"], row["Error"]) == ("12", "1", "HostNotFound")
    assert row["Outcome"].startswith("There is no server named nowhere.example.")
    workbook = load_workbook(io.BytesIO(report(manager, export="xlsx").getvalue()))
    headings, cells = workbook.worksheets[0].iter_rows(values_only=True)
    assert dict(zip(headings, cells, strict=True))["Archived"] == 12


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_name_becomes_a_formula(name: str, account: MailAccount, manager: Client) -> None:
    factories.fetch_run(account, RunStatus.SUCCEEDED)
    FetchRun.objects.update(account_name=name)
    assert exported(manager)[0]["Mail account"] == f"'{name}"


def test_nothing_of_the_account_but_its_name_is_exported() -> None:
    names = {field.name for field in FetchRun._meta.get_fields()}
    of_the_run = names | {"pk", "folder.title", "error"}
    of_the_run |= {"get_trigger_display", "get_status_display"}
    assert set(FetchReportView.list_export) <= of_the_run - {"account", "folder"}


def test_the_number_of_queries_is_constant(account: MailAccount, manager: Client) -> None:
    def queries(**query: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            report(manager, **query).getvalue() if query else report(manager)
        return len(captured)

    factories.fetch_run(account, RunStatus.SUCCEEDED, started_by=factories.user())
    queries()
    few, few_exported = queries(), queries(export="csv")
    for _ in range(20):
        factories.fetch_run(account, RunStatus.SUCCEEDED, started_by=factories.user())
    assert queries() == few
    assert queries(export="csv") == few_exported
