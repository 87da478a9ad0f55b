"""Much mail follows its folder by a worker; readers find it at the new address all the time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import Page
from wagtail.signals import post_page_move

from tests import factories
from tests.site.models import WorkspacePage
from wagtail_mailarchive.archive import tree
from wagtail_mailarchive.fetching import move_work, moving, upkeep_requests
from wagtail_mailarchive.fetching.moving import request_move
from wagtail_mailarchive.fetching.upkeep import Verdict, work_on
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_are_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(move_work, "_TOGETHER", 2)


@pytest.fixture
def folder() -> EmailFolderPage:
    """A folder of much mail."""
    folder = factories.folder()
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    return again(folder)


def again(folder: EmailFolderPage) -> EmailFolderPage:
    found: EmailFolderPage = EmailFolderPage.objects.get(pk=folder.pk)
    return found


def rename(page: Page, slug: str) -> None:
    page = page.specific_class.objects.get(pk=page.pk)
    page.slug = slug
    with TestCase.captureOnCommitCallbacks(execute=True):
        page.save()


def behind(folder: EmailFolderPage) -> int:
    messages = EmailMessagePage.objects.filter(folder=folder)
    url_path = again(folder).url_path
    return sum(each.url_path != f"{url_path}{each.slug}/" for each in messages)


def the_run(kind: UpkeepKind = UpkeepKind.READDRESS) -> UpkeepRun:
    return UpkeepRun.objects.get(kind=kind)


def test_a_new_slug_writes_no_message_and_mail_is_found_at_once(folder: EmailFolderPage) -> None:
    rename(folder.get_parent(), "renamed")
    folder = again(folder)
    assert "/renamed/" in folder.url_path
    assert behind(folder) == 5
    message = EmailMessagePage.objects.select_related("folder").filter(folder=folder)[0]
    address = f"{folder.get_url()}{message.slug}/"
    assert message.get_url() == address
    client = Client()
    assert address in client.get(folder.get_url(), {"view": "date"}).content.decode()
    page = client.get(address)
    assert page.status_code == 200
    assert f'href="{address}' in page.content.decode()
    assert work_on(the_run().pk) is Verdict.FINISHED
    assert behind(folder) == 0
    run = the_run()
    assert (run.status, run.done, run.total) == (UpkeepStatus.DONE, 5, 5)


def test_little_mail_beside_much_is_readdressed_at_once(folder: EmailFolderPage) -> None:
    parent = folder.get_parent()
    small = factories.folder(WorkspacePage.objects.get(pk=parent.pk))
    factories.archive(small, factories.raw(), factories.raw())
    rename(parent, "renamed")
    assert (behind(small), behind(folder)) == (0, 5)
    assert the_run().folder_id == folder.pk


def test_what_a_request_asks_does_not_grow_with_the_mail(folder: EmailFolderPage) -> None:
    def queries(slug: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            rename(folder, slug)
        return len(captured)

    queries("one")
    few = queries("two")
    factories.archive(folder, *(factories.raw() for _ in range(20)))
    assert queries("three") == few


def test_readdressing_goes_on_where_the_last_task_ended(folder: EmailFolderPage) -> None:
    rename(folder, "renamed")
    run = the_run()
    assert work_on(run.pk, seconds=0) is Verdict.CONTINUES
    assert behind(folder) == 3
    assert work_on(run.pk, seconds=0) is Verdict.CONTINUES
    assert behind(folder) == 1
    assert work_on(run.pk) is Verdict.FINISHED
    assert behind(folder) == 0


def test_a_folder_that_is_renamed_again_meanwhile_is_gone_through_again(
    folder: EmailFolderPage,
) -> None:
    rename(folder, "renamed")
    slugs = iter(["once-more", "and-again"])

    def rename_again(run: UpkeepRun) -> None:
        if slug := next(slugs, ""):
            rename(folder, slug)

    assert work_on(the_run().pk, after_batch=rename_again) is Verdict.FINISHED
    assert "/and-again/" in again(folder).url_path
    assert behind(folder) == 0


def test_a_run_that_has_ended_is_no_reason_to_leave_the_next_one_out(
    folder: EmailFolderPage,
) -> None:
    rename(folder, "renamed")
    work_on(the_run().pk)
    rename(folder, "once-more")
    latest = UpkeepRun.objects.latest("pk")
    assert latest.is_active
    work_on(latest.pk)
    assert behind(folder) == 0


def test_what_failed_is_asked_for_again_an_hour_later(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(folder, "renamed")
    with monkeypatch.context() as broken:
        broken.setattr(tree, "readdress", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            work_on(the_run().pk)
    upkeep_requests.dispatch()
    assert the_run().status == UpkeepStatus.FAILED
    UpkeepRun.objects.update(finished_at=timezone.now() - timedelta(hours=2))
    upkeep_requests.dispatch()
    assert the_run().status == UpkeepStatus.QUEUED
    work_on(the_run().pk)
    assert behind(folder) == 0


def test_a_slug_that_differs_in_capitals_only_is_another_address(folder: EmailFolderPage) -> None:
    rename(folder, "offers")
    work_on(the_run().pk)
    rename(folder, "Offers")
    assert tree.is_behind(Page.objects.get(pk=folder.pk))
    work_on(UpkeepRun.objects.latest("pk").pk)
    assert behind(folder) == 0


def test_pages_move_whole_and_in_order(folder: EmailFolderPage) -> None:
    boss = factories.superuser()
    other = factories.folder()
    target = factories.workspace()
    factories.archive(other, factories.raw())
    run = request_move([folder, other], target, user=boss)
    assert (run.total, behind(folder)) == (6, 0)
    assert work_on(run.pk) is Verdict.FINISHED
    target = Page.objects.get(pk=target.pk)
    assert [page.pk for page in target.get_children()] == [folder.pk, other.pk]
    assert (behind(folder), behind(other)) == (5, 0)
    work_on(the_run().pk)
    assert behind(folder) == 0
    assert not any(Page.find_problems())
    run.refresh_from_db()
    assert (run.status, run.done) == (UpkeepStatus.DONE, 6)


def test_a_move_that_is_interrupted_has_not_happened_and_is_made_later(
    folder: EmailFolderPage,
) -> None:
    target = factories.workspace()
    before = list(Page.objects.order_by("pk").values("path", "url_path", "numchild"))

    def die(**kwargs: Any) -> None:
        raise KeyboardInterrupt

    run = request_move([folder], target, user=factories.superuser())
    post_page_move.connect(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            work_on(run.pk)
    finally:
        post_page_move.disconnect(die)
    assert list(Page.objects.order_by("pk").values("path", "url_path", "numchild")) == before
    run.refresh_from_db()
    assert (run.status, run.position) == (UpkeepStatus.QUEUED, 0)
    assert work_on(run.pk) is Verdict.FINISHED
    assert again(folder).get_parent().pk == target.pk


def test_stopping_lets_the_pages_that_are_left_stay(folder: EmailFolderPage) -> None:
    other, target = factories.folder(), factories.workspace()
    run = request_move([folder, other], target, user=factories.superuser())

    def stop(run: UpkeepRun) -> None:
        UpkeepRun.objects.filter(pk=run.pk).update(stop_requested=True)

    def stop_and_see(run: UpkeepRun) -> None:
        stop(run)
        run.refresh_from_db()

    work_on(run.pk, after_batch=stop_and_see)
    run.refresh_from_db()
    assert run.status == UpkeepStatus.STOPPED
    assert again(folder).get_parent().pk == target.pk
    assert again(other).get_parent().pk != target.pk


def test_nobody_is_offered_to_stop_the_last_page(folder: EmailFolderPage) -> None:
    other, target = factories.folder(), factories.workspace()
    run = request_move([folder, other], target, user=factories.superuser())
    seen = [run.is_stoppable]

    def look(**kwargs: Any) -> None:
        seen.append(UpkeepRun.objects.get(pk=run.pk).is_stoppable)

    post_page_move.connect(look)
    try:
        work_on(run.pk)
    finally:
        post_page_move.disconnect(look)
    assert seen == [True, True, False]


@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [
        ("page deleted", "PageToMoveGone"),
        ("destination deleted", "PageToMoveGone"),
        ("slug taken", "SlugTakenThere"),
        ("permission lost", "MoveForbidden"),
        ("user deleted", "MoveForbidden"),
    ],
)
def test_what_has_changed_meanwhile_is_told_and_nothing_moves(
    folder: EmailFolderPage, meanwhile: str, code: str
) -> None:
    user, target = factories.superuser(), factories.workspace()
    moved: Page = folder
    if meanwhile == "page deleted":
        moved = factories.workspace()
    run = request_move([moved], target, user=user)
    if meanwhile == "page deleted":
        moved.delete()
    elif meanwhile == "destination deleted":
        target.delete()
    elif meanwhile == "slug taken":
        target.add_child(instance=WorkspacePage(title="Mail", slug=folder.slug))
    elif meanwhile == "permission lost":
        user.is_superuser = False
        user.save()
    else:
        user.delete()
    before = list(Page.objects.order_by("pk").values("path", "url_path"))
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (UpkeepStatus.FAILED, code)
    assert "%(" not in run.error
    assert list(Page.objects.order_by("pk").values("path", "url_path")) == before
