"""Problems concern whoever holds the mail, and are forgotten with what they were about."""

from __future__ import annotations

import pytest

from tests import factories
from wagtail_mailarchive.archive import problems
from wagtail_mailarchive.archive.problems import Found
from wagtail_mailarchive.exceptions import OriginalDamaged, ParserFailed
from wagtail_mailarchive.models import (
    ChainEntry,
    EmailFolderPage,
    EmailMessagePage,
    IntegrityProblem,
    Original,
)

from .test_writer import incoming, writer_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def note(subject: str, folder: EmailFolderPage | None = None) -> None:
    error = OriginalDamaged(sha256="", store="")
    problems.note([Found(subject, folder.pk if folder else None, error)])


def concerned(*folders: EmailFolderPage) -> set[str]:
    found = problems.concerning(IntegrityProblem.objects.all(), list(folders))
    return set(found.values_list("subject", flat=True))


def test_an_original_concerns_every_folder_that_holds_it_and_no_other(
    folder: EmailFolderPage,
) -> None:
    other, third = factories.folder(), factories.folder()
    raw, unreadable = factories.raw(), b"unreadable"
    (page,) = factories.archive(folder, raw)
    factories.archive(other, raw)
    writer_for(other).write([incoming(unreadable, ParserFailed())])
    factories.archive(third, factories.raw())
    shared = f"original {page.original.sha256}"
    quarantined = f"original {Original.objects.get(size=len(unreadable)).sha256}"
    note(shared, folder)
    note(quarantined)
    note(f"chain {folder.pk}/1", folder)
    assert concerned(folder) == {shared, f"chain {folder.pk}/1"}
    assert concerned(other) == {shared, quarantined}
    assert concerned(third) == set()
    assert len(concerned(folder, other)) == 3


def test_problems_with_what_is_gone_are_forgotten_and_others_stand(
    folder: EmailFolderPage,
) -> None:
    (page,) = factories.archive(folder, factories.raw())
    chained = ChainEntry.objects.create(
        folder=folder, number=9, sha256="a" * 64, mailbox="", archived_at=page.sorted_at, digest=""
    )
    stand = {
        f"message {page.pk}",
        f"original {page.original.sha256}",
        # Its row is gone, and that is the problem.
        f"original {chained.sha256}",
        f"chain {folder.pk}/1",
        f"arrival {folder.pk}/{'b' * 64}",
        "check verify",
    }
    top = EmailMessagePage.objects.latest("pk").pk
    gone = {f"message {top + 1}", f"original {'c' * 64}", f"chain {folder.pk}/8"}
    for subject in stand | gone:
        note(subject, folder)
    problems.settle_gone()
    assert set(IntegrityProblem.objects.values_list("subject", flat=True)) == stand
