"""“Fetch new mail”: who sees it, and what it does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.models import (
    EmailFolderPage,
    FetchRun,
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
