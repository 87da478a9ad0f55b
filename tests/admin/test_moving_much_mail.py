"""Moving pages above much mail in Wagtail's own views: asked for there, done by the worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from wagtail import hooks
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.fetching import moving
from wagtail_mailarchive.fetching.upkeep import work_on
from wagtail_mailarchive.models import EmailFolderPage, UpkeepKind, UpkeepRun, UpkeepStatus

from .conftest import browser_of, user_with

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_are_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "MOST_AT_ONCE", 3)


@pytest.fixture
def folder() -> EmailFolderPage:
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    return folder


def move(client: Client, page: Page, target: Page) -> Any:
    return client.post(reverse("wagtailadmin_pages:move_confirm", args=[page.pk, target.pk]))


def parent_of(page: Page) -> int:
    return int(Page.objects.get(pk=page.pk).get_parent().pk)


@pytest.mark.parametrize("moved", ["folder", "workspace"])
def test_by_form_a_worker_moves_it_and_a_page_tells_how_far_it_is(
    boss: Client, folder: EmailFolderPage, moved: str
) -> None:
    before = parent_of(folder)
    page = folder if moved == "folder" else Page.objects.get(pk=before)
    target = factories.workspace("Support")
    address = reverse("wagtailadmin_pages:move_confirm", args=[page.pk, target.pk])
    assert boss.get(address).status_code == 200
    response = move(boss, page, target)
    run = UpkeepRun.objects.get()
    assert response["Location"] == reverse("mailarchive_move", args=[run.pk])
    assert parent_of(folder) == before
    shown = boss.get(response["Location"]).content.decode()
    assert "Queued; begins in a moment." in shown
    assert "Moving pages with their mail" in shown
    # Whoever looks at the folder meanwhile is told, too.
    explorer = reverse("wagtailadmin_explore", args=[folder.pk])
    assert "Moving pages with their mail" in boss.get(explorer).content.decode()
    work_on(run.pk)
    assert parent_of(page) == target.pk
    [follows] = UpkeepRun.objects.filter(kind=UpkeepKind.READDRESS)
    shown = boss.get(response["Location"]).content.decode()
    assert "Done: moved with 5 messages." in shown
    assert "Bringing mail to its new address: Offers" in shown
    # What brings mail to its address is not stopped half-way.
    stop = reverse("mailarchive_upkeep_stop", args=[follows.pk])
    assert stop not in shown
    assert boss.post(stop).status_code == 404
    work_on(follows.pk)
    shown = boss.get(response["Location"]).content.decode()
    assert "Bringing mail to its new address" not in shown
    assert reverse("wagtailadmin_explore", args=[page.pk]) in shown


def test_by_bulk_action_all_that_is_chosen_moves_together(
    boss: Client, folder: EmailFolderPage
) -> None:
    small, target = factories.folder(), factories.workspace()
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "move"])
    asked = f"{address}?id={folder.pk}&id={small.pk}&next=/admin/"
    response = boss.post(asked, {"chooser": target.pk})
    run = UpkeepRun.objects.get()
    assert response["Location"] == reverse("mailarchive_move", args=[run.pk])
    assert target.pk not in (parent_of(folder), parent_of(small))
    work_on(run.pk)
    assert {parent_of(folder), parent_of(small)} == {target.pk}


def test_nobody_has_moved_what_they_may_not(folder: EmailFolderPage) -> None:
    target = factories.workspace()
    stranger = user_with(target, "add", "change", "publish")
    assert move(browser_of(stranger), folder, target).status_code == 302
    assert not UpkeepRun.objects.exists()
    assert parent_of(folder) != target.pk


def test_not_to_a_page_that_takes_no_folders(boss: Client, folder: EmailFolderPage) -> None:
    target = factories.personal_page()
    move(boss, folder, target)
    assert not UpkeepRun.objects.exists()
    assert parent_of(folder) != target.pk


def test_a_hook_of_the_site_refuses_first(boss: Client, folder: EmailFolderPage) -> None:
    def refuse(*args: Any) -> HttpResponse:
        return HttpResponse("The site says no.")

    with hooks.register_temporarily("before_move_page", refuse, order=50):
        response = move(boss, folder, factories.workspace())
    assert response.content == b"The site says no."
    assert not UpkeepRun.objects.exists()


def test_one_move_at_a_time(boss: Client, folder: EmailFolderPage) -> None:
    target = factories.workspace()
    move(boss, folder, target)
    response = move(boss, Page.objects.get(pk=parent_of(folder)), target)
    assert UpkeepRun.objects.count() == 1
    shown = boss.get(response["Location"]).content.decode()
    assert "A worker is moving “Offers” with its mail." in shown


def test_the_worker_gets_it_and_who_asked_may_stop_it(folder: EmailFolderPage) -> None:
    user = user_with(factories.home(), "add", "change", "publish", "bulk_delete")
    client, target = browser_of(user), factories.workspace()
    move(client, folder, target)
    run = UpkeepRun.objects.get()
    stop = reverse("mailarchive_upkeep_stop", args=[run.pk])
    assert stop in client.get(reverse("mailarchive_move", args=[run.pk])).content.decode()
    response = client.post(stop)
    assert response["Location"] == reverse("mailarchive_move", args=[run.pk])
    run.refresh_from_db()
    assert run.status == UpkeepStatus.STOPPED
    work_on(run.pk)
    assert parent_of(folder) != target.pk


def who(name: str, folder: EmailFolderPage) -> User:
    if name == "editor of the page":
        return user_with(Page.objects.get(pk=parent_of(folder)), "change")
    return user_with(factories.workspace(), "change")


@pytest.mark.parametrize(("name", "may"), [("editor of the page", True), ("editor beside", False)])
def test_who_may_watch(boss: Client, folder: EmailFolderPage, name: str, may: bool) -> None:
    client = browser_of(who(name, folder))
    move(boss, folder, factories.workspace())
    run = UpkeepRun.objects.get()
    page = client.get(reverse("mailarchive_move", args=[run.pk]))
    numbers = client.get(f"{reverse('mailarchive_move_progress')}?run={run.pk}")
    expected = 200 if may else 403
    assert (page.status_code, numbers.status_code) == (expected, expected)
    assert ("Offers" in page.content.decode()) is may
    # Stopping is for who asked, and for administrators.
    assert client.post(reverse("mailarchive_upkeep_stop", args=[run.pk])).status_code == 403


def test_numbers_for_the_script(boss: Client, folder: EmailFolderPage) -> None:
    move(boss, folder, factories.workspace())
    run = UpkeepRun.objects.get()
    address = f"{reverse('mailarchive_move_progress')}?run={run.pk}&run=x&run=99999999999999999999"
    [told] = json.loads(boss.get(address).content)["runs"]
    assert (told["whole"], told["done"], told["is_stoppable"]) == (5, 0, True)


def test_a_move_that_failed_says_why(boss: Client, folder: EmailFolderPage) -> None:
    target = factories.workspace("Support")
    title = target.title
    move(boss, folder, target)
    run = UpkeepRun.objects.get()
    target.delete()
    work_on(run.pk)
    shown = boss.get(reverse("mailarchive_move", args=[run.pk])).content.decode()
    assert f"“Offers” was not moved into “{title}”: one of them is not there any more." in shown
