"""“Fetch new mail”: who sees it, what it does, and what a folder's condition says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.admin.conditions import Condition, condition_of
from wagtail_mailarchive.models import (
    EmailFolderPage,
    FetchRun,
    MailAccount,
    RunStatus,
    Trigger,
    WorkerHeartbeat,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


def fetch_address(folder: EmailFolderPage) -> str:
    return reverse("mailarchive_fetch_folder", args=[folder.pk])


def run(account: MailAccount, status: RunStatus, **values: Any) -> FetchRun:
    return FetchRun.objects.create(
        account=account,
        account_name=account.name,
        folder=account.folder,
        trigger=Trigger.HAND,
        status=status,
        **values,
    )


def said(response: Any) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


def test_enqueues_one_run_for_each_enabled_account(
    boss: Client, folder: EmailFolderPage, django_capture_on_commit_callbacks: Any
) -> None:
    WorkerHeartbeat.beat()
    first, second = factories.account(folder), factories.account(folder)
    factories.account(folder, enabled=False)
    with django_capture_on_commit_callbacks(execute=True):
        response = boss.post(fetch_address(folder))
    assert response.headers["Location"] == reverse("wagtailadmin_explore", args=[folder.pk])
    assert "Fetching new mail from 2 accounts." in said(response)
    assert set(FetchRun.objects.values_list("account", "status", "trigger")) == {
        (first.pk, RunStatus.QUEUED, Trigger.HAND),
        (second.pk, RunStatus.QUEUED, Trigger.HAND),
    }
    assert OrmQ.objects.count() == 2
    boss.post(fetch_address(folder))
    assert FetchRun.objects.count() == 2


def test_says_so_when_no_worker_runs(boss: Client, folder: EmailFolderPage) -> None:
    factories.account(folder)
    assert "python manage.py qcluster" in said(boss.post(fetch_address(folder)))


def test_without_accounts_nothing_is_enqueued(boss: Client, folder: EmailFolderPage) -> None:
    assert "no enabled mail account" in said(boss.post(fetch_address(folder)))
    assert not FetchRun.objects.exists()


def test_only_by_post_and_with_a_csrf_token(superuser: Any, folder: EmailFolderPage) -> None:
    factories.account(folder)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(superuser)
    assert strict.post(fetch_address(folder)).status_code == 403
    assert strict.get(fetch_address(folder)).status_code == 405
    assert not FetchRun.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "status"), [(["publish"], 302), (["add", "change"], 403), ([], 403)]
)
def test_who_may_publish_may_fetch(
    permissions: list[str], status: int, folder: EmailFolderPage
) -> None:
    factories.account(folder)
    client = browser_of(user_with(folder.get_parent(), *permissions))
    assert client.post(fetch_address(folder)).status_code == status
    assert FetchRun.objects.exists() == (status == 302)


def test_readers_outside_the_admin_are_sent_to_sign_in(folder: EmailFolderPage) -> None:
    factories.account(folder)
    for client in (Client(), browser_of(factories.user())):
        assert client.post(fetch_address(folder)).status_code == 302
    assert not FetchRun.objects.exists()


def test_the_button_is_there_for_those_who_may(boss: Client, folder: EmailFolderPage) -> None:
    folder.save_revision()
    adder = browser_of(user_with(folder.get_parent(), "add", "change"))
    for address in (
        reverse("wagtailadmin_explore", args=[folder.pk]),
        reverse("wagtailadmin_pages:edit", args=[folder.pk]),
    ):
        assert fetch_address(folder) in boss.get(address).content.decode()
        assert fetch_address(folder) not in adder.get(address).content.decode()


def test_an_address_elsewhere_is_not_followed(boss: Client, folder: EmailFolderPage) -> None:
    response = boss.post(fetch_address(folder), {"next": "https://evil.example/"})
    assert response.headers["Location"] == reverse("wagtailadmin_explore", args=[folder.pk])


# -- the condition ---------------------------------------------------------------------------


def condition(folder: EmailFolderPage, superuser: Any) -> Condition:
    return condition_of(EmailFolderPage.objects.get(pk=folder.pk), superuser)


def test_every_condition_has_a_sentence(superuser: Any, folder: EmailFolderPage) -> None:
    assert "No mail account is connected yet" in condition(folder, superuser).sentence
    account = factories.account(folder, name="Sales inbox", enabled=False)
    off = condition(folder, superuser)
    assert "switched off" in off.sentence
    assert off.next_step is not None
    assert off.next_step.url == reverse("mailarchive_accounts:edit", args=[account.pk])
    MailAccount.objects.update(enabled=True)
    assert condition(folder, superuser).command == "python manage.py qcluster"
    WorkerHeartbeat.beat()
    assert "Nothing was fetched yet" in condition(folder, superuser).sentence


@pytest.mark.parametrize(
    ("status", "values", "sentence"),
    [
        (RunStatus.QUEUED, {}, "A fetch is queued"),
        (RunStatus.RUNNING, {"archived": 7}, "7 new messages so far"),
        (RunStatus.SUCCEEDED, {"archived": 0}, "nothing new"),
        (RunStatus.SUCCEEDED, {"archived": 1}, ": 1 new message."),
        (RunStatus.SUCCEEDED, {"adds_up": False}, "does not add up"),
        (
            RunStatus.FAILED,
            {
                "error_code": "LoginRejected",
                "error_params": {"host": "imap.example.org", "username": "ada"},
            },
            "imap.example.org rejected the user name or password of ada.",
        ),
    ],
)
def test_the_latest_run_speaks(
    status: RunStatus,
    values: dict[str, Any],
    sentence: str,
    superuser: Any,
    folder: EmailFolderPage,
) -> None:
    WorkerHeartbeat.beat()
    account = factories.account(folder)
    old = timezone.now() - timedelta(days=1)
    run(account, RunStatus.FAILED, error_code="FolderMissing", finished_at=old)
    run(account, status, **values)
    assert sentence in condition(folder, superuser).sentence


def test_one_failed_account_is_not_hidden_by_another(
    superuser: Any, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    failing = factories.account(folder, name="Failing")
    run(failing, RunStatus.FAILED, error_code="ConnectionDropped", error_params={"host": "h"})
    run(factories.account(folder), RunStatus.SUCCEEDED)
    assert "Failing" in condition(folder, superuser).sentence


def test_editors_get_no_link_to_accounts(folder: EmailFolderPage) -> None:
    WorkerHeartbeat.beat()
    account = factories.account(folder)
    run(account, RunStatus.FAILED, error_code="ConnectionDropped", error_params={"host": "h"})
    assert condition(folder, user_with(folder.get_parent(), "publish")).next_step is None
