"""The trash on screen: who may, what is said first, one, many and all, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.admin.conftest import browser_of, manager_of, user_with
from wagtail_mailarchive.archive import erasing, folder_trash, trash
from wagtail_mailarchive.exceptions import ParserFailed, StorageError
from wagtail_mailarchive.fetching import trash_requests, upkeep_requests
from wagtail_mailarchive.fetching.upkeep import Verdict, work_on
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Original,
    Thread,
    Tombstone,
    TrashedFolder,
    TrashEntry,
    UpkeepKind,
    UpkeepRun,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Offers")


def trasher_of(folder: EmailFolderPage) -> User:
    """A user who may publish the folder and move its mail to the trash, and no more."""
    user = user_with(folder, "change", "publish")
    user.groups.get().permissions.add(Permission.objects.get(codename="trash_mail"))
    return User.objects.get(pk=user.pk)


def work() -> None:
    for run in UpkeepRun.objects.filter(status="queued"):
        assert work_on(run.pk) is Verdict.FINISHED
        run.refresh_from_db()
        assert run.status == "done", run.error


def said(response: Any) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


def at(name: str, key: int) -> str:
    return reverse(f"mailarchive_{name}", args=[key])


def test_a_message_or_its_thread_is_moved_and_restored(folder: EmailFolderPage) -> None:
    first, answer, other = factories.archive(
        folder,
        factories.raw("Plan", Message_ID="<plan@example.org>"),
        factories.raw("Re: Plan", In_Reply_To="<plan@example.org>"),
        factories.raw("Other"),
    )
    user = trasher_of(folder)
    browser = browser_of(user)
    address = at("trash_message", first.pk)
    assert "2 messages" in browser.get(address).content.decode()
    browser.post(address, {"reason": "Not ours", "whole_thread": "1"})
    browser.post(at("trash_message", other.pk), {"reason": ""})

    shown = browser.get(at("trash", folder.pk)).content.decode()
    assert "Not ours" in shown
    assert user.username in shown
    assert "only here" in shown
    assert Client().get(first.url).status_code == 404
    assert TrashEntry.objects.count() == 3

    browser.post(at("trash_restore", folder.pk), {"message": [first.pk, answer.pk]})
    assert [each.message for each in TrashEntry.objects.all()] == [other]
    assert Client().get(first.url).status_code == 200
    browser.post(at("trash_restore", folder.pk), {"all": "1"})
    work()
    assert not TrashEntry.objects.exists()


def test_all_mail_goes_to_the_trash_and_new_mail_stays(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    browser = browser_of(trasher_of(folder))
    assert "3 of them" in browser.get(at("trash_all", folder.pk)).content.decode()
    browser.post(at("trash_all", folder.pk), {"reason": "Tidying"})
    [new] = factories.archive(folder, factories.raw("New"))
    work()
    assert list(EmailMessagePage.objects.filter(trashed=False)) == [new]
    assert set(TrashEntry.objects.values_list("reason", flat=True)) == {"Tidying"}


def test_managers_erase_with_a_reason_and_download_the_report(folder: EmailFolderPage) -> None:
    gone, stays = factories.archive(folder, factories.raw(), factories.raw())
    trash.put(folder.pk, [gone.pk, stays.pk], user_id=None, reason="")
    manager = manager_of(folder)
    browser = browser_of(manager)
    address = at("trash_erase", folder.pk)
    for lacking in ({"reason": "Asked"}, {"sure": "1"}, {}):
        browser.post(address, {"message": gone.pk, **lacking})
        assert not UpkeepRun.objects.exists()
    browser.post(address, {"message": gone.pk, "reason": "Asked for", "sure": "1"})
    assert trash.restore(folder.pk, [gone.pk]) == 0
    assert "being erased already" in said(
        browser.post(address, {"all": "1", "reason": "Other", "sure": "1"})
    )
    work()

    assert list(EmailMessagePage.objects.all()) == [stays]
    assert "Asked for" in browser.get(at("erased", folder.pk)).content.decode()
    answer: Any = browser.get(at("erased_report", folder.pk))
    report = b"".join(answer.streaming_content)
    [line] = map(json.loads, report.decode().splitlines())
    assert (line["reason"], line["user"]) == ("Asked for", manager.username)
    assert line["sha256"] == Tombstone.objects.get().sha256


def test_a_stopped_run_leaves_the_rest_in_the_trash(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw())
    trash.put(folder.pk, [message.pk], user_id=None, reason="")
    run = trash_requests.erase(folder, user=None, reason="Asked for")
    upkeep_requests.stop(run)
    told = browser_of(manager_of(folder)).get(at("trash", folder.pk)).content.decode()
    assert "Stopped: 0 messages erased. 1 message stays." in told
    assert trash.restore(folder.pk, [message.pk]) == 1


def test_who_had_mail_moved_can_stop_that_and_is_led_back(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw())
    browser = browser_of(trasher_of(folder))
    browser.post(at("trash_all", folder.pk), {"reason": "Tidying"})
    run = UpkeepRun.objects.get()
    assert at("upkeep_stop", run.pk) in browser.get(at("trash", folder.pk)).content.decode()
    answer = browser.post(at("upkeep_stop", run.pk))
    assert answer.headers["Location"] == at("trash", folder.pk)
    run.refresh_from_db()
    assert run.status == "stopped"
    assert "Stopped after 0." in browser.get(at("trash", folder.pk)).content.decode()
    # Erasing is for others, and so is stopping it.
    erasing_run = UpkeepRun.objects.create(kind=UpkeepKind.ERASE, folder=folder)
    address = at("upkeep_stop", erasing_run.pk)
    assert browser.post(address).status_code == 403
    shown = browser.get(at("trash", folder.pk)).content.decode()
    assert "Erasing mail: Offers" in shown
    assert address not in shown
    assert address in browser_of(manager_of(folder)).get(at("trash", folder.pk)).content.decode()


def killed(run: UpkeepRun) -> None:
    """The worker is no more, and the run was its until just now."""
    raise SystemExit


@pytest.mark.parametrize("how", ["stopped", "stopped after its worker died", "failed"])
def test_erasing_that_ends_half_way_says_what_stays_and_how_to_go_on(
    how: str, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "TOGETHER", 2)
    keys = [each.pk for each in factories.archive(folder, *(factories.raw() for _ in range(6)))]
    trash.put(folder.pk, keys, user_id=None, reason="")
    browser = browser_of(manager_of(folder))
    data = {"message": keys[:5], "reason": "Asked for", "sure": "1"}
    browser.post(at("trash_erase", folder.pk), data)
    run = UpkeepRun.objects.get()
    if how == "failed":
        erase, calls = erasing.erase, iter([True, False])

        def fail_later(*args: Any, **kwargs: Any) -> int:
            if next(calls):
                return erase(*args, **kwargs)
            raise StorageError(store="mail")

        with monkeypatch.context() as patched:
            patched.setattr(erasing, "erase", fail_later)
            work_on(run.pk)
    elif how == "stopped":
        work_on(run.pk, after_batch=upkeep_requests.stop)
    else:
        with pytest.raises(SystemExit):
            work_on(run.pk, after_batch=killed)
        long_ago = timezone.now() - timedelta(minutes=11)
        UpkeepRun.objects.update(status="running", worked_at=long_ago)
        upkeep_requests.stop(run)
        work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.total) == (how.split()[0], 2, 5)
    shown = browser.get(at("trash", folder.pk)).content.decode()
    assert f"{run.error} Stopped: 2 messages erased. 3 messages stay.".strip() in shown
    # Which is what the page lets them do, or have it back.
    assert "being erased" not in shown
    assert trash.restore(folder.pk, keys[2:3]) == 1
    browser.post(at("trash_erase", folder.pk), {**data, "message": keys[3:5]})
    work()
    assert set(EmailMessagePage.objects.values_list("pk", flat=True)) == {keys[2], keys[5]}
    assert "Stopped" not in browser.get(at("trash", folder.pk)).content.decode()


def test_only_those_who_may(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw())
    trash.put(folder.pk, [message.pk], user_id=None, reason="")
    asks = ["trash", "trash_all", "trash_folder", "erased", "erased_report"]
    posts = ["trash_restore", "trash_erase", "restore_folder"]
    nobody = browser_of(user_with(folder, "change", "publish"))
    other = browser_of(trasher_of(factories.folder()))
    for browser in (nobody, other):
        assert {browser.get(at(each, folder.pk)).status_code for each in asks} == {403}
        assert {browser.post(at(each, folder.pk)).status_code for each in posts} == {403}
    trasher = browser_of(trasher_of(folder))
    for name in ("erased", "erased_report"):
        assert trasher.get(at(name, folder.pk)).status_code == 403
    data = {"all": "1", "reason": "No", "sure": "1"}
    assert trasher.post(at("trash_erase", folder.pk), data).status_code == 403
    assert not UpkeepRun.objects.exists()
    # What is in the trash cannot be moved there again.
    assert trasher.get(at("trash_message", message.pk)).status_code == 404


def test_a_folder_is_hidden_in_place_and_restored_as_it_was(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw())
    browser = browser_of(trasher_of(folder))
    assert "1 of them" in browser.get(at("trash_folder", folder.pk)).content.decode()
    browser.post(at("trash_folder", folder.pk), {"reason": "Project is over"})
    for page in (folder, message):
        assert Client().get(page.url).status_code == 404
    assert TrashedFolder.objects.get().reason == "Project is over"
    assert not TrashEntry.objects.exists()
    browser.post(at("restore_folder", folder.pk))
    for page in (folder, message):
        assert Client().get(page.url).status_code == 200


def test_publishing_takes_a_folder_out_of_the_trash(folder: EmailFolderPage) -> None:
    folder_trash.put(folder, user_id=None, reason="")
    folder.refresh_from_db()
    folder.save_revision().publish()
    assert not TrashedFolder.objects.exists()


def test_time_empties_only_what_exists_elsewhere(folder: EmailFolderPage, settings: Any) -> None:
    raw = factories.raw("Twice")
    alone, twice = factories.archive(folder, factories.raw("Alone"), raw)
    factories.archive(factories.folder(), raw)
    trash.put(folder.pk, [alone.pk, twice.pk], user_id=None, reason="")
    trash_requests.request_emptying()
    assert not UpkeepRun.objects.exists()
    TrashEntry.objects.update(trashed_at=timezone.now() - timedelta(days=31))
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "TRASH_DAYS": 0}
    trash_requests.request_emptying()
    assert not UpkeepRun.objects.exists()
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "TRASH_DAYS": 30}
    trash_requests.request_emptying()
    assert [run.kind for run in UpkeepRun.objects.all()] == [UpkeepKind.EMPTY]
    work()
    assert list(EmailMessagePage.objects.filter(folder=folder)) == [alone]
    stone = Tombstone.objects.get()
    assert (stone.user, stone.bytes_kept) == (None, True)


def test_work_dying_at_any_batch_is_taken_up_by_the_next_worker(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "TOGETHER", 2)
    monkeypatch.setattr(erasing, "TOGETHER", 2)
    factories.archive(folder, *(factories.raw() for _ in range(5)))

    def die(run: UpkeepRun) -> None:
        raise SystemExit

    requests: list[Callable[[], UpkeepRun]] = [
        lambda: trash_requests.trash_all(folder, user=None, reason="Tidying"),
        lambda: trash_requests.erase(folder, user=None, reason="Asked for"),
    ]
    for request in requests:
        run, deaths = request(), 0
        while True:
            try:
                assert work_on(run.pk, after_batch=die) is Verdict.FINISHED
            except SystemExit:
                deaths += 1
                continue
            break
        run.refresh_from_db()
        assert (deaths, run.status, run.done) == (3, "done", 5)
    assert not EmailMessagePage.objects.exists()
    assert Tombstone.objects.count() == 5


def test_what_a_worker_did_before_it_died_is_counted(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "TOGETHER", 2)
    monkeypatch.setattr(erasing, "TOGETHER", 2)
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    works: list[tuple[Any, str, Callable[[], UpkeepRun]]] = [
        (trash, "put", lambda: trash_requests.trash_all(folder, user=None, reason="Tidying")),
        (trash, "restore", lambda: trash_requests.restore_all(folder, user=None)),
        (trash, "put", lambda: trash_requests.trash_all(folder, user=None, reason="Tidying")),
        (erasing, "erase", lambda: trash_requests.erase(folder, user=None, reason="Asked for")),
    ]
    for room, name, request in works:
        run, real = request(), getattr(room, name)

        def then_die(*args: Any, real: Any = real, **kwargs: Any) -> None:
            real(*args, **kwargs)
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(room, name, then_die)
            with pytest.raises(SystemExit):
                work_on(run.pk)
        UpkeepRun.objects.update(status="queued")
        assert work_on(run.pk) is Verdict.FINISHED
        run.refresh_from_db()
        assert (run.status, run.done) == ("done", 5), name
        run.delete()


def test_a_folder_in_the_trash_is_erased_whole_and_can_then_be_deleted(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the worker, who may die at any batch; its sentences lead there step by step."""
    monkeypatch.setattr(erasing, "TOGETHER", 2)
    raw = factories.raw("Twice")
    factories.archive(folder, raw, *(factories.raw() for _ in range(4)))
    factories.archive(factories.folder(), raw)
    quarantined = factories.raw("Unread")
    factories.archive(folder, quarantined, parsed=[ParserFailed()])
    in_trash = EmailMessagePage.objects.filter(folder=folder)[0]
    trash.put(folder.pk, [in_trash.pk], user_id=None, reason="")
    manager = manager_of(folder)
    browser = browser_of(manager)
    data = {"folder": "1", "reason": "Project is over", "sure": "1"}
    # Only from the trash.
    browser.post(at("trash_erase", folder.pk), data)
    assert not UpkeepRun.objects.exists()
    folder_trash.put(folder, user_id=None, reason="")
    shown = browser.get(at("trash", folder.pk)).content.decode()
    assert "It holds 5 messages." in shown
    assert "4 of them no longer exist on any server" in shown
    browser.post(at("trash_erase", folder.pk), data)

    run, deaths = UpkeepRun.objects.get(), 0

    def die(run: UpkeepRun) -> None:
        raise SystemExit

    while True:
        try:
            assert work_on(run.pk, after_batch=die) is Verdict.FINISHED
        except SystemExit:
            deaths += 1
            continue
        break
    run.refresh_from_db()
    # Three portions of messages, three of the ledger.
    assert (run.status, run.done, run.total, deaths) == ("done", 5, 5, 6)
    assert not EmailMessagePage.objects.filter(folder=folder).exists()
    assert not LedgerEntry.objects.filter(mailbox__folder=folder).exists()
    assert not Thread.objects.filter(folder=folder).exists()
    # What another folder holds stays, and here a line for each, quarantine included.
    assert Original.objects.count() == 1
    stones = Tombstone.objects.filter(folder=folder)
    assert set(stones.values_list("reason", "user")) == {("Project is over", manager.pk)}
    assert stones.count() == 6
    assert stones.filter(bytes_kept=True).count() == 1
    assert not TrashedFolder.objects.get().to_erase
    assert factories.archive(folder, raw, quarantined) == []
    LedgerEntry.objects.filter(mailbox__folder=folder).delete()

    assert "Delete the empty folder" in browser.get(at("trash", folder.pk)).content.decode()
    with CaptureQueriesContext(connection) as queries:
        browser.post(reverse("wagtailadmin_pages:delete", args=[folder.pk]))
    assert not EmailFolderPage.objects.filter(pk=folder.pk).exists()
    # Its long lists are not deleted row by row.
    assert sum("tombstone" in query["sql"] for query in queries) <= 3


def test_erasing_a_folder_stops_where_it_is_stopped_or_restored(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "TOGETHER", 2)
    factories.archive(folder, *(factories.raw() for _ in range(7)))
    folder_trash.put(folder, user_id=None, reason="")
    stopped = trash_requests.erase_folder(folder, user=None, reason="Asked for")
    assert stopped is not None
    work_on(stopped.pk, after_batch=upkeep_requests.stop)
    stopped.refresh_from_db()
    assert (stopped.status, stopped.done) == ("stopped", 2)
    run = trash_requests.erase_folder(folder, user=None, reason="Asked for")
    assert run is not None
    work_on(run.pk, after_batch=lambda run: folder_trash.restore(folder))
    run.refresh_from_db()
    assert (run.status, run.done) == ("stopped", 2)
    # What is left is readable again.
    [message, *_] = EmailMessagePage.objects.filter(folder=folder, live=True)
    assert EmailMessagePage.objects.filter(folder=folder, live=True).count() == 3
    assert Client().get(message.url).status_code == 200
    assert trash_requests.erase_folder(folder, user=None, reason="No") is None
