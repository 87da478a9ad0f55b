"""“Mail integrity” in the admin: who sees it, what it begins, and the alarm on the dashboard."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from wagtail_mailarchive.admin import integrity
from wagtail_mailarchive.archive import chain
from wagtail_mailarchive.archive.dkim_keys import Remembering
from wagtail_mailarchive.exceptions import OriginalDamaged, ParserFailed
from wagtail_mailarchive.fetching import upkeep_requests, upkeep_work
from wagtail_mailarchive.fetching.upkeep import work_on
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    IntegrityProblem,
    Original,
    OriginalChunk,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
    WorkerHeartbeat,
)

from ..archive.test_writer import incoming, writer_for
from ..reading import mail
from .conftest import browser_of, manager_of, user_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(title="Office")


@pytest.fixture
def manager(folder: EmailFolderPage) -> User:
    return manager_of(folder)


def page(folder: EmailFolderPage | None = None) -> str:
    if folder is None:
        return reverse("mailarchive_integrity")
    return reverse("mailarchive_integrity_folder", args=[folder.pk])


def start(folder: EmailFolderPage | None = None) -> str:
    if folder is None:
        return reverse("mailarchive_upkeep_start")
    return reverse("mailarchive_upkeep_start_folder", args=[folder.pk])


def problem(folder: EmailFolderPage | None, sha256: str) -> IntegrityProblem:
    return IntegrityProblem.objects.create(
        folder=folder,
        subject=f"original {sha256}",
        code="OriginalDamaged",
        params=OriginalDamaged(sha256=sha256, store="").params,
    )


# -- who ------------------------------------------------------------------------------------


def test_only_who_manages_a_folder_may_see_and_begin_anything(folder: EmailFolderPage) -> None:
    other = factories.folder()
    run = UpkeepRun.objects.create(kind=UpkeepKind.VERIFY, folder=folder)
    everything = UpkeepRun.objects.create(kind=UpkeepKind.VERIFY)
    nobody = browser_of(user_with(folder, "add", "change", "publish"))
    foreign = browser_of(manager_of(other))
    names = ("progress", "heads")
    asked = [page(folder), *(f"{page(folder)}{name}/" for name in names)]
    posted = [start(folder), reverse("mailarchive_upkeep_stop", args=[run.pk])]
    for client in (nobody, foreign):
        assert [client.get(each).status_code for each in asked] == [403] * 3
        assert [client.post(each, {"kind": "verify"}).status_code for each in posted] == [403] * 2
    # The whole site is an administrator's.
    mine = browser_of(manager_of(folder))
    assert mine.post(start(), {"kind": "verify"}).status_code == 403
    stop = reverse("mailarchive_upkeep_stop", args=[everything.pk])
    assert mine.post(stop).status_code == 403
    assert UpkeepRun.objects.filter(stop_requested=True).count() == 0
    assert UpkeepRun.objects.count() == 2
    assert nobody.get(page()).status_code == 403
    assert foreign.get(page()).status_code == 200
    assert Client().get(page(folder)).status_code == 302


def test_a_manager_is_told_of_their_own_folders_only(
    folder: EmailFolderPage, manager: User, boss: Client
) -> None:
    other = factories.folder(title="Secret plans")
    for each, sha256 in ((folder, "a" * 64), (other, "b" * 64), (None, "c" * 64)):
        problem(each, sha256)
    UpkeepRun.objects.create(kind=UpkeepKind.VERIFY, folder=other, status=UpkeepStatus.DONE)
    for client, hashes in ((browser_of(manager), "a"), (boss, "abc")):
        for address in (page(), reverse("wagtailadmin_home")):
            shown = client.get(address).content.decode()
            assert [letter for letter in "abc" if letter * 64 in shown] == list(hashes)
            assert ("Secret plans" in shown) == (client is boss)


def test_whoever_manages_a_folder_is_told_of_all_that_it_holds(
    folder: EmailFolderPage, manager: User
) -> None:
    """Of what another folder holds as well, too, but not which; and of what is in quarantine."""
    other = factories.folder(title="Secret plans")
    raw = factories.raw()
    factories.archive(other, raw)
    factories.archive(folder, raw)
    writer_for(folder).write([incoming(b"unreadable", ParserFailed())])
    OriginalChunk.objects.update(data=b"changed", deflated=False)
    run = UpkeepRun.objects.create(kind=UpkeepKind.VERIFY)
    work_on(run.pk)
    client = browser_of(manager)
    for address in (page(), page(folder), reverse("wagtailadmin_home")):
        shown = client.get(address).content.decode()
        for sha256 in Original.objects.values_list("sha256", flat=True):
            assert f"The stored original {sha256} is not" in shown
        assert "Secret plans" not in shown


def test_heads_are_exported_for_the_folders_of_who_asks(
    folder: EmailFolderPage, manager: User, boss: Client
) -> None:
    other = factories.folder()
    for each in (folder, other):
        factories.archive(each, factories.raw())
    heads = {head.folder_id: head.as_dict() for head in chain.heads()}
    mine = browser_of(manager)
    whole, own = reverse("mailarchive_chain_heads"), f"{page(folder)}heads/"
    for client, address, folders in (
        (mine, whole, [folder]),
        (mine, own, [folder]),
        (boss, whole, [folder, other]),
    ):
        response = client.get(address)
        assert response["Content-Disposition"].startswith('attachment; filename="chain-heads-')
        told = [json.loads(line) for line in response.content.decode().splitlines()]
        assert told == [heads[each.pk] for each in folders]


# -- what -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["verify", "reprocess", "retry"])
def test_a_button_begins_one_run_and_a_second_click_no_other(
    folder: EmailFolderPage, manager: User, kind: str
) -> None:
    client = browser_of(manager)
    for _ in range(2):
        response = client.post(start(folder), {"kind": kind, "complete": "1"})
        assert response["Location"] == page(folder)
    [run] = UpkeepRun.objects.all()
    assert (run.kind, run.folder, run.requested_by) == (kind, folder, manager)
    assert run.is_complete


def test_reading_all_again_is_not_taken_for_reading_some_again(
    folder: EmailFolderPage, manager: User
) -> None:
    client = browser_of(manager)
    client.post(start(folder), {"kind": "reprocess"})
    response = client.post(start(folder), {"kind": "reprocess", "complete": "1"}, follow=True)
    assert "This is under way for some of it already." in response.content.decode()
    assert not UpkeepRun.objects.get().is_complete


@pytest.mark.parametrize("kind", ["", "sample", "delete"])
def test_what_is_none_of_the_buttons_is_refused(
    folder: EmailFolderPage, manager: User, kind: str
) -> None:
    assert browser_of(manager).post(start(folder), {"kind": kind}).status_code == 404
    assert browser_of(manager).get(start(folder)).status_code == 405
    assert not UpkeepRun.objects.exists()


def test_the_page_tells_how_far_it_is_and_the_script_gets_the_same(
    folder: EmailFolderPage, manager: User
) -> None:
    WorkerHeartbeat.beat()
    run = UpkeepRun.objects.create(
        kind=UpkeepKind.VERIFY, folder=folder, status=UpkeepStatus.RUNNING, total=1500, done=750
    )
    UpkeepRun.objects.filter(pk=run.pk).update(started_at=run.queued_at)
    client = browser_of(manager)
    shown = client.get(page(folder)).content.decode()
    assert "750 of 1,500 done." in shown
    assert '<progress max="1500" value="750"' in shown
    address = f"{page(folder)}progress/?run={run.pk}"
    assert address in shown
    told: dict[str, Any] = client.get(address).json()
    assert (told["is_active"], told["percent"], told["lacks_worker"]) == (True, 50, False)
    assert told["runs"][0]["sentence"] == "750 of 1,500 done."
    client.post(reverse("mailarchive_upkeep_stop", args=[run.pk]))
    assert client.get(address).json()["runs"][0]["is_stopping"]
    assert client.get(f"{page(folder)}progress/?run=x&run={run.pk + 1}").json()["runs"] == []


def test_long_work_is_shown_however_much_was_done_since(
    folder: EmailFolderPage, manager: User
) -> None:
    run = UpkeepRun.objects.create(kind=UpkeepKind.VERIFY, folder=folder)
    for _ in range(12):
        UpkeepRun.objects.create(kind=UpkeepKind.RETRY, folder=folder, status=UpkeepStatus.DONE)
    shown = browser_of(manager).get(page(folder)).content.decode()
    assert reverse("mailarchive_upkeep_stop", args=[run.pk]) in shown
    assert f"{page(folder)}progress/?run={run.pk}" in shown


def test_a_list_of_folders_that_is_cut_says_so(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        factories.folder(title=f"Folder {number}")
    monkeypatch.setattr(integrity, "FOLDERS_SHOWN", 3)
    shown = boss.get(page()).content.decode()
    assert "Folder 2" in shown
    assert "Folder 3" not in shown
    assert "And 2 more:" in shown


def test_what_was_done_stands_with_its_result(folder: EmailFolderPage, manager: User) -> None:
    factories.archive(folder, factories.raw(), factories.raw())
    writer_for(folder).write([incoming(factories.raw(), ParserFailed())])
    client = browser_of(manager)
    assert "Read 1 message in quarantine again" in client.get(page(folder)).content.decode()
    OriginalChunk.objects.filter(pk=OriginalChunk.objects.order_by("pk")[0].pk).update(
        data=b"changed", deflated=False
    )
    EmailMessagePage.objects.update(parsed_by=0)
    for kind in ("verify", "reprocess", "retry"):
        client.post(start(folder), {"kind": kind})
        work_on(UpkeepRun.objects.latest("pk").pk)
    shown = client.get(page(folder)).content.decode()
    assert "Done: 9 checked, 1 is not as it was archived." in shown
    assert "2 messages read again. 1 could not be read and stays as it was." in shown
    assert "Done: 1 message read again." in shown
    assert "1 problem stands until a check finds it well again." in shown
    assert "1 message was read by an older version." in shown


def test_the_page_costs_as_many_queries_with_twenty_folders_as_with_two(boss: Client) -> None:
    counts: list[int] = []
    for _ in range(2):
        for number in range(len(counts) * 18 + 2):
            folder = factories.folder()
            problem(folder, f"{folder.pk:064}")
            UpkeepRun.objects.create(
                kind=UpkeepKind.VERIFY, folder=folder, status=UpkeepStatus.DONE, total=number
            )
        boss.get(page())
        with CaptureQueriesContext(connection) as queries:
            boss.get(page())
        counts.append(len(queries))
    assert counts[1] <= counts[0]


# -- the alarm ------------------------------------------------------------------------------


def test_the_dashboard_is_silent_while_all_is_well(
    folder: EmailFolderPage, manager: User, boss: Client
) -> None:
    for client in (browser_of(manager), boss):
        shown = client.get(reverse("wagtailadmin_home")).content.decode()
        assert "Mail integrity: problems" not in shown


def test_the_dashboard_tells_administrators_of_a_check_that_could_not_be_done(
    folder: EmailFolderPage, manager: User, boss: Client
) -> None:
    IntegrityProblem.objects.create(
        subject="check sample", code="StorageError", params={"store": "mail"}
    )
    told = "A check could not be done. The store of originals (mail) failed."
    shown = boss.get(reverse("wagtailadmin_home")).content.decode()
    assert told in shown
    assert "Mail integrity: problems" in shown
    assert told not in browser_of(manager).get(reverse("wagtailadmin_home")).content.decode()


def test_a_folder_leads_to_its_page_and_reports_to_the_one_of_all(
    folder: EmailFolderPage, manager: User
) -> None:
    client = browser_of(manager)
    explorer = client.get(reverse("wagtailadmin_explore", args=[folder.pk])).content.decode()
    assert page(folder) in explorer
    assert page() in client.get(reverse("wagtailadmin_home")).content.decode()
    reader = browser_of(user_with(folder, "change"))
    explorer = reader.get(reverse("wagtailadmin_explore", args=[folder.pk])).content.decode()
    assert page(folder) not in explorer


def test_attachments_are_counted_and_read_from_the_page_of_the_whole_site(
    folder: EmailFolderPage, manager: User
) -> None:
    factories.archive(folder, mail.attached("a.pdf", b"%PDF- broken"))
    factories.archive(folder, mail.attached("b.txt", b"Good", "text/plain"))
    admin = browser_of(factories.superuser())
    assert "2 wait to be read." in admin.get(page()).content.decode()
    admin.post(start(), {"kind": "contents"})
    work_on(UpkeepRun.objects.get(kind=UpkeepKind.CONTENTS).pk)
    shown = admin.get(page()).content.decode()
    assert "1 file was read." in shown
    assert "could not be read: 1" in shown
    assert "Done: 2 attachments read. 1 could not be read." in shown
    # They are shared by folders, so a folder's manager neither counts nor reads them.
    assert "file was read" not in browser_of(manager).get(page(folder)).content.decode()
    assert browser_of(manager).post(start(folder), {"kind": "contents"}).status_code == 404
    assert browser_of(manager).post(start(), {"kind": "contents"}).status_code == 403
    assert UpkeepRun.objects.filter(kind=UpkeepKind.CONTENTS).count() == 1


def test_signatures_are_checked_from_the_page_of_the_whole_site_where_look_ups_are_allowed(
    folder: EmailFolderPage, manager: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_work, "Remembering", lambda: Remembering(lambda name: None))
    header = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from; bh=YQ==; b=YQ=="
    factories.archive(folder, factories.raw(), factories.raw(DKIM_Signature=header))
    admin = browser_of(factories.superuser())
    asked = {"kind": "dkim", "complete": "1"}
    assert "DKIM" not in admin.get(page()).content.decode()
    assert admin.post(start(), asked).status_code == 404
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "DKIM_LOOKUPS": True}
    assert "No signature was looked at yet." in admin.get(page()).content.decode()
    admin.post(start(), asked)
    run = UpkeepRun.objects.get(kind=UpkeepKind.DKIM)
    assert "Queued; begins in a moment." in admin.get(page()).content.decode()
    work_on(run.pk)
    shown = admin.get(page()).content.decode()
    assert "1 signature was looked at:" in shown
    assert "cannot be checked, because its key is not published: 1" in shown
    assert "Done: 2 messages looked at." in shown
    # Signatures are those of originals, which folders share.
    assert "DKIM" not in browser_of(manager).get(page(folder)).content.decode()
    assert browser_of(manager).post(start(folder), asked).status_code == 404
    assert browser_of(manager).post(start(), asked).status_code == 403
    # What somebody asked for stays on the page when new mail is looked at by itself.
    factories.archive(folder, factories.raw())
    upkeep_requests.request_dkim()
    assert UpkeepRun.objects.filter(pk=run.pk).exists()


def test_a_check_of_all_signatures_is_not_taken_for_one_of_new_mail(
    folder: EmailFolderPage, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "DKIM_LOOKUPS": True}
    factories.archive(folder, factories.raw())
    upkeep_requests.request_dkim()
    admin = browser_of(factories.superuser())
    response = admin.post(start(), {"kind": "dkim", "complete": "1"}, follow=True)
    assert "This is under way for some of it already." in response.content.decode()
    assert UpkeepRun.objects.filter(kind=UpkeepKind.DKIM).count() == 1
