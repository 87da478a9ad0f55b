"""Making the index anew, while it is searched and written to."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from tests import factories
from wagtail_mailarchive.archive.search import building, find
from wagtail_mailarchive.archive.search.building import rebuild
from wagtail_mailarchive.models import EmailFolderPage, MessageText, SearchIndex

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> EmailFolderPage:
    monkeypatch.setattr(building, "_BATCH", 2)
    page = factories.folder()
    for day in range(1, 8):
        date = f"Thu, {day:02} Jan 2026 10:00:00 +0000"
        factories.archive(page, factories.raw(f"Report {day}", "reports\n", Date=date))
    return page


def hits(folder: EmailFolderPage, words: str) -> int:
    return len(find(folder.pk, words, limit=100))


def index_is_sound() -> None:
    if connection.vendor == "sqlite":
        table = "wagtail_mailarchive_search"
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table}({table}, rank) VALUES ('integrity-check', 1)")


def test_language_changes_when_all_is_indexed_and_search_goes_on(folder: EmailFolderPage) -> None:
    assert hits(folder, "reporting") == 0
    seen: list[tuple[int, int]] = []

    def meanwhile(done: int, total: int) -> None:
        seen.append((hits(folder, "report"), hits(folder, "absent")))
        if len(seen) > 3:
            return
        # Mail comes in and goes on both sides of where the rebuild is.
        for year in (2025, 2027):
            date = f"Thu, {done:02} Jan {year} 10:00:00 +0000"
            factories.archive(folder, factories.raw("Report", "new\n", Date=date))
        MessageText.objects.order_by("pk").first().delete()  # type: ignore[union-attr]

    rebuild("english", progress=meanwhile)
    held = MessageText.objects.count()
    assert len(seen) >= 4
    assert all(found >= 7 and not absent for found, absent in seen)
    assert hits(folder, "report") == hits(folder, "reporting") == hits(folder, "reports") == held
    state = SearchIndex.objects.get()
    assert (state.language, state.building) == ("english", "")
    index_is_sound()
    [page] = factories.archive(folder, factories.raw("Sailing", "boats\n"))
    assert hits(folder, "sail boat") == 1
    MessageText.objects.filter(message=page).delete()
    assert hits(folder, "sail boat") == 0
    index_is_sound()


def test_who_is_stopped_goes_on_there(folder: EmailFolderPage) -> None:
    def stop(done: int, total: int) -> None:
        raise DatabaseError

    with pytest.raises(DatabaseError):
        rebuild("english", progress=stop)
    assert hits(folder, "report") == 7
    begun: list[int] = []
    rebuild("english", progress=lambda done, total: begun.append(done))
    assert begun == [4, 6, 7]
    assert hits(folder, "reporting") == 7
    index_is_sound()


def test_a_rebuild_brings_up_to_date_what_is_derived(folder: EmailFolderPage) -> None:
    MessageText.objects.update(marks="all", sender="", size=0)
    assert hits(folder, "from:ada") == 0
    out = StringIO()
    call_command("mailarchive_index", stdout=out)
    assert "7 of 7 messages (100 %)" in out.getvalue()
    assert hits(folder, "from:ada") == hits(folder, "from:ada@example.org larger:10") == 7


def test_the_index_of_a_database_without_its_row_is_simple(
    folder: EmailFolderPage, settings: Any
) -> None:
    SearchIndex.objects.all().delete()
    factories.archive(folder, factories.raw("Sailing"))
    assert (hits(folder, "sailing"), hits(folder, "sail")) == (1, 0)
