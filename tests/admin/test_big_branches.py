"""Renaming, moving, unpublishing what mail is below: whatever it holds, no message is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.contrib.redirects.models import Redirect
from wagtail.models import Page

from tests import factories
from tests.site.models import WorkspacePage
from wagtail_mailarchive.archive import trash
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> WorkspacePage:
    """Within it a folder with mail, and a workspace beside that."""
    workspace = factories.workspace("Sales")
    folder = factories.folder(workspace, title="Offers")
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    factories.workspace("Beside", parent=WorkspacePage.objects.get(pk=workspace.pk))
    again: WorkspacePage = WorkspacePage.objects.get(pk=workspace.pk)
    return again


@contextmanager
def no_message_loaded() -> Iterator[None]:
    loaded: list[int] = []

    def note(instance: EmailMessagePage, **kwargs: Any) -> None:
        loaded.append(instance.pk)

    post_init.connect(note, sender=EmailMessagePage)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield
    finally:
        post_init.disconnect(note, sender=EmailMessagePage)
    assert loaded == []


def folder_of(workspace: Page) -> EmailFolderPage:
    found: EmailFolderPage = EmailFolderPage.objects.get(path__startswith=workspace.path)
    return found


def assert_addresses_follow(folder_id: int) -> None:
    folder = EmailFolderPage.objects.get(pk=folder_id)
    for message in EmailMessagePage.objects.filter(folder=folder):
        assert message.url_path == f"{folder.url_path}{message.slug}/"
    assert not any(Page.find_problems())


def test_a_new_slug_above_is_bulk_and_redirects_the_other_pages(workspace: WorkspacePage) -> None:
    folder, beside = folder_of(workspace), workspace.get_children().last()

    def rename(slug: str) -> int:
        page = WorkspacePage.objects.get(pk=workspace.pk)
        page.slug = slug
        with CaptureQueriesContext(connection) as queries, no_message_loaded():
            page.save()
        return len(queries)

    few = rename("one"), rename("two")
    redirected = set(Redirect.objects.values_list("redirect_page", flat=True))
    assert redirected == {workspace.pk, folder.pk, beside.pk}
    factories.archive(folder, *(factories.raw() for _ in range(40)))
    assert rename("three") <= few[1]
    assert_addresses_follow(folder.pk)


@pytest.mark.parametrize("moved", ["folder", "workspace"])
def test_moving_is_bulk(boss: Client, workspace: WorkspacePage, moved: str) -> None:
    folder = folder_of(workspace)
    page = folder if moved == "folder" else workspace
    target = factories.workspace("Target")
    with no_message_loaded():
        address = reverse("wagtailadmin_pages:move_confirm", args=[page.pk, target.pk])
        assert boss.post(address).status_code == 302
    assert Page.objects.get(pk=page.pk).get_parent().pk == target.pk
    assert_addresses_follow(folder.pk)


@pytest.mark.parametrize("route", ["form", "bulk", "api"])
def test_unpublishing_with_all_below_hides_mail_with_its_folder(
    boss: Client, api: Callable[..., Any], workspace: WorkspacePage, route: str
) -> None:
    folder = folder_of(workspace)
    with no_message_loaded():
        if route == "form":
            address = reverse("wagtailadmin_pages:unpublish", args=[workspace.pk])
            boss.post(address, {"include_descendants": "on"})
        elif route == "bulk":
            address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "unpublish"])
            data = {"include_descendants": "on"}
            boss.post(f"{address}?id={workspace.pk}&next=/admin/", data)
        else:
            api("post", f"/pages/{workspace.pk}/actions/unpublish/", {"recursive": True})
    assert not Page.objects.filter(live=True, path__startswith=workspace.path, depth__lt=5).exists()
    # Each says still what it was, so that publishing the folder brings back the same mail.
    assert EmailMessagePage.objects.filter(folder=folder, live=True).count() == 5
    message = EmailMessagePage.objects.first()
    assert message is not None
    assert Client().get(message.get_url()).status_code == 404


def test_publishing_all_below_brings_nothing_back_from_the_trash(
    boss: Client, workspace: WorkspacePage
) -> None:
    folder = folder_of(workspace)
    message = EmailMessagePage.objects.filter(folder=folder)[0]
    trash.put(folder.pk, [message.pk], user_id=None, reason="")
    with no_message_loaded():
        address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "publish"])
        data = {"include_descendants": "on"}
        boss.post(f"{address}?id={workspace.pk}&next=/admin/", data)
    message.refresh_from_db()
    assert (message.live, message.trashed, message.latest_revision) == (False, True, None)
