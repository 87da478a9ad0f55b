"""Attachments are read after the fetch, in as many tasks as it takes, whoever dies."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from tests import factories, settings
from tests.mime import documents
from tests.reading import mail
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.exceptions import StorageError
from wagtail_mailarchive.fetching import upkeep_requests, upkeep_work
from wagtail_mailarchive.fetching.upkeep import Verdict, work_on
from wagtail_mailarchive.fetching.upkeep_progress import progress
from wagtail_mailarchive.models import (
    AttachmentContent,
    ContentState,
    EmailFolderPage,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> EmailFolderPage:
    monkeypatch.setattr(upkeep_work, "_ATTACHMENTS", 2)
    folder = factories.folder()
    texts = [mail.attached(f"{n}.txt", b"Text %d" % n, "text/plain") for n in range(4)]
    factories.archive(folder, *texts, mail.attached("x.pdf", b"%PDF- broken"))
    return folder


def waiting() -> UpkeepRun | None:
    upkeep_requests.request_contents()
    return UpkeepRun.objects.filter(kind=UpkeepKind.CONTENTS, status=UpkeepStatus.QUEUED).first()


def test_a_run_goes_on_after_each_worker_that_dies_and_reads_all_once(
    folder: EmailFolderPage,
) -> None:
    run = waiting()
    assert run is not None
    deaths = 0
    while True:

        def die(run: UpkeepRun) -> None:
            raise SystemExit

        try:
            verdict = work_on(run.pk, after_batch=die)
        except SystemExit:
            deaths += 1
            continue
        break
    run.refresh_from_db()
    assert verdict is Verdict.FINISHED
    assert deaths == 3
    assert (run.status, run.done, run.total, run.problems) == (UpkeepStatus.DONE, 5, 5, 1)
    assert progress([run])[0]["sentence"] == "Done: 5 attachments read. 1 could not be read."
    read = AttachmentContent.objects.filter(state=ContentState.READ)
    assert sorted(read.values_list("text", flat=True)) == [f"Text {n}" for n in range(4)]


def test_attachments_are_read_by_themselves_once_there_are_any(folder: EmailFolderPage) -> None:
    first = waiting()
    assert first is not None
    assert waiting() == first
    work_on(first.pk)
    assert waiting() is None
    factories.archive(folder, mail.attached("new.txt", b"New", "text/plain"))
    second = waiting()
    assert second is not None
    # Of those that came by themselves only the last is kept.
    assert list(UpkeepRun.objects.filter(kind=UpkeepKind.CONTENTS)) == [second]


def test_a_site_may_have_none_of_it(folder: EmailFolderPage) -> None:
    off = {**settings.WAGTAIL_MAILARCHIVE, "READ_ATTACHMENTS": False}
    with override_settings(WAGTAIL_MAILARCHIVE=off):
        assert waiting() is None


def test_a_failing_store_is_not_asked_again_each_minute(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object) -> bytes:
        raise StorageError(store="s3")

    monkeypatch.setattr(originals, "read", failing)
    run = waiting()
    assert run is not None
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (UpkeepStatus.FAILED, "StorageError")
    assert waiting() is None
    long_ago = timezone.now() - timedelta(hours=2)
    UpkeepRun.objects.filter(pk=run.pk).update(finished_at=long_ago)
    assert waiting() is not None


def test_the_command_reads_what_waits_and_all_again(folder: EmailFolderPage) -> None:
    said = StringIO()
    call_command("mailarchive_attachments", stdout=said, stderr=StringIO())
    assert said.getvalue() == "5 attachments looked at.\ncould not be read: 1\n"
    AttachmentContent.objects.update(text="")
    call_command("mailarchive_attachments", "--all", stdout=StringIO(), stderr=StringIO())
    assert AttachmentContent.objects.filter(text="Text 0").exists()


def test_a_picture_of_a_pdf_that_cannot_be_drawn_leaves_its_text(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    AttachmentContent.objects.all().delete()
    empty = documents.pdf("Text").replace(b"/MediaBox [0 0 595 842]", b"/MediaBox [0 0 0 0]    ")
    factories.archive(folder, mail.attached("a.pdf", empty))
    run = waiting()
    assert run is not None
    work_on(run.pk)
    assert AttachmentContent.objects.get().state == ContentState.READ
