"""No route of the admin or of API v3 changes a message, not for a superuser either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.models import Page, PageViewRestriction

from tests import factories
from tests.admin.conftest import state_of
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage

FIELDS = {"title": "Forged", "slug": "forged", "action-publish": "1", "subject": "Forged"}


@pytest.fixture
def message(db: None) -> EmailMessagePage:
    return factories.archive(factories.folder(), factories.raw("Invoice"))[0]


@pytest.fixture
def elsewhere(db: None) -> EmailFolderPage:
    return factories.folder(title="Elsewhere")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_edit_address_only_shows(method: str, boss: Client, message: EmailMessagePage) -> None:
    before = state_of(message)
    address = reverse("wagtailadmin_pages:edit", args=[message.pk])
    assert getattr(boss, method)(address, FIELDS).status_code == 405
    assert boss.get(address).status_code == 200
    assert state_of(message) == before


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "view", ["copy", "delete", "unpublish", "view_draft", "lock", "unlock", "usage", "move"]
)
def test_page_views_refuse(view: str, method: str, boss: Client, message: EmailMessagePage) -> None:
    before = state_of(message)
    data = {
        **FIELDS,
        "new_title": "Forged",
        "new_slug": "forged",
        "new_parent_page": message.folder_id,
        "alias": "1",
        "next": "/admin/",
    }
    response = getattr(boss, method)(reverse(f"wagtailadmin_pages:{view}", args=[message.pk]), data)
    assert response.status_code in (302, 403, 405)
    if response.status_code == 302:
        assert response.headers["Location"] == "/admin/"
    assert state_of(message) == before


def test_moving_is_refused_although_the_address_is_known(
    boss: Client, message: EmailMessagePage, elsewhere: EmailFolderPage
) -> None:
    before = state_of(message)
    address = reverse("wagtailadmin_pages:move_confirm", args=[message.pk, elsewhere.pk])
    response = boss.post(address)
    assert response.status_code == 302
    assert response.headers["Location"] == "/admin/"
    assert state_of(message) == before


def test_reordering_is_refused(boss: Client, message: EmailMessagePage) -> None:
    factories.archive(message.folder, factories.raw("Another"))
    before = state_of(message)
    address = reverse("wagtailadmin_pages:set_page_position", args=[message.pk])
    assert boss.post(address).status_code == 302
    assert boss.post(address + "?position=1").status_code == 302
    assert state_of(message) == before


def test_preview_and_aliases_have_nothing_to_work_on(
    boss: Client, message: EmailMessagePage
) -> None:
    before = state_of(message)
    preview = boss.post(reverse("wagtailadmin_pages:preview_on_edit", args=[message.pk]), FIELDS)
    assert preview.status_code in (302, 403)
    alias = boss.post(reverse("wagtailadmin_pages:convert_alias", args=[message.pk]))
    assert alias.status_code == 404
    revert = boss.get(reverse("wagtailadmin_pages:revisions_revert", args=[message.pk, 1]))
    assert revert.status_code in (302, 404)
    assert state_of(message) == before


@pytest.mark.parametrize(
    ("view", "more"),
    [
        ("workflow_action", ["approve", 1]),
        ("collect_workflow_action_data", ["approve", 1]),
        ("confirm_workflow_cancellation", []),
        ("revisions_view", [1]),
        ("revisions_unschedule", [1]),
        ("workflow_history", []),
        ("history", []),
    ],
)
def test_workflow_and_revision_views_change_nothing(
    view: str, more: list[Any], boss: Client, message: EmailMessagePage
) -> None:
    before = state_of(message)
    address = reverse(f"wagtailadmin_pages:{view}", args=[message.pk, *more])
    for response in (boss.get(address), boss.post(address, FIELDS)):
        assert response.status_code in (200, 302, 403, 404, 405)
    assert state_of(message) == before


def test_a_message_cannot_be_created(boss: Client, message: EmailMessagePage) -> None:
    before = state_of(message)
    address = reverse(
        "wagtailadmin_pages:add",
        args=["wagtail_mailarchive", "emailmessagepage", message.folder_id],
    )
    assert boss.get(address).status_code == 302
    assert boss.post(address, FIELDS).status_code == 302
    assert state_of(message) == before


@pytest.mark.parametrize("action", ["delete", "move", "publish", "unpublish"])
def test_bulk_actions_refuse(
    action: str, boss: Client, message: EmailMessagePage, elsewhere: EmailFolderPage
) -> None:
    before = state_of(message)
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", action])
    address += f"?id={message.pk}&next=/admin/"
    assert boss.get(address).status_code == 200
    response = boss.post(address, {"chooser": elsewhere.pk, "include_descendants": "on"})
    assert response.status_code in (200, 302)
    assert state_of(message) == before


@pytest.mark.parametrize("action", ["publish", "unpublish"])
def test_bulk_actions_on_the_folder_leave_its_messages_alone(
    action: str, boss: Client, message: EmailMessagePage
) -> None:
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", action])
    address += f"?id={message.folder_id}&next=/admin/"
    assert boss.post(address, {"include_descendants": "on"}).status_code == 302
    live = Page.objects.get(pk=message.folder_id).live
    assert live is (action == "publish")
    assert Page.objects.get(pk=message.pk).live
    assert Page.objects.get(pk=message.pk).latest_revision is None


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("patch", "", {"title": "Forged"}),
        ("patch", "", {"title": "Forged", "meta": {"action": "publish"}}),
        ("delete", "", None),
        ("delete", "actions/delete/", None),
        ("post", "actions/publish/", {}),
        ("post", "actions/unpublish/", {}),
        ("post", "actions/copy/", {}),
        ("post", "actions/copy/", {"recursive": True, "keep_live": False}),
        ("post", "actions/create_alias/", {}),
        ("post", "actions/convert_alias/", {}),
        ("post", "actions/move/", {"destination_id": "elsewhere", "position": "last-child"}),
    ],
)
def test_api_refuses(
    method: str,
    path: str,
    data: dict[str, Any] | None,
    api: Callable[..., Any],
    message: EmailMessagePage,
    elsewhere: EmailFolderPage,
) -> None:
    if data and "destination_id" in data:
        data = {**data, "destination_id": elsewhere.pk}
    before = state_of(message)
    response = api(method, f"/pages/{message.pk}/{path}", data)
    assert response.status_code in (403, 422), response.content
    assert state_of(message) == before


def test_api_creates_no_message(api: Callable[..., Any], message: EmailMessagePage) -> None:
    before = state_of(message)
    body = {
        "title": "Forged",
        "meta": {
            "type": "wagtail_mailarchive.EmailMessagePage",
            "parent_id": message.folder_id,
        },
    }
    assert api("post", "/pages/", body).status_code in (403, 422)
    assert state_of(message) == before


def test_a_message_can_be_made_more_private(boss: Client, message: EmailMessagePage) -> None:
    address = reverse("wagtailadmin_pages:set_privacy", args=[message.pk])
    assert boss.get(address).status_code == 200
    boss.post(address, {"restriction_type": "login"})
    restriction = PageViewRestriction.objects.get(page_id=message.pk)
    assert restriction.restriction_type == "login"
