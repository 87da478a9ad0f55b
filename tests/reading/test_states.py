"""Every state of a folder has a sentence, and a next step where there is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from wagtail.models import GroupPagePermission

from tests import factories
from wagtail_mailarchive.models import (
    EmailFolderPage,
    FetchRun,
    RunStatus,
    Trigger,
    WorkerHeartbeat,
)

pytestmark = pytest.mark.django_db

CHECKED = datetime(2026, 3, 5, 8, 15, tzinfo=UTC)


def publisher(folder: EmailFolderPage) -> User:
    """Someone who may fetch into `folder` and is no superuser."""
    group = Group.objects.create(name="Publishers")
    for codename in ("change_page", "publish_page"):
        GroupPagePermission.objects.create(group=group, page=folder, permission_type=codename[:-5])
    user = factories.user()
    user.groups.add(group)
    return user


def shown_to(user: User | None, folder: EmailFolderPage) -> str:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.get(folder.url).content.decode()


def test_without_an_account() -> None:
    folder = factories.folder()
    assert "No mail account is connected to this folder yet." in shown_to(None, folder)
    assert "onnect" not in shown_to(None, folder).replace("is connected", "")
    assert "Ask an administrator to connect one." in shown_to(publisher(folder), folder)
    boss = shown_to(factories.superuser(), folder)
    assert f'/accounts/new/?folder={folder.pk}">Connect a mail account</a>' in boss


def test_never_fetched() -> None:
    folder = factories.folder()
    factories.account(folder)
    assert "its mail has not been fetched yet." in shown_to(None, folder)
    shown = shown_to(publisher(folder), folder)
    assert "at once with “Fetch new mail”" in shown
    assert "Fetch new mail</button>" in shown


def test_queued_and_fetching_with_counters() -> None:
    folder = factories.folder()
    account = factories.account(folder)
    working = factories.fetch_run(account, RunStatus.QUEUED)
    assert "A fetch is queued" in shown_to(None, folder)
    working.status, working.archived = RunStatus.RUNNING, 120
    working.on_server, working.waiting = 1000, 880
    working.save()
    shown = shown_to(publisher(folder), folder)
    assert "Fetching mail now: 120 new messages so far." in shown
    assert '<progress max="1000" value="120"' in shown
    assert "Fetch new mail</button>" not in shown


def test_fetched_and_empty_says_when() -> None:
    folder = factories.folder()
    factories.fetch_run(factories.account(folder), RunStatus.SUCCEEDED, finished_at=CHECKED)
    shown = shown_to(None, folder)
    assert "The mailbox was read and held no mail." in shown
    assert "There is no message in this folder yet." in shown
    assert "Last checked" in shown
    assert "March 5, 2026, 9:15 a.m." in shown


def test_up_to_date_needs_no_sentence_but_the_time() -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw())
    factories.fetch_run(factories.account(folder), RunStatus.SUCCEEDED, finished_at=CHECKED)
    shown = shown_to(None, folder)
    assert "mailarchive-state" not in shown
    assert "March 5, 2026, 9:15 a.m." in shown


def test_a_failure_is_told_to_readers_and_its_reason_to_those_who_may_fetch() -> None:
    folder = factories.folder()
    account = factories.account(folder, name="Sales desk")
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=CHECKED)
    factories.fetch_run(
        account,
        RunStatus.FAILED,
        error_code="LoginRejected",
        error_params={"host": "imap.example.org", "username": "sales"},
    )
    reader = shown_to(factories.user(), folder)
    assert "New mail could not be fetched at the last try." in reader
    assert "imap.example.org" not in reader
    assert "Sales desk" not in reader
    assert "March 5, 2026, 9:15 a.m." in reader
    shown = shown_to(publisher(folder), folder)
    assert "New mail of Sales desk could not be fetched." in shown
    assert "imap.example.org rejected the user name or password of sales." in shown


def test_switched_off() -> None:
    folder = factories.folder()
    account = factories.account(folder, enabled=False)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=CHECKED)
    assert "Fetching is switched off;" in shown_to(None, folder)
    shown = shown_to(publisher(folder), folder)
    assert "Ask an administrator." in shown
    assert "Fetch new mail</button>" not in shown
    factories.account(folder)
    partly = shown_to(factories.superuser(), folder)
    assert "1 mail account of this folder is switched off." in partly


def test_no_worker_is_told_with_the_command_that_starts_one() -> None:
    folder = factories.folder()
    factories.account(folder)
    user = publisher(folder)
    assert "<code>python manage.py qcluster</code>" in shown_to(user, folder)
    assert "qcluster" not in shown_to(factories.user(), folder)
    WorkerHeartbeat.beat()
    assert "qcluster" not in shown_to(user, folder)


def test_what_was_new_and_when_it_is_fetched_next_is_told_to_those_who_may_fetch() -> None:
    folder = factories.folder()
    account = factories.account(folder, interval=45)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=CHECKED, archived=2)
    WorkerHeartbeat.beat()
    shown = shown_to(publisher(folder), folder)
    assert "9:15 a.m.</time>: 2 new messages" in shown
    assert "Next fetch" in shown
    assert "March 5, 2026, 10 a.m." in shown
    reader = shown_to(factories.user(), folder)
    assert "9:15 a.m.</time>" in reader
    assert "new messages" not in reader
    assert "Next fetch" not in reader


def test_fetch_new_mail_requests_one_run_for_each_enabled_account() -> None:
    folder = factories.folder()
    account = factories.account(folder)
    factories.account(folder, enabled=False)
    client = Client()
    user = publisher(folder)
    client.force_login(user)
    WorkerHeartbeat.beat()
    for _ in range(2):
        response = client.post(f"{folder.url}fetch/", follow=True)
        assert response.redirect_chain == [(folder.url, 302)]
        assert "Fetching new mail from 1 account." in response.content.decode()
    made = FetchRun.objects.get()
    assert (made.account, made.started_by, made.trigger) == (account, user, Trigger.HAND)


def test_fetching_from_nowhere_says_so() -> None:
    folder = factories.folder()
    client = Client()
    client.force_login(factories.superuser())
    response = client.post(f"{folder.url}fetch/", follow=True)
    assert "There is no enabled mail account to fetch from." in response.content.decode()


def test_only_those_who_may_can_fetch() -> None:
    folder = factories.folder()
    factories.account(folder)
    client = Client()
    assert client.post(f"{folder.url}fetch/").status_code == 403
    client.force_login(factories.user())
    assert client.post(f"{folder.url}fetch/").status_code == 403
    client.force_login(publisher(folder))
    assert client.get(f"{folder.url}fetch/").status_code == 405
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(factories.superuser())
    assert careful.post(f"{folder.url}fetch/").status_code == 403
    assert FetchRun.objects.count() == 0
