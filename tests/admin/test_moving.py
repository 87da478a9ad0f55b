"""A folder moves with its mail to another workspace and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.contrib.redirects.models import Redirect
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    factories.archive(folder, factories.raw("Invoice"))
    return folder


def parent_of(folder: EmailFolderPage) -> int:
    return int(Page.objects.get(pk=folder.pk).get_parent().pk)


def test_to_a_workspace_by_form(boss: Client, folder: EmailFolderPage) -> None:
    target = factories.workspace("Support")
    address = reverse("wagtailadmin_pages:move_confirm", args=[folder.pk, target.pk])
    assert boss.get(address).status_code == 200
    assert boss.post(address).status_code == 302
    assert parent_of(folder) == target.pk
    message = EmailMessagePage.objects.get()
    assert message.url_path.startswith(EmailFolderPage.objects.get().url_path)
    assert Page.find_problems() == ([], [], [], [], [])


def test_not_to_a_personal_page_by_form_bulk_or_api(
    boss: Client, api: Callable[..., Any], folder: EmailFolderPage
) -> None:
    target = factories.personal_page()
    before = parent_of(folder)
    boss.post(reverse("wagtailadmin_pages:move_confirm", args=[folder.pk, target.pk]))
    assert parent_of(folder) == before
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "move"])
    boss.post(f"{address}?id={folder.pk}&next=/admin/", {"chooser": target.pk})
    assert parent_of(folder) == before
    data = {"destination_id": target.pk, "position": "last-child"}
    assert api("post", f"/pages/{folder.pk}/actions/move/", data).status_code == 403
    assert parent_of(folder) == before


def test_to_a_workspace_by_bulk_and_api(
    boss: Client, api: Callable[..., Any], folder: EmailFolderPage
) -> None:
    first, second = factories.workspace(), factories.workspace()
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "move"])
    boss.post(f"{address}?id={folder.pk}&next=/admin/", {"chooser": first.pk})
    assert parent_of(folder) == first.pk
    data = {"destination_id": second.pk, "position": "last-child"}
    assert api("post", f"/pages/{folder.pk}/actions/move/", data).status_code == 200
    assert parent_of(folder) == second.pk


@pytest.mark.django_db(transaction=False)
def test_moving_costs_the_same_number_of_queries_whatever_the_folder_holds(
    boss: Client, folder: EmailFolderPage
) -> None:
    def queries() -> int:
        target = factories.workspace()
        address = reverse("wagtailadmin_pages:move_confirm", args=[folder.pk, target.pk])
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert boss.post(address).status_code == 302
        return len(captured)

    queries()  # fills caches of sites and content types
    few = queries()
    factories.archive(folder, *(factories.raw(f"Message {number}") for number in range(60)))
    assert queries() == few
    redirected = set(Redirect.objects.values_list("redirect_page_id", flat=True))
    assert redirected == {folder.pk}
