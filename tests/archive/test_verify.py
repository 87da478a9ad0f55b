"""Whether a check finds what somebody did to the archive, and forgets what is well again."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests import factories
from wagtail_mailarchive.archive import chain, originals, problems, sampling, verify
from wagtail_mailarchive.archive.again import retry_entries
from wagtail_mailarchive.archive.bulk_deletion import delete_messages
from wagtail_mailarchive.archive.problems import Found
from wagtail_mailarchive.archive.verify import Step
from wagtail_mailarchive.exceptions import ParserFailed, StorageError
from wagtail_mailarchive.models import (
    Attachment,
    ChainEntry,
    EmailFolderPage,
    EmailMessagePage,
    IntegrityProblem,
    LedgerEntry,
    Mailbox,
    MessageText,
    Original,
    OriginalChunk,
)

from .test_writer import incoming, writer_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def check(folder_id: int | None = None) -> tuple[list[Found], int]:
    """Check everything; return what was found, and how many things were looked at."""
    found, number = [], 0
    for step in Step:
        after = 0
        while batch := verify.next_batch(step, folder_id, after):
            after = batch.last
            number += batch.number
            found += batch.found
    return found, number


def codes(found: list[Found]) -> set[tuple[str, str]]:
    return {(each.subject.split()[0], each.error.code) for each in found}


def test_all_is_well_after_archiving_and_what_is_looked_at_is_known_before(
    folder: EmailFolderPage,
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    writer_for(folder).write([incoming(b"unreadable", ParserFailed())])
    factories.archive(factories.folder(), factories.raw())
    for scope in (None, folder.pk):
        found, number = check(scope)
        assert found == []
        assert number == verify.total(scope)


@pytest.mark.parametrize("scope", ["all", "folder"])
@pytest.mark.parametrize("what", ["other bytes", "cut short", "all chunks gone", "hash changed"])
def test_a_changed_original_is_found(folder: EmailFolderPage, what: str, scope: str) -> None:
    (page, _) = factories.archive(folder, factories.raw("a"), factories.raw("b"))
    chunks = OriginalChunk.objects.filter(original=page.original)
    if what == "other bytes":
        chunks.update(data=bytes(page.size), deflated=False)
    elif what == "cut short":
        chunks.update(data=b"x", deflated=False)
    elif what == "all chunks gone":
        chunks.delete()
    else:
        Original.objects.filter(pk=page.original_id).update(sha256="e" * 64)
    found, _ = check(folder.pk if scope == "folder" else None)
    expected = "OriginalMissing" if what == "all chunks gone" else "OriginalDamaged"
    assert ("original", expected) in codes(found)
    [original] = [each for each in found if each.error.code == expected]
    assert original.folder_id == folder.pk


def test_a_quarantined_original_is_read_back_too(folder: EmailFolderPage) -> None:
    writer_for(folder).write([incoming(b"unreadable", ParserFailed())])
    OriginalChunk.objects.update(data=b"changed", deflated=False)
    for scope in (None, folder.pk):
        assert codes(check(scope)[0]) == {("original", "OriginalDamaged")}


CHANGES: dict[str, dict[str, Any]] = {
    "the original's hash": {"sha256": "e" * 64},
    "the mailbox": {"mailbox": "Elsewhere"},
    "the time": {"archived_at": datetime(2020, 1, 1, tzinfo=UTC)},
    "the digest": {"digest": "e" * 64},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_entry_of_the_chain_is_found(folder: EmailFolderPage, what: str) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    ChainEntry.objects.filter(number=3).update(**CHANGES[what])
    found, _ = check()
    numbers = {each.subject for each in found if each.error.code == "ChainBroken"}
    # A digest is part of the next one, which then does not follow either.
    expected = {3, 4} if what == "the digest" else {3}
    assert numbers == {f"chain {folder.pk}/{number}" for number in expected}


@pytest.mark.parametrize("number", [1, 3])
def test_an_entry_taken_out_is_found(folder: EmailFolderPage, number: int) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    ChainEntry.objects.filter(number=number).delete()
    found, _ = check()
    assert {each.error.code for each in found} == {"ChainBroken", "NotInChain"}


def test_the_last_entries_taken_out_are_found_while_their_messages_stand(
    folder: EmailFolderPage,
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    ChainEntry.objects.filter(number=3).delete()
    for scope in (None, folder.pk):
        assert codes(check(scope)[0]) == {("arrival", "NotInChain")}


def test_a_chain_rewritten_as_a_whole_is_not_found_but_its_head_differs(
    folder: EmailFolderPage,
) -> None:
    """What the documentation says that the chain does not prove by itself."""
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    [kept] = chain.heads()
    digest = chain.BEGINNING
    for entry in ChainEntry.objects.order_by("number"):
        if entry.number == 2:
            entry.mailbox = "Forged"
        arguments = (entry.number, entry.sha256, entry.archived_at, entry.mailbox)
        digest = entry.digest = chain.digest_of(digest, *arguments)
        entry.save()
    assert check()[0] == []
    [head] = chain.heads()
    assert head.digest != kept.digest


def test_what_does_not_fit_the_original_is_found(folder: EmailFolderPage) -> None:
    pages = factories.archive(folder, *(factories.raw() for _ in range(4)))
    EmailMessagePage.objects.filter(pk=pages[0].pk).update(size=1)
    Attachment.objects.create(
        message=pages[1], position=0, content_type="a/b", size=1, sha256="0" * 64,
        start=pages[1].size, length=1, encoding="7bit", is_inline=False, folder=folder,
        sorted_at=pages[1].sorted_at,
    )  # fmt: skip
    part = {"start": 0, "length": pages[2].size + 1}
    EmailMessagePage.objects.filter(pk=pages[2].pk).update(structure={"text": [part]})
    for scope in (None, folder.pk):
        found, _ = check(scope)
        assert {each.subject for each in found} == {f"message {page.pk}" for page in pages[:3]}


def test_a_page_taken_out_with_all_its_rows_is_found(folder: EmailFolderPage) -> None:
    pages = factories.archive(folder, *(factories.raw() for _ in range(3)))
    gone = pages[1]
    for model in (LedgerEntry, MessageText):
        model.objects.filter(message=gone.pk).delete()
    delete_messages([gone.pk], folder.title)
    for scope in (None, folder.pk):
        found, _ = check(scope)
        assert [(each.subject, each.error.code, each.folder_id) for each in found] == [
            (f"arrival {folder.pk}/{gone.original.sha256}", "NotHeld", folder.pk)
        ]


def test_what_came_into_a_folder_and_is_kept_in_another_is_not_lost(
    folder: EmailFolderPage,
) -> None:
    """An account is given another folder while its mail is in quarantine."""
    writer_for(folder).write([incoming(factories.raw(), ParserFailed())])
    other = factories.folder()
    Mailbox.objects.filter(folder=folder).update(folder=other)
    assert check()[0] == []
    assert retry_entries(list(LedgerEntry.objects.values_list("pk", flat=True))).archived == 1
    assert check()[0] == []


def test_a_message_whose_original_has_no_row_any_more_is_found(folder: EmailFolderPage) -> None:
    pages = factories.archive(folder, *(factories.raw() for _ in range(3)))
    lost = pages[2]
    # Foreign keys are looked at when the transaction ends.
    with transaction.atomic():
        ChainEntry.objects.filter(number=3).delete()
        OriginalChunk.objects.filter(original=lost.original_id).delete()
        Original.objects.filter(pk=lost.original_id)._raw_delete("default")
        for scope in (None, folder.pk):
            found, _ = check(scope)
            assert [(each.subject, each.error.code) for each in found] == [
                (f"message {lost.pk}", "MessageWithoutOriginal")
            ]
        transaction.set_rollback(True)


# -- stores ----------------------------------------------------------------------------------


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Path:
    """Where originals are files."""
    place = tmp_path / "mail"
    place.mkdir()
    backend = "wagtail_mailarchive.archive.file_storage.DurableFileSystemStorage"
    settings.STORAGES = {
        **settings.STORAGES,
        "mail": {"BACKEND": backend, "OPTIONS": {"location": str(place)}},
    }
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "ORIGINALS_STORAGE": "mail"}
    return place


def take_away(file: Path, how: str) -> str:
    """Make `file` one that cannot be read; return the error that this is."""
    if how == "gone":
        file.unlink()
        return "OriginalMissing"
    if how == "folder gone":
        shutil.rmtree(file.parent)
        return "OriginalMissing"
    if how == "unreadable":
        file.unlink()
        file.mkdir()
    else:
        shutil.rmtree(file.parent)
        file.parent.symlink_to(file.parent)
    return "OriginalUnreadable"


@pytest.mark.parametrize("how", ["gone", "folder gone", "unreadable", "folder unreadable"])
def test_one_file_that_cannot_be_read_is_a_problem_and_ends_no_check(
    folder: EmailFolderPage, store: Path, how: str
) -> None:
    (page, *_) = factories.archive(folder, *(factories.raw() for _ in range(3)))
    code = take_away(store / originals.stored_name(page.original.sha256), how)
    ChainEntry.objects.filter(number=3).update(mailbox="Elsewhere")
    for scope in (None, folder.pk):
        assert codes(check(scope)[0]) == {("original", code), ("chain", "ChainBroken")}


@pytest.mark.parametrize("how", ["alias", "moved", "not mounted", "unreadable"])
def test_a_store_that_is_gone_is_an_error_and_accuses_no_original(
    folder: EmailFolderPage, store: Path, how: str
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    if how == "alias":
        Original.objects.update(store="nowhere")
    else:
        store.rename(store.with_name("away"))
    if how == "not mounted":
        store.mkdir()
    elif how == "unreadable":
        # As a stale handle of NFS: no question is answered.
        store.symlink_to(store)
    with pytest.raises(StorageError):
        check()


def test_a_problem_stands_once_and_until_it_is_well(folder: EmailFolderPage) -> None:
    (page,) = factories.archive(folder, factories.raw())
    chunks = OriginalChunk.objects.filter(original=page.original)
    [kept] = chunks.values("data", "deflated")
    chunks.update(data=b"changed", deflated=False)
    for _ in range(2):
        batch = verify.next_batch(Step.ORIGINALS, None, 0)
        assert batch is not None
        problems.note(batch.found)
        problems.settle(batch.well())
    [problem] = IntegrityProblem.objects.all()
    assert problem.subject == f"original {page.original.sha256}"
    assert "Restore it from a backup" in problem.sentence
    chunks.update(**kept)
    batch = verify.next_batch(Step.ORIGINALS, None, 0)
    assert batch is not None
    problems.settle(batch.well())
    assert not IntegrityProblem.objects.exists()


def sampled(number: int, seed: int = 1) -> list[verify.Batch]:
    return [batch for step in Step for batch in sampling.sample(step, number, seed, 0)]


def test_a_sample_holds_as_many_of_each_as_were_asked_for(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(8)))
    assert sum(batch.number for batch in sampled(3)) == 9
    assert sum(batch.number for batch in sampled(100)) == 24
    OriginalChunk.objects.update(data=b"changed", deflated=False)
    found = [each for batch in sampled(3) for each in batch.found]
    assert len(found) == 3


def test_a_sample_may_hold_anything_and_all_is_equally_likely(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(8)))
    drawn = Counter(
        subject
        for seed in range(400)
        for batch in sampling.sample(Step.LINKS, 2, seed, 0)
        for subject in batch.subjects
    )
    # 100 of 400, give or take four standard deviations.
    assert len(drawn) == 8
    assert all(65 < times < 135 for times in drawn.values())


def test_links_and_messages_cost_a_few_queries_a_batch(folder: EmailFolderPage) -> None:
    counts = []
    for _ in range(2):
        factories.archive(folder, *(factories.raw() for _ in range(20)))
        with CaptureQueriesContext(connection) as queries:
            for step in (Step.LINKS, Step.MESSAGES):
                verify.next_batch(step, None, 0)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
