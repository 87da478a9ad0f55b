"""Stored originals read again: from quarantine into pages, and pages by a newer parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.archive import again, month_counts, originals, search
from wagtail_mailarchive.archive.again import retry_entries
from wagtail_mailarchive.archive.reprocessing import reprocess
from wagtail_mailarchive.exceptions import MessageError, ParserFailed, ParserTimedOut
from wagtail_mailarchive.mime import VERSION
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    Attachment,
    ChainEntry,
    EmailFolderPage,
    EmailMessagePage,
    Envelope,
    IntegrityProblem,
    LedgerEntry,
    MessageText,
    OriginalChunk,
    Outcome,
)

from .test_verify import store as store
from .test_verify import take_away
from .test_writer import HOSTILE, incoming, writer_for

pytestmark = pytest.mark.django_db

OLD = datetime(2020, 1, 1, tzinfo=UTC)


class Parser(ParserProcess):
    """Parses here, and says of each message what `told` makes of it."""

    def __init__(self, told: Callable[[ParsedMessage], ParsedMessage | MessageError]) -> None:
        super().__init__()
        self.told = told

    def parse_many(self, messages: Any) -> Any:
        for chunks in messages:
            yield self.told(factories.storable(parse(b"".join(chunks))))


def same(parsed: ParsedMessage) -> ParsedMessage:
    return parsed


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def quarantine(folder: EmailFolderPage, *raws: bytes) -> list[int]:
    each = [incoming(raw, ParserFailed()) for raw in raws]
    writer_for(folder).write(each)
    entries = LedgerEntry.objects.filter(uid__in=[one.uid for one in each]).order_by("pk")
    return list(entries.values_list("pk", flat=True))


# -- quarantine ------------------------------------------------------------------------------


def test_what_can_be_read_now_becomes_a_page_and_is_chained_once(folder: EmailFolderPage) -> None:
    keys = quarantine(folder, factories.raw("One"), factories.raw("Two"))
    Envelope.objects.get_or_create(entry_id=keys[0])

    with ParserProcess() as parser:
        result = retry_entries(keys, parser=parser)

    assert (result.archived, result.duplicates, result.still) == (2, 0, 0)
    for key, title in zip(keys, ("One", "Two"), strict=True):
        entry = LedgerEntry.objects.get(pk=key)
        assert (entry.outcome, entry.reason_code, entry.reason_params) == (Outcome.ARCHIVED, "", {})
        assert entry.message is not None
        assert entry.message.title == title
        assert entry.message.received_at == entry.received_at
    assert ChainEntry.objects.filter(folder=folder).count() == 2
    assert not Envelope.objects.exists()
    assert not any(Page.find_problems())
    assert len(search.find(folder.pk, "one", limit=5)) == 1
    folder.refresh_from_db()
    assert folder.numchild == 2


def test_without_a_parser_it_starts_one(folder: EmailFolderPage) -> None:
    [key] = quarantine(folder, factories.raw())
    assert retry_entries([key]).archived == 1


def test_what_the_folder_holds_already_is_a_duplicate(folder: EmailFolderPage) -> None:
    raw = factories.raw()
    keys = quarantine(folder, raw, raw)
    (page,) = factories.archive(folder, raw)
    third = quarantine(folder, factories.raw("Twice"), b"")[:1]
    again_twice = quarantine(folder, factories.raw("Other"))

    result = retry_entries([*keys, *third, *again_twice], parser=Parser(same))

    assert (result.archived, result.duplicates) == (2, 2)
    assert set(LedgerEntry.objects.filter(pk__in=keys).values_list("outcome", "message")) == {
        (Outcome.DUPLICATE, page.pk)
    }


def test_what_still_cannot_be_read_stays_with_the_reason_of_today(folder: EmailFolderPage) -> None:
    good, bad = quarantine(folder, factories.raw("Good"), factories.raw("Bad"))

    def told(parsed: ParsedMessage) -> ParsedMessage | MessageError:
        return ParserTimedOut(seconds=10) if parsed.subject == "Bad" else parsed

    result = retry_entries([good, bad], parser=Parser(told))

    assert (result.archived, result.still) == (1, 1)
    entry = LedgerEntry.objects.get(pk=bad)
    assert (entry.outcome, entry.reason_code) == (Outcome.QUARANTINED, "ParserTimedOut")
    assert entry.reason_params == {"seconds": 10}


def test_what_the_database_refuses_keeps_no_other_from_becoming_a_page(
    folder: EmailFolderPage,
) -> None:
    keys = quarantine(folder, *(factories.raw(str(n)) for n in range(5)))

    def told(parsed: ParsedMessage) -> ParsedMessage | MessageError:
        return HOSTILE["lone surrogate"] if parsed.subject == "3" else parsed

    result = retry_entries(keys, parser=Parser(told))

    assert (result.archived, result.still) == (4, 1)
    assert LedgerEntry.objects.get(pk=keys[3]).reason_code == "DatabaseRefusedMessage"


def test_a_damaged_original_is_not_read_but_told_of(folder: EmailFolderPage) -> None:
    [key] = quarantine(folder, factories.raw())
    OriginalChunk.objects.update(data=b"other", deflated=False)

    assert retry_entries([key], parser=Parser(same)).still == 1

    assert LedgerEntry.objects.get(pk=key).reason_code == "OriginalDamaged"
    [problem] = IntegrityProblem.objects.all()
    assert problem.code == "OriginalDamaged"


@pytest.mark.parametrize("how", ["gone", "unreadable"])
def test_one_file_that_cannot_be_read_keeps_no_other_from_becoming_a_page(
    folder: EmailFolderPage, store: Path, how: str
) -> None:
    keys = quarantine(folder, *(factories.raw() for _ in range(3)))
    entry = LedgerEntry.objects.select_related("original").get(pk=keys[0])
    assert entry.original is not None
    code = take_away(store / originals.stored_name(entry.original.sha256), how)

    result = retry_entries(keys, parser=Parser(same))

    assert (result.archived, result.still) == (2, 1)
    assert LedgerEntry.objects.get(pk=keys[0]).reason_code == code
    assert IntegrityProblem.objects.get().code == code


def test_what_somebody_else_has_read_meanwhile_is_left_alone(folder: EmailFolderPage) -> None:
    [key] = quarantine(folder, factories.raw())

    def told(parsed: ParsedMessage) -> ParsedMessage | MessageError:
        LedgerEntry.objects.filter(pk=key).update(outcome=Outcome.ERASED)
        return parsed

    result = retry_entries([key], parser=Parser(told))

    assert (result.archived, result.duplicates, result.still) == (0, 0, 0)
    assert not EmailMessagePage.objects.exists()


def test_what_the_server_said_of_its_thread_is_known_when_it_becomes_a_page(
    folder: EmailFolderPage,
) -> None:
    first, second = factories.raw("Plan"), factories.raw("Plan")
    read = incoming(first, factories.storable(parse(first)))
    unread = incoming(second, ParserFailed())
    writer_for(folder).write([replace(each, source_thread=2**63 - 1) for each in (read, unread)])
    [key] = LedgerEntry.objects.filter(uid=unread.uid).values_list("pk", flat=True)
    # What is read in vain keeps it.
    retry_entries([key], parser=Parser(lambda parsed: ParserFailed()))

    assert retry_entries([key], parser=Parser(same)).archived == 1

    assert EmailMessagePage.objects.count() == 2
    assert EmailMessagePage.objects.values("thread").distinct().count() == 1


def test_an_account_given_another_folder_has_its_mail_chained_there(
    folder: EmailFolderPage,
) -> None:
    [key] = quarantine(folder, factories.raw())
    other = factories.folder()
    mailbox = LedgerEntry.objects.get(pk=key).mailbox
    mailbox.folder = other
    mailbox.save()

    retry_entries([key], parser=Parser(same))

    assert EmailMessagePage.objects.get().folder_id == other.pk
    assert ChainEntry.objects.filter(folder=other).count() == 1


def test_large_originals_are_not_all_in_memory_at_once(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "_BYTES_TOGETHER", 1000)
    keys = quarantine(folder, *(factories.raw(body="x" * 300 + "\n") for _ in range(5)))
    sizes: list[int] = []

    class Counting(Parser):
        def parse_many(self, messages: Any) -> Any:
            sizes.append(sum(len(chunk) for chunks in messages for chunk in chunks))
            return super().parse_many(messages)

    assert retry_entries(keys, parser=Counting(same)).archived == 5
    assert max(sizes) <= 1000


# -- pages -----------------------------------------------------------------------------------


def everything() -> dict[str, list[Any]]:
    """Every row of every table."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


def with_attachments(*names: str) -> bytes:
    parts = "".join(
        f'--b\nContent-Type: text/x-note\nContent-Disposition: attachment; filename="{name}"\n\n'
        f"{name}\n"
        for name in names
    )
    return (
        b"From: ada@example.org\nSubject: Notes\nMIME-Version: 1.0\n"
        b"Date: Thu, 05 Mar 2026 14:30:00 +0100\nMessage-ID: <notes@example.org>\n"
        b'Content-Type: multipart/mixed; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nHello\n" + parts.encode() + b"--b--\n"
    )


def test_reading_again_by_the_same_parser_changes_nothing_at_all(folder: EmailFolderPage) -> None:
    pages = factories.archive(
        folder,
        factories.raw("One", References="<a@example.org> <b@example.org>"),
        factories.raw("", Date="", Message_ID=""),
        with_attachments("a.txt", "b.txt"),
        received_at=datetime(2026, 3, 5, 14, tzinfo=UTC),
    )
    pages += factories.archive(folder, factories.raw("No date", Date=""))
    before = everything()

    with ParserProcess() as parser:
        done = reprocess([page.pk for page in pages], parser=parser)

    assert (done.read, done.changed, done.failed) == (4, 0, 0)
    assert everything() == before


def test_a_newer_parser_changes_what_was_archived_and_nothing_else(
    folder: EmailFolderPage,
) -> None:
    """Not the key, place, slug, address or dates of the page, nor any other table."""
    pages = factories.archive(folder, factories.raw("Old"), factories.raw("Other"))
    EmailMessagePage.objects.update(parsed_by=0)
    before = everything()

    def told(parsed: ParsedMessage) -> ParsedMessage:
        if parsed.subject == "Old":
            parsed.subject = "New"
            parsed.text = "Unheard of"
            parsed.references = ["r@example.org"]
            parsed.date = int(datetime(2025, 7, 1, tzinfo=UTC).timestamp())
        return parsed

    done = reprocess([page.pk for page in pages], parser=Parser(told))

    assert (done.read, done.changed, done.failed) == (2, 1, 0)
    after = everything()
    ours = "wagtail_mailarchive."
    touched = {label for label, rows in after.items() if rows != before[label]}
    assert touched == {
        "wagtailcore.Page",
        *(ours + name for name in ("EmailMessagePage", "MessageText", "MonthCount")),
        *(ours + name for name in ("Thread", "ThreadKey")),
    }
    [old] = [row for row in before["wagtailcore.Page"] if row["id"] == pages[0].pk]
    [new] = [row for row in after["wagtailcore.Page"] if row["id"] == pages[0].pk]
    assert {name for name in new if new[name] != old[name]} == {"title", "draft_title"}
    page = EmailMessagePage.objects.get(pk=pages[0].pk)
    assert (page.title, page.subject, page.snippet) == ("New", "New", "Unheard of")
    assert page.url_path == pages[0].url_path
    assert page.parsed_by == VERSION
    assert page.sorted_at == datetime(2025, 7, 1, tzinfo=UTC)
    assert month_counts.by_month(folder.pk, UTC) == {(2026, 3): 1, (2025, 7): 1}
    assert len(search.find(folder.pk, "unheard", limit=5)) == 1
    assert search.find(folder.pk, "old", limit=5) == []
    assert EmailMessagePage.objects.filter(parsed_by=VERSION).count() == 2


def test_attachments_keep_key_and_address_when_others_come_and_go(
    folder: EmailFolderPage,
) -> None:
    (page,) = factories.archive(folder, with_attachments("a.txt", "b.txt", "c.txt"))
    before = {each.filename: each for each in page.attachments.all()}

    def told(parsed: ParsedMessage) -> ParsedMessage:
        first, second, third = parsed.attachments
        found = parsed.text_parts[0]
        found.filename = "found.txt"
        second.filename = "better.txt"
        # One is found in front of the others, one is none any more.
        parsed.attachments = [found, second, third]
        assert first.filename == "a.txt"
        return parsed

    assert reprocess([page.pk], parser=Parser(told)).changed == 1

    after = {each.filename: each for each in page.attachments.all()}
    assert set(after) == {"better.txt", "c.txt", "found.txt"}
    assert (after["better.txt"].pk, after["better.txt"].position) == (before["b.txt"].pk, 1)
    assert (after["c.txt"].pk, after["c.txt"].position) == (before["c.txt"].pk, 2)
    assert after["found.txt"].position == 3
    assert not Attachment.objects.filter(pk=before["a.txt"].pk).exists()


def test_the_address_of_an_attachment_that_is_none_any_more_passes_to_no_other(
    folder: EmailFolderPage,
) -> None:
    (page,) = factories.archive(folder, with_attachments("a.txt", "b.txt"))
    before = {each.filename: each for each in page.attachments.all()}

    def told(parsed: ParsedMessage) -> ParsedMessage:
        # Another version numbers sections otherwise, and leaves one out.
        first, second = parsed.attachments
        second.section = first.section
        second.start += 1
        parsed.attachments = [second]
        return parsed

    reprocess([page.pk], parser=Parser(told))

    [after] = page.attachments.all()
    assert after.filename == "b.txt"
    assert after.position not in {each.position for each in before.values()}


def test_a_size_that_was_changed_is_put_right(folder: EmailFolderPage) -> None:
    (page,) = factories.archive(folder, factories.raw())
    EmailMessagePage.objects.update(size=1)

    assert reprocess([page.pk], parser=Parser(same)).changed == 1

    assert EmailMessagePage.objects.get().size == page.size


@pytest.mark.parametrize("failure", ["parser", "database", "original", "gone", "unreadable"])
def test_a_page_is_unharmed_where_reading_it_again_fails(
    folder: EmailFolderPage, failure: str, request: pytest.FixtureRequest
) -> None:
    in_files = failure in ("gone", "unreadable")
    place: Path | None = request.getfixturevalue("store") if in_files else None
    pages = factories.archive(folder, factories.raw("Bad"), factories.raw("Good"))
    EmailMessagePage.objects.update(parsed_by=0)
    if failure == "original":
        OriginalChunk.objects.filter(original=pages[0].original).update(data=b"", deflated=False)
    if place:
        take_away(place / originals.stored_name(pages[0].original.sha256), failure)
    [before] = EmailMessagePage.objects.filter(pk=pages[0].pk).values()

    def told(parsed: ParsedMessage) -> ParsedMessage | MessageError:
        if parsed.subject == "Bad":
            return ParserFailed() if failure == "parser" else HOSTILE["lone surrogate"]
        parsed.subject = "Better"
        return parsed

    done = reprocess([page.pk for page in pages], parser=Parser(told))

    assert (done.read, done.changed, done.failed) == (2, 1, 1)
    assert EmailMessagePage.objects.filter(pk=pages[0].pk).values().get() == before
    assert EmailMessagePage.objects.get(pk=pages[1].pk).title == "Better"


def test_a_lost_row_of_the_search_is_made_anew(folder: EmailFolderPage) -> None:
    (page,) = factories.archive(folder, factories.raw("Findable"))
    MessageText.objects.all().delete()

    reprocess([page.pk], parser=Parser(same))

    assert len(search.find(folder.pk, "findable", limit=5)) == 1


def test_who_has_lost_the_run_writes_nothing(folder: EmailFolderPage) -> None:
    (page,) = factories.archive(folder, factories.raw("Old"))

    class Lost(Exception):
        pass

    def fence() -> None:
        raise Lost

    def told(parsed: ParsedMessage) -> ParsedMessage:
        parsed.subject = "New"
        return parsed

    with pytest.raises(Lost):
        reprocess([page.pk], parser=Parser(told), fence=fence)
    assert EmailMessagePage.objects.get().title == "Old"


def test_a_batch_costs_as_many_queries_for_forty_messages_as_for_four(
    folder: EmailFolderPage,
) -> None:
    EmailMessagePage.objects.update(parsed_by=0)

    def told(parsed: ParsedMessage) -> ParsedMessage:
        parsed.subject += " new"
        parsed.text += " new"
        parsed.date = (parsed.date or 0) - timedelta(days=90) // timedelta(seconds=1)
        return parsed

    counts = []
    for number in (4, 40):
        pages = factories.archive(folder, *(factories.raw() for _ in range(number)))
        # Originals are read one by one.
        with CaptureQueriesContext(connection) as queries:
            reprocess([page.pk for page in pages], parser=Parser(told))
        reads = sum("originalchunk" in query["sql"] for query in queries)
        counts.append(len(queries) - reads)
    assert counts[1] <= counts[0] + 11
    assert counts[0] <= 32
