"""Pages on which readers follow, change and end it; and who may not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageViewRestriction

from tests import factories
from tests.collaboration.following import follow
from wagtail_mailarchive.models import EmailFolderPage, Follow, Pace, SavedSearch
from wagtail_mailarchive.models.follow import MOST

pytestmark = pytest.mark.django_db
BOTH = {"mail": "on", "comments": "on", "pace": Pace.WEEKLY}


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Sales", privacy="login")


@pytest.fixture
def reader(client: Client) -> User:
    user = factories.user(email="reader@example.org")
    client.force_login(user)
    return user


def shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def test_a_folder_is_followed_changed_and_ended(
    client: Client, reader: User, folder: EmailFolderPage
) -> None:
    address = f"/mail/follow/?folder={folder.pk}"
    assert address in client.get(folder.url).content.decode()
    assert "Stop following" not in shown(client, address)
    response = client.post(address, BOTH, follow=True)
    assert "You follow “Sales”." in response.content.decode()
    made = Follow.objects.get()
    assert (made.reader, made.folder, made.mail, made.comments) == (reader, folder, True, True)
    assert made.pace == Pace.WEEKLY
    page = shown(client, "/mail/following/")
    assert "new mail and comments" in page
    assert "once a week" in page
    assert "Stop following" in shown(client, address)
    client.post(address, {"mail": "on", "pace": Pace.AT_ONCE})
    made.refresh_from_db()
    assert (made.comments, made.pace) == (False, Pace.AT_ONCE)
    client.post(f"/mail/following/{made.pk}/stop/")
    assert not Follow.objects.exists()


def test_nothing_chosen_is_said_and_not_kept(
    client: Client, reader: User, folder: EmailFolderPage
) -> None:
    response = client.post(f"/mail/follow/?folder={folder.pk}", {"pace": Pace.DAILY})
    assert "Choose new mail, comments, or both." in response.content.decode()
    assert not Follow.objects.exists()


def test_threads_and_searches_are_followed(
    client: Client, reader: User, folder: EmailFolderPage
) -> None:
    [message] = factories.archive(folder, factories.raw("Plan"))
    search = SavedSearch.objects.create(owner=reader, name="Prices", query="price")
    for query in (f"thread={message.thread_id}", f"search={search.pk}"):
        client.post(f"/mail/follow/?{query}", BOTH)
        client.post(f"/mail/follow/?{query}", BOTH)
    assert Follow.objects.count() == 2
    page = shown(client, "/mail/following/")
    assert "Plan" in page
    assert "Prices" in page
    assert (
        f"/mail/follow/?thread={message.thread_id}"
        in client.get(f"{folder.url}thread/{message.thread_id}/").content.decode()
    )
    assert f"/mail/follow/?search={search.pk}" in client.get("/mail/search/").content.decode()


def test_only_what_one_may_read_is_followed_and_only_by_who_is_signed_in(
    client: Client, folder: EmailFolderPage
) -> None:
    closed = factories.folder(privacy="groups")
    [message] = factories.archive(closed, factories.raw("Secret"))
    [hidden] = factories.archive(folder, factories.raw("Hidden"))
    PageViewRestriction.objects.create(
        page=hidden.page_ptr, restriction_type=PageViewRestriction.GROUPS
    )
    owner = factories.user()
    search = SavedSearch.objects.create(owner=owner, name="Mine", query="x")
    inside = SavedSearch.objects.create(owner=owner, name="In", query="x", folder=closed)
    queries = [
        f"folder={closed.pk}",
        f"thread={message.thread_id}",
        f"thread={hidden.thread_id}",
        f"search={search.pk}",
        *("", "folder=x", f"folder={10**30}", f"folder={folder.pk}&thread=1", "folder=²"),
    ]
    for query in [*queries, f"folder={folder.pk}"]:
        assert client.post(f"/mail/follow/?{query}", BOTH).status_code == 302
    assert client.get("/mail/following/").status_code == 302
    client.force_login(factories.user())
    for query in queries:
        assert client.get(f"/mail/follow/?{query}").status_code == 404
        assert client.post(f"/mail/follow/?{query}", BOTH).status_code == 404
    client.force_login(owner)
    assert client.post(f"/mail/follow/?search={inside.pk}", BOTH).status_code == 404
    assert not Follow.objects.exists()


def test_nobody_sees_or_ends_what_another_follows(
    client: Client, reader: User, folder: EmailFolderPage
) -> None:
    other = follow(factories.user(), folder=folder)
    assert "Sales" not in shown(client, "/mail/following/")
    assert client.post(f"/mail/following/{other.pk}/stop/").status_code == 404
    assert client.get(f"/mail/following/{other.pk}/stop/").status_code == 405
    assert Follow.objects.exists()


def test_what_one_may_not_read_any_more_is_not_named(
    client: Client, reader: User, folder: EmailFolderPage
) -> None:
    [message] = factories.archive(folder, factories.raw("Plan"))
    follow(reader, folder=folder)
    follow(reader, folder=folder, message=message)
    PageViewRestriction.objects.filter(page=folder).update(
        restriction_type=PageViewRestriction.GROUPS
    )
    page = shown(client, "/mail/following/")
    assert "Sales" not in page
    assert "Plan" not in page
    assert page.count("you may not read any more") == 2


def test_the_list_costs_as_many_queries_however_long(client: Client, reader: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(client, "/mail/following/")
        return len(captured)

    def add() -> None:
        folder = factories.folder()
        [message] = factories.archive(folder, factories.raw())
        follow(reader, folder=folder)
        follow(reader, folder=folder, message=message)

    add()
    queries()
    few = queries()
    for _ in range(4):
        add()
    assert queries() == few


def test_nobody_follows_without_end(
    client: Client, reader: User, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wagtail_mailarchive.collaboration import following_views

    assert MOST > 1
    monkeypatch.setattr(following_views, "MOST", 1)
    follow(reader, folder=factories.folder())
    response: Any = client.post(f"/mail/follow/?folder={folder.pk}", BOTH, follow=True)
    assert "end one of them before" in response.content.decode()
    assert Follow.objects.count() == 1
