"""“Reconcile” in the admin: who may, what is asked of the worker, and how the result is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.admin.conftest import browser_of, manager_of
from wagtail_mailarchive import tasks
from wagtail_mailarchive.exceptions import AccountBusy, ConnectionDropped
from wagtail_mailarchive.fetching.condition import conditions_of_accounts
from wagtail_mailarchive.fetching.findings import Finding, nothing_compared
from wagtail_mailarchive.models import (
    AccountHealth,
    FetchRun,
    MailAccount,
    Mailbox,
    RunStatus,
    Trial,
    TrialKind,
    TrialStatus,
    Trigger,
    WorkerHeartbeat,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> MailAccount:
    return factories.account(factories.folder(), name="Office", enabled=True)


def page(account: MailAccount) -> str:
    return reverse("mailarchive_reconciliation", args=[account.pk])


def button(account: MailAccount) -> str:
    return reverse("mailarchive_reconcile_account", args=[account.pk])


def finding(kind: Finding, **values: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "finding": kind.value,
        "mailbox": "INBOX",
        "uid": 4711,
        "size": 2048,
        "date": "2026-03-05T13:30:00+00:00",
        "reason_code": "",
        "reason_params": {},
    }
    return told | values


def done(account: MailAccount, *findings: dict[str, Any], differences: int = 0) -> Trial:
    kinds = [each["finding"] for each in findings]
    result = {
        "error": None,
        "is_complete": True,
        "counts": {kind: kinds.count(kind) for kind in kinds},
        "differences": differences,
        "findings": list(findings),
        "truncated": False,
        "compared": 1234,
        "mailboxes": [{"name": "INBOX", "on_server": 1234, "in_ledger": 1233}],
    }
    return Trial.objects.create(
        kind=TrialKind.RECONCILIATION,
        account=account,
        status=TrialStatus.DONE,
        finished_at=timezone.now(),
        result=result,
    )


def test_only_those_who_manage_the_account_may_reconcile(
    account: MailAccount, client: Client, editor: User
) -> None:
    assert client.post(button(account)).status_code == 302
    for user in (editor, manager_of(factories.workspace("Elsewhere"))):
        browser = browser_of(user)
        assert browser.post(button(account)).status_code == 403
        assert browser.get(page(account)).status_code == 403
    assert not Trial.objects.exists()
    browser = browser_of(manager_of(account.folder))
    assert browser.get(button(account)).status_code == 405
    assert browser.get(page(account)).status_code == 200
    assert browser.post(button(account)).status_code == 302
    assert Trial.objects.count() == 1


def test_a_click_asks_the_worker_once_and_shows_how_far_it_is(
    account: MailAccount, admin_client: Client
) -> None:
    for _ in range(2):
        response = admin_client.post(button(account))
        assert response["Location"] == page(account)
    trial = Trial.objects.get()
    assert trial.kind == TrialKind.RECONCILIATION
    told = admin_client.get(page(account)).content.decode()
    assert "no worker is running" in told
    WorkerHeartbeat.beat()
    Trial.objects.update(status=TrialStatus.RUNNING, result={"compared": 1000, "whole": 2000})
    answer = admin_client.get(page(account), headers={"Accept": "application/json"}).json()
    assert "1000 of 2000 messages compared" in answer["html"]
    assert answer["poll"] == page(account)


def test_a_difference_is_told_in_words_with_its_reason(
    account: MailAccount, admin_client: Client
) -> None:
    error = ConnectionDropped(host="imap.example.org")
    done(
        account,
        finding(Finding.NOT_HERE),
        finding(Finding.NOT_READ, reason_code=error.code, reason_params=error.params),
        differences=1,
    )
    told = admin_client.get(page(account)).content.decode()
    assert "1 difference between server and ledger" in told
    assert "on the server, and not in the ledger" in told
    assert "4711" in told
    assert "imap.example.org ended the connection" in told
    answer = admin_client.get(page(account), headers={"Accept": "application/json"}).json()
    assert answer["poll"] == ""


def test_no_difference_and_a_failure_are_told_apart(
    account: MailAccount, admin_client: Client
) -> None:
    done(account)
    assert "Server and ledger hold the same." in admin_client.get(page(account)).content.decode()
    Trial.objects.all().delete()
    done(account, finding(Finding.NEW))
    told = admin_client.get(page(account)).content.decode()
    assert "No difference that has to be mended." in told
    assert "hold the same" not in told
    Trial.objects.update(result=nothing_compared(AccountBusy(account="Office")))
    told = admin_client.get(page(account)).content.decode()
    assert "Mail of Office is being fetched at the moment" in told
    assert "hold the same" not in told


def test_earlier_ones_can_be_opened_and_those_of_other_accounts_not(
    account: MailAccount, admin_client: Client
) -> None:
    first = done(account, finding(Finding.BACK), differences=1)
    done(account)
    told = admin_client.get(f"{page(account)}?trial={first.pk}").content.decode()
    assert "although the ledger says that it went" in told
    other = done(factories.account(account.folder))
    for wrong in (other.pk, "x", "9" * 30):
        assert admin_client.get(f"{page(account)}?trial={wrong}").status_code == 404


def test_a_difference_stands_on_the_dashboard_until_a_reconciliation_finds_none(
    account: MailAccount, admin_client: Client
) -> None:
    WorkerHeartbeat.beat()
    home = reverse("wagtailadmin_home")
    done(account, finding(Finding.NOT_HERE), differences=3)
    tasks.dispatch()
    told = admin_client.get(home).content.decode()
    assert "Server and ledger were compared and differ at 3 places" in told
    assert page(account) in told
    states = conditions_of_accounts([account])[account.pk].states
    assert any("differ at 3 places" in state.sentence for state in states)
    # One that did not come to its end says nothing.
    trial = done(account)
    Trial.objects.filter(pk=trial.pk).update(result=nothing_compared(AccountBusy(account="x")))
    tasks.dispatch()
    assert "differ at 3 places" in admin_client.get(home).content.decode()
    done(account)
    tasks.dispatch()
    assert "differ at" not in admin_client.get(home).content.decode()


def test_a_fetch_that_does_not_add_up_leads_to_the_reconciliation(
    account: MailAccount, admin_client: Client
) -> None:
    WorkerHeartbeat.beat()
    FetchRun.objects.create(
        account=account,
        account_name=account.name,
        folder=account.folder,
        trigger=Trigger.HAND,
        status=RunStatus.SUCCEEDED,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        adds_up=False,
    )
    [state] = conditions_of_accounts([account])[account.pk].states[:1]
    assert state.sentence == "What is archived does not add up to what the server holds."
    form = admin_client.get(reverse("mailarchive_accounts:edit", args=[account.pk]))
    assert page(account) in form.content.decode()


def test_mailboxes_that_are_left_out_are_told(account: MailAccount) -> None:
    WorkerHeartbeat.beat()
    AccountHealth.objects.create(account=account)
    MailAccount.objects.update(mailbox_choice="all")
    for name in ("Shared", "Team"):
        Mailbox.objects.create(
            account=account, folder=account.folder, name=name, problem_code="MailboxNotFound"
        )
    told = [each.sentence for each in conditions_of_accounts([account])[account.pk].states]
    assert "2 mailboxes of Office are left out, because the server does not open them." in told
