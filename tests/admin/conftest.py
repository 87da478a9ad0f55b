"""Who uses the admin in these tests, and the snapshot that proves nothing changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connections
from django.test import Client
from wagtail.models import APIToken, GroupPagePermission, Page, Revision

from tests import factories
from wagtail_mailarchive.fetching.upkeep import work_on
from wagtail_mailarchive.models import EmailMessagePage, UpkeepRun
from wagtail_mailarchive.models.permissions import manage_permission


@pytest.fixture
def superuser(db: None) -> User:
    return factories.superuser()


@pytest.fixture
def boss(superuser: User) -> Client:
    """The browser of a superuser."""
    return browser_of(superuser)


@pytest.fixture
def editor(db: None) -> User:
    """May do everything with every page that a group can be given."""
    return user_with(factories.home(), "add", "change", "publish", "lock", "unlock", "bulk_delete")


@pytest.fixture
def api(superuser: User) -> Callable[..., Any]:
    """Call API v3 as superuser: `api("post", "/pages/1/actions/copy/", {...})`."""
    _token, plain = APIToken.create_token(user=superuser, name="tests")
    client = Client(headers={"authorization": f"Bearer {plain}"}, raise_request_exception=False)

    def call(method: str, path: str, data: dict[str, Any] | None = None) -> Any:
        return getattr(client, method)(
            f"/api/v3{path}", data or {}, content_type="application/json"
        )

    return call


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def user_with(page: Page, *permissions: str) -> User:
    """A user who may enter the admin and holds page `permissions` at and below `page`."""
    user = factories.user()
    group = Group.objects.create(name=f"Group of {user.username}")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    for name in permissions:
        permission = Permission.objects.get(
            codename=f"{name}_page", content_type__app_label="wagtailcore"
        )
        GroupPagePermission.objects.create(group=group, page=page, permission=permission)
    user.groups.add(group)
    return user


def state_of(message: EmailMessagePage) -> list[Any]:
    """All that a write could change: every page's row, every message's row, all revisions."""
    return [
        list(Page.objects.order_by("pk").values()),
        list(EmailMessagePage.objects.order_by("pk").values()),
        list(Revision.objects.order_by("pk").values_list("pk", "object_id")),
        message.original.sha256,
    ]


def manager_of(page: Page) -> User:
    """A user who may publish at and below `page` and manages the mail accounts there."""
    user = user_with(page, "add", "change", "publish")
    user.groups.get().permissions.add(manage_permission().get())
    return user


def work() -> None:
    """Be the worker for upkeep, in a thread of its own as Playwright has this one."""

    def run() -> None:
        try:
            for each in UpkeepRun.objects.filter(status="queued"):
                work_on(each.pk)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
