"""The activity of a folder: what happened, for those who may know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import PageLogEntry, PageViewRestriction

from tests import factories
from tests.admin.conftest import manager_of
from tests.collaboration.following import comment
from tests.plans import walks_over_messages
from wagtail_mailarchive.archive import folder_trash, trash
from wagtail_mailarchive.fetching import trash_requests
from wagtail_mailarchive.fetching.trash_requests import RESTORED
from wagtail_mailarchive.fetching.upkeep import Verdict, work_on
from wagtail_mailarchive.models import (
    CommentState,
    EmailFolderPage,
    Relation,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Sales")


@pytest.fixture
def grace() -> User:
    return factories.user("grace")


def activity(client: Client, folder: EmailFolderPage) -> str:
    response = client.get(f"{folder.url}activity/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_what_happened_is_told_newest_first(
    client: Client, folder: EmailFolderPage, grace: User
) -> None:
    assert "Nothing has happened" in activity(client, folder)
    [message, _other] = factories.archive(folder, factories.raw("Plan"), factories.raw())
    comment(message, grace, "Good", created_at=timezone.now())
    comment(message, grace, "Wait", state=CommentState.HELD)
    Relation.objects.create(
        message=message,
        kind="about",
        target="web:",
        address="https://example.org",
        author_name="Bo",
    )
    UpkeepRun.objects.create(
        kind=UpkeepKind.RESTORE,
        folder=folder,
        status=UpkeepStatus.DONE,
        finished_at=timezone.now(),
        done=2,
    )
    page = activity(client, folder)
    told = [
        "restored from the trash",
        "<bdi>Bo</bdi> added a relation to",
        "<bdi>grace</bdi> commented on",
    ]
    places = [page.index(each) for each in [*told, "2 messages came"]]
    assert places == sorted(places)
    assert page.count("commented on") == 1
    assert f'href="{message.url}' in page


def test_it_tells_who_restored_what_one_may_read(
    client: Client, folder: EmailFolderPage, grace: User
) -> None:
    messages = factories.archive(folder, *(factories.raw(f"Number {each}") for each in range(4)))
    keys = [each.pk for each in messages]
    trash.put(folder.pk, keys, user_id=None, reason="")
    PageViewRestriction.objects.create(
        page=messages[3].page_ptr, restriction_type=PageViewRestriction.GROUPS
    )
    browser = Client()
    browser.force_login(manager_of(folder))
    address = reverse("mailarchive_trash_restore", args=[folder.pk])
    for chosen in (keys[:2], keys[2:3], keys[3:]):
        browser.post(address, {"message": chosen})
    # What never was in the trash was not restored.
    browser.post(address, {"message": keys})
    page = activity(client, folder)
    who = PageLogEntry.objects.filter(action=RESTORED).first().user_display_name
    assert f"<bdi>{who}</bdi> restored 2 messages from the trash" in page
    assert f'restored from the trash: <a href="{messages[2].url}">' in page
    assert page.count("from the trash") == 2
    history = browser.get(reverse("wagtailadmin_pages:history", args=[folder.pk]))
    assert "Restored 2 messages from the trash" in history.content.decode()


def test_it_tells_that_all_mail_was_restored(client: Client, folder: EmailFolderPage) -> None:
    keys = [each.pk for each in factories.archive(folder, factories.raw(), factories.raw())]
    trash.put(folder.pk, keys, user_id=None, reason="")
    run = trash_requests.restore_all(folder, user=None)
    assert work_on(run.pk) is Verdict.FINISHED
    assert "Mail was restored from the trash" in activity(client, folder)


def test_it_tells_who_restored_the_folder(client: Client, folder: EmailFolderPage) -> None:
    """In its trash, or by publishing it again; not who published what was no trash."""
    manager = manager_of(folder)
    browser = Client()
    browser.force_login(manager)
    edit = reverse("wagtailadmin_pages:edit", args=[folder.pk])
    content = {"title": "Sales", "slug": folder.slug, "action-publish": "1"}
    take_back: list[Callable[[], Any]] = [
        lambda: browser.post(reverse("mailarchive_restore_folder", args=[folder.pk])),
        lambda: browser.post(edit, content),
    ]
    for number, restore in enumerate(take_back, start=1):
        folder_trash.put(folder, user_id=None, reason="")
        assert client.get(f"{folder.url}activity/").status_code == 404
        for _again in range(2):
            assert restore().status_code == 302
        told = f"<bdi>{manager.username}</bdi> restored this folder from the trash"
        assert activity(client, folder).count(told) == number
    history = browser.get(reverse("wagtailadmin_pages:history", args=[folder.pk]))
    assert history.content.decode().count("Restored this folder from the trash") == 2


def test_of_what_one_may_not_read_nothing_is_told(
    client: Client, folder: EmailFolderPage, grace: User
) -> None:
    [message, _other] = factories.archive(folder, factories.raw("Plan"), factories.raw())
    comment(message, grace, "Good")
    Relation.objects.create(
        message=message,
        kind="about",
        target="web:",
        address="https://example.org",
        author_name="Bo",
    )
    PageViewRestriction.objects.create(
        page=message.page_ptr, restriction_type=PageViewRestriction.GROUPS
    )
    page = activity(client, folder)
    assert "1 message came" in page
    assert "grace" not in page
    assert "Plan" not in page
    assert "Bo" not in page
    PageViewRestriction.objects.create(
        page=folder.page_ptr, restriction_type=PageViewRestriction.LOGIN
    )
    assert client.get(f"{folder.url}activity/").status_code == 302


def test_it_costs_as_many_queries_in_a_larger_folder(
    client: Client, folder: EmailFolderPage, grace: User
) -> None:
    def queries(number: int) -> int:
        for message in factories.archive(folder, *[factories.raw() for _ in range(number)]):
            comment(message, grace, "Good")
        with CaptureQueriesContext(connection) as captured:
            activity(client, folder)
        assert not walks_over_messages(captured)
        return len(captured)

    queries(1)
    few = queries(1)
    assert queries(20) == few
