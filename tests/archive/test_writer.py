"""A batch becomes pages, whole or not at all."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from django.db import (
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.archive import month_counts, originals, search
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.exceptions import (
    DatabaseRefusedMessage,
    FolderFull,
    LeaseLost,
    MessageError,
    ParserFailed,
    ParserTimedOut,
    StorageError,
)
from wagtail_mailarchive.mime.message import Address, ParsedMessage, Part
from wagtail_mailarchive.models import (
    Attachment,
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Mailbox,
    MessageText,
    MonthCount,
    Original,
    Outcome,
    Thread,
)
from wagtail_mailarchive.models.reference import message_id_digest

pytestmark = pytest.mark.django_db
uids = count(1)


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def writer_for(folder: EmailFolderPage) -> Writer:
    mailbox = Mailbox.objects.create(folder=folder, name="INBOX")
    return Writer(mailbox, 1, fence=lambda: None, also=lambda outcomes, size: None)


def incoming(raw: bytes, parsed: ParsedMessage | MessageError | None = None) -> Incoming:
    return Incoming(
        uid=next(uids),
        received_at=datetime(2026, 3, 5, 14, tzinfo=UTC),
        original=originals.prepare([raw]),
        parsed=parsed or ParsedMessage(subject="Subject", text="Body"),
    )


def attached(sha256: str, *, filename: str = "a.txt", size: int = 0) -> Part:
    return Part(
        section="1",
        content_type="text/plain",
        charset="",
        encoding="7bit",
        disposition="attachment",
        filename=filename,
        content_id="",
        start=0,
        length=0,
        size=size,
        sha256=sha256,
    )


def test_the_tree_is_as_if_treebeard_had_made_it(folder: EmailFolderPage) -> None:
    factories.archive(folder, *[factories.raw(f"Subject {n}") for n in range(30)])
    factories.archive(folder, *[factories.raw(f"Subject {n}") for n in range(30)])
    assert not any(Page.find_problems())
    folder.refresh_from_db()
    assert folder.numchild == 60
    children = list(folder.get_children())
    assert len(children) == 60
    assert children[-1].get_parent().specific == folder
    assert len({child.slug for child in children}) == 60


def test_a_page_has_everything_that_wagtail_gives_a_page(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw("Grüße aus Köln"))
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert message.live
    assert message.locale == folder.locale
    assert message.url_path == f"{folder.url_path}{message.slug}/"
    assert message.slug == f"grüße-aus-köln-{message.original.sha256[:12]}"
    assert message.title == message.draft_title == "Grüße aus Köln"
    assert message.first_published_at is not None
    assert message.latest_revision is None
    assert message.specific_class is EmailMessagePage


def test_fields_of_the_message_are_extracted(folder: EmailFolderPage) -> None:
    raw = factories.raw(
        "Budget",
        "The numbers\n\nare in.\n",
        Cc="Grace Hopper <grace@example.org>",
        Message_ID="<b@example.org>",
        In_Reply_To="<a@example.org>",
        References="<z@example.org> <a@example.org>",
        List_Id="Office <office.example.org>",
    )
    [message] = factories.archive(folder, raw, received_at=datetime(2026, 3, 5, 14, tzinfo=UTC))
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert (message.sender_name, message.sender_address) == ("Ada Lovelace", "ada@example.org")
    assert message.sent_at == datetime(2026, 3, 5, 13, 30, tzinfo=UTC)
    assert message.sent_offset == 60
    assert message.received_at == datetime(2026, 3, 5, 14, tzinfo=UTC)
    assert message.sorted_at == message.sent_at
    assert [each.address for each in message.address_list("cc")] == ["grace@example.org"]
    assert message.message_id == "b@example.org"
    assert message.message_id_digest == message_id_digest("b@example.org")
    assert message.references == ["z@example.org", "a@example.org"]
    assert message.in_reply_to == ["a@example.org"]
    assert message.list_id == "office.example.org"
    assert message.snippet == "The numbers are in."
    assert message.reply_to_digest == message_id_digest("a@example.org")
    assert originals.read(message.original) == raw


def test_the_same_bytes_twice_make_one_page_and_two_entries(folder: EmailFolderPage) -> None:
    raw = factories.raw()
    factories.archive(folder, raw, raw)
    factories.archive(folder, raw)
    assert EmailMessagePage.objects.count() == 1
    assert list(LedgerEntry.objects.order_by("uid").values_list("outcome", flat=True)) == [
        Outcome.ARCHIVED,
        Outcome.DUPLICATE,
        Outcome.DUPLICATE,
    ]
    assert LedgerEntry.objects.values("message").distinct().count() == 1


def test_the_same_message_id_with_other_bytes_makes_two_pages(folder: EmailFolderPage) -> None:
    raws = [factories.raw(body=body, Message_ID="<same@example.org>") for body in ("a", "b")]
    factories.archive(folder, *raws)
    assert EmailMessagePage.objects.filter(message_id="same@example.org").count() == 2


def test_two_folders_share_an_original(folder: EmailFolderPage) -> None:
    raw = factories.raw()
    factories.archive(folder, raw)
    factories.archive(factories.folder(), raw)
    assert EmailMessagePage.objects.count() == 2
    assert Original.objects.count() == 1


def test_an_unreadable_message_is_quarantined_and_its_original_kept(
    folder: EmailFolderPage,
) -> None:
    writer_for(folder).write([incoming(b"good"), incoming(b"bad", ParserFailed())])
    entry = LedgerEntry.objects.get(outcome=Outcome.QUARANTINED)
    assert entry.message is None
    assert entry.reason_code == "ParserFailed"
    assert entry.original is not None
    assert originals.read(entry.original) == b"bad"
    assert EmailMessagePage.objects.count() == 1


# What parsers hand over at worst. `ParsedMessage.from_json` would have taken NUL out; here it
# comes straight, because a database must never be the reason that a neighbour is lost.
FAR = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
HOSTILE = {
    "2 MB word": ParsedMessage(subject="x" * 2_000_000, text="y" * 2_000_000),
    "5 kB Message-ID": ParsedMessage(message_id="i" * 5_000, references=["r" * 5_000]),
    "many words": ParsedMessage(text=" ".join(f"{n:x}é" for n in range(150_000))),
    "wide characters": ParsedMessage(text=" ".join(chr(0x20000 + n) for n in range(60_000))),
    "NUL": ParsedMessage(subject="a\x00b", text="c\x00d"),
    "lone surrogate": ParsedMessage(subject="\ud800"),
    "early date": ParsedMessage(date=-62_000_000_000, date_offset=-1439),
    "late date": ParsedMessage(date=int(FAR.timestamp()) - 3 * 86_400, date_offset=-1439),
    "endless attachment": ParsedMessage(
        attachments=[attached("0" * 64, filename="n" * 5_000, size=2**80)]
    ),
}
# SQLite keeps a NUL; PostgreSQL has none in text.
REFUSED = {"lone surrogate", "endless attachment"}
if connection.vendor == "postgresql":
    REFUSED.add("NUL")


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_the_database_refuses_is_quarantined_alone(folder: EmailFolderPage, kind: str) -> None:
    batch = [incoming(b"%d" % n) for n in range(9)]
    batch.insert(5, incoming(kind.encode(), HOSTILE[kind]))
    writer_for(folder).write(batch)
    outcomes = dict(LedgerEntry.objects.values_list("uid", "outcome"))
    hostile = outcomes.pop(batch[5].uid)
    assert hostile == (Outcome.QUARANTINED if kind in REFUSED else Outcome.ARCHIVED)
    assert sorted(outcomes) == sorted(each.uid for each in batch if each is not batch[5])
    assert set(outcomes.values()) == {Outcome.ARCHIVED}
    assert not any(Page.find_problems())
    entry = LedgerEntry.objects.get(uid=batch[5].uid)
    assert entry.reason_code == ("DatabaseRefusedMessage" if kind in REFUSED else "")
    assert entry.original is not None
    assert originals.read(entry.original) == kind.encode()


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_a_server_whose_clock_is_at_the_end_of_time_is_not_believed(
    folder: EmailFolderPage, hours: int
) -> None:
    absurd = incoming(b"a", ParsedMessage())
    absurd = Incoming(
        absurd.uid,
        FAR.replace(tzinfo=timezone(timedelta(hours=hours))),
        absurd.original,
        absurd.parsed,
    )
    writer_for(folder).write([absurd])
    [message] = EmailMessagePage.objects.all()
    assert message.received_at is None
    assert abs(message.sorted_at - datetime.now(UTC)) < timedelta(hours=1)


@pytest.mark.parametrize("received", [datetime(2099, 1, 1, tzinfo=UTC), FAR])
def test_mail_from_the_future_does_not_stand_before_all_other(
    folder: EmailFolderPage, received: datetime
) -> None:
    raw = factories.raw(Date="Thu, 01 Jan 2099 00:00:00 +0000")
    [future] = factories.archive(folder, raw, received_at=received)
    [normal] = factories.archive(folder, factories.raw())
    future = EmailMessagePage.objects.get(pk=future.pk)
    assert future.sorted_at < datetime.now(UTC) + timedelta(days=2)
    assert EmailMessagePage.objects.get(pk=normal.pk).sorted_at < future.sorted_at


class Refusal(Exception):
    """A driver's error."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def failing(error: type[Error], sqlstate: str = "") -> Error:
    """An error of Django's as a driver's with `sqlstate` would have caused it."""
    made = error("text of the database")
    made.__cause__ = Refusal(sqlstate)
    return made


def count_failing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, calls: Iterable[int]
) -> list[int]:
    """Let the last but one step of a transaction fail at `calls`; return how often it was tried."""
    numbers, tried, real = count(1), [], month_counts.add

    def add(folder_id: int, moments: Iterable[datetime]) -> None:
        tried.append(next(numbers))
        real(folder_id, moments)
        if tried[-1] in calls:
            raise error

    monkeypatch.setattr(month_counts, "add", add)
    return tried


def is_untouched(folder: EmailFolderPage) -> bool:
    return not (
        LedgerEntry.objects.exists()
        or Original.objects.exists()
        or EmailMessagePage.objects.exists()
        or MonthCount.objects.exists()
        or EmailFolderPage.objects.get(pk=folder.pk).numchild
    )


@pytest.mark.parametrize(
    "error",
    [
        failing(OperationalError),  # SQLite's "database is locked" and "disk I/O error"
        failing(OperationalError, "53100"),  # disk full
        failing(OperationalError, "55P03"),  # lock not available
        failing(OperationalError, "57P01"),  # the server is being shut down
        failing(OperationalError, "08006"),  # connection failure
        failing(InterfaceError),  # connection already closed
        failing(InternalError, "XX001"),  # data corrupted
        StorageError(store="originals"),
        LeaseLost(account="Office"),
    ],
    ids=repr,
)
def test_what_is_no_messages_fault_writes_nothing_and_quarantines_nothing(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    tried = count_failing(monkeypatch, error, calls=range(1, 100))
    with pytest.raises(type(error)) as caught:
        writer_for(folder).write([incoming(b"%d" % n) for n in range(4)])
    assert caught.value is error
    assert tried == [1]
    assert is_untouched(folder)


@pytest.mark.parametrize("sqlstate", ["40P01", "40001"])
def test_a_deadlock_is_tried_again(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch, sqlstate: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    tried = count_failing(monkeypatch, failing(OperationalError, sqlstate), calls=[1, 2])
    writer_for(folder).write([incoming(b"%d" % n) for n in range(4)])
    assert tried == [1, 2, 3]
    assert set(LedgerEntry.objects.values_list("outcome", flat=True)) == {Outcome.ARCHIVED}
    assert EmailMessagePage.objects.count() == 4
    assert MonthCount.objects.get(folder=folder).messages == 4


def test_a_deadlock_without_end_goes_up_and_quarantines_nothing(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    tried = count_failing(monkeypatch, failing(OperationalError, "40P01"), calls=range(1, 100))
    with pytest.raises(OperationalError):
        writer_for(folder).write([incoming(b"a")])
    assert len(tried) == len(waits) + 1 == 5
    assert is_untouched(folder)


def test_halving_keeps_what_was_committed_and_reports_each_message_once(
    folder: EmailFolderPage,
) -> None:
    told: list[tuple[Counter[Outcome], int]] = []
    mailbox = Mailbox.objects.create(folder=folder, name="INBOX")
    writer = Writer(
        mailbox, 1, fence=lambda: None, also=lambda outcomes, size: told.append((outcomes, size))
    )
    batch = [incoming(b"%02d" % n) for n in range(16)]
    bad = [2, 3, 9]
    for n in bad:
        batch[n] = incoming(b"%02d" % n, HOSTILE["lone surrogate"])
    # The same bytes again, in the other half.
    batch[15] = incoming(b"00")
    writer.write(batch)
    assert sum((outcomes for outcomes, _ in told), Counter()) == {
        Outcome.ARCHIVED: 12,
        Outcome.DUPLICATE: 1,
        Outcome.QUARANTINED: 3,
    }
    assert sum(size for _, size in told) == 32
    entries = LedgerEntry.objects.order_by("uid")
    assert [entry.uid for entry in entries] == sorted(each.uid for each in batch)
    quarantined = {entry.uid for entry in entries if entry.outcome == Outcome.QUARANTINED}
    assert quarantined == {batch[n].uid for n in bad}
    assert EmailMessagePage.objects.count() == 12
    assert not any(Page.find_problems())


def test_a_lost_connection_while_halving_keeps_the_first_half_and_forgets_nothing(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [incoming(b"%d" % n) for n in range(4)]
    batch[3] = incoming(b"3", HOSTILE["lone surrogate"])
    # The whole is refused before it counts; then its first half counts, then the third message.
    count_failing(monkeypatch, failing(OperationalError, "08006"), calls=[2])
    with pytest.raises(OperationalError):
        writer_for(folder).write(batch)
    assert list(LedgerEntry.objects.order_by("uid").values_list("uid", "outcome")) == [
        (each.uid, Outcome.ARCHIVED) for each in batch[:2]
    ]
    monkeypatch.undo()
    mailbox = Mailbox.objects.get(folder=folder)
    rest = Writer(mailbox, 1, fence=lambda: None, also=lambda outcomes, size: None)
    rest.write(batch[2:])
    assert list(LedgerEntry.objects.order_by("uid").values_list("outcome", flat=True)) == [
        *[Outcome.ARCHIVED] * 3,
        Outcome.QUARANTINED,
    ]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock, so no deadlock")
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_real_deadlock_costs_an_attempt_and_no_message(folder: EmailFolderPage) -> None:
    mailbox = Mailbox.objects.create(folder=folder, name="INBOX")
    folder_held, mailbox_held = threading.Event(), threading.Event()
    fences = count(1)

    def fence() -> None:
        next(fences)
        Mailbox.objects.select_for_update().get(pk=mailbox.pk)
        mailbox_held.set()
        assert folder_held.wait(10)

    def cross() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    # So that it is the writer who is found waiting in a circle.
                    cursor.execute("SET LOCAL deadlock_timeout = '60s'")
                Page.objects.select_for_update().get(pk=folder.pk)
                folder_held.set()
                assert mailbox_held.wait(10)
                Mailbox.objects.select_for_update().get(pk=mailbox.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as threads:
        crossing = threads.submit(cross)
        writer = Writer(mailbox, 1, fence=fence, also=lambda outcomes, size: None)
        writer.write([incoming(b"a"), incoming(b"b")])
        crossing.result(20)
    assert next(fences) > 2
    assert set(LedgerEntry.objects.values_list("outcome", flat=True)) == {Outcome.ARCHIVED}
    assert EmailMessagePage.objects.count() == 2


def test_each_quarantined_message_is_logged_without_its_content(
    folder: EmailFolderPage, caplog: pytest.LogCaptureFixture
) -> None:
    refused = incoming(b"confidential", ParsedMessage(subject="confidential\ud800"))
    crashed = incoming(b"private", ParserTimedOut(seconds=30))
    with caplog.at_level("INFO", logger="wagtail_mailarchive.archive"):
        writer_for(folder).write([incoming(b"harmless"), refused, crashed])
    mailbox = Mailbox.objects.get(folder=folder)
    place = f"of mailbox {mailbox.pk} ('INBOX')"
    assert sorted(record.getMessage() for record in caplog.records) == sorted(
        [
            f"Quarantined UID {refused.uid} {place}: DatabaseRefusedMessage: "
            f"{DatabaseRefusedMessage()}",
            f"Quarantined UID {crashed.uid} {place}: ParserTimedOut: {ParserTimedOut(seconds=30)}",
        ]
    )
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_nothing_is_logged_of_what_was_not_committed(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    count_failing(monkeypatch, failing(OperationalError), calls=[1])
    with pytest.raises(OperationalError):
        writer_for(folder).write([incoming(b"a"), incoming(b"b", ParserFailed())])
    assert not caplog.records


def test_a_lost_lease_writes_nothing(folder: EmailFolderPage) -> None:
    def fence() -> None:
        raise LeaseLost(account="Office")

    mailbox = Mailbox.objects.create(folder=folder, name="INBOX")
    writer = Writer(mailbox, 1, fence=fence, also=lambda outcomes, size: None)
    with pytest.raises(LeaseLost):
        writer.write([incoming(b"a")])
    assert not Original.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_a_full_folder_refuses_before_anything_is_written(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_mailarchive.archive.pages._MAX_CHILDREN", 3)
    writer = writer_for(folder)
    writer.write([incoming(b"%d" % n) for n in range(3)])
    with pytest.raises(FolderFull):
        writer.write([incoming(b"one more")])
    assert EmailMessagePage.objects.count() == 3
    assert LedgerEntry.objects.count() == 3


def test_queries_do_not_grow_with_the_batch(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw())  # fills caches of content types and locales
    counts = []
    for size in (2, 40):
        raws = [factories.raw(f"Subject {n}") for n in range(size)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            factories.archive(folder, *raws)
        counts.append(len(queries))
    # SQLite splits inserts by its number of variables, once or twice in forty pages.
    assert counts[1] <= counts[0] + 4
    assert counts[0] <= 26


def test_no_statement_is_sent_for_each_message(folder: EmailFolderPage) -> None:
    """Threads, counts, lists and attachments included: all that a message has may differ."""
    account = factories.account(folder)
    mailbox = Mailbox.objects.create(folder=folder, account=account, name="INBOX")
    writer = Writer(mailbox, 1, fence=lambda: None, also=lambda outcomes, size: None)

    def batch(name: str, size: int, answered: str = "") -> list[Incoming]:
        return [
            incoming(
                b"%s %d" % (name.encode(), n),
                ParsedMessage(
                    subject=f"{name} {n}",
                    sender=Address("", f"{name}{n}@example.org"),
                    date=1_700_000_000 + n * 3_000_000,
                    message_id=f"{name}{n}",
                    in_reply_to=[f"{answered}{n}"] if answered else [],
                    list_id=f"{name}{n}.example.org",
                    text="Body",
                    attachments=[attached(f"{name}{n}")],
                ),
            )
            for n in range(size)
        ]

    counts = []
    for size in (2, 40):
        # Each message of the batch that counts joins two threads that were there before.
        for others in (batch(f"a{size}", size), batch(f"c{size}", size, f"b{size}")):
            writer.write(others)
        with CaptureQueriesContext(connection) as queries:
            writer.write(batch(f"b{size}", size, f"a{size}"))
        assert not [each for each in queries if " times: " in each["sql"]]  # as Django logs it
        counts.append(len(queries))
    assert Thread.objects.filter(folder=folder, message_count=3).count() == 42
    # Originals are inserted sixteen at a time, and SQLite splits inserts by its variables.
    assert counts[1] <= counts[0] + 4
    assert counts[0] <= 45


def test_attachments_are_ranges_of_the_original(folder: EmailFolderPage) -> None:
    raw = (
        b"Subject: Two files\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--b\r\nContent-Type: image/png; name=dot.png\r\nContent-ID: <dot@x>\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
    )
    [message] = factories.archive(folder, raw)
    [attachment] = Attachment.objects.filter(message=message)
    encoded = originals.read(message.original, attachment.start, attachment.length)
    assert encoded.strip() == b"iVBORw0KGgo="
    assert (attachment.filename, attachment.content_id) == ("dot.png", "dot@x")
    assert EmailMessagePage.objects.get(pk=message.pk).attachment_count == 1


def test_words_are_found_in_subject_people_and_body_of_this_folder_only(
    folder: EmailFolderPage,
) -> None:
    [message] = factories.archive(
        folder, factories.raw("Quarterly budget", "The numbers are in.", Cc="user77@example.org")
    )
    factories.archive(factories.folder(), factories.raw("Another budget"))
    key = MessageText.objects.get(message=message).pk
    for words in ("budget", "NUMBERS quarterly", "user77", "user77@example.org", "Lovelace"):
        assert search.find(folder.pk, words, limit=10) == [key], words
    for words in ("absent", "budget absent", "", "  ", '"', "body:*", "folder1", "NEAR(", "' OR 1"):
        assert search.find(folder.pk, words, limit=10) == [], words


def test_hits_come_newest_first_and_page_by_key(folder: EmailFolderPage) -> None:
    raws = [
        factories.raw(f"Report {day}", Date=f"Thu, {day:02} Jan 2026 10:00:00 +0000")
        for day in (5, 1, 9)
    ]
    factories.archive(folder, *raws)
    hits = search.find(folder.pk, "report", limit=2)
    rest = search.find(folder.pk, "report", before=hits[-1], limit=2)
    titles = dict(MessageText.objects.values_list("pk", "subject"))
    assert [titles[key] for key in (*hits, *rest)] == ["Report 9", "Report 5", "Report 1"]


def test_search_forgets_a_deleted_text(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw("Unforgettable"))
    MessageText.objects.all().delete()
    assert search.find(folder.pk, "unforgettable", limit=10) == []


def test_messages_of_one_second_have_keys_of_their_own(folder: EmailFolderPage) -> None:
    [first] = factories.archive(folder, factories.raw("First"))
    text = MessageText.objects.get(message=first)
    # As if the next page's key were taken by one 2^20 pages away.
    MessageText.objects.filter(pk=text.pk).update(id=text.pk + 1)
    [second] = factories.archive(folder, factories.raw("Second"))
    assert MessageText.objects.get(message=second).pk not in (text.pk + 1,)
    assert len(search.find(folder.pk, "body", limit=10)) == 2


def test_empty_subject_has_a_title_and_stays_empty(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw(""))
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert message.subject == ""
    assert message.title == "(no subject)"
    assert message.slug.startswith("no-subject-")


def test_long_subject_is_cut_in_title_and_slug_and_whole_in_the_message(
    folder: EmailFolderPage,
) -> None:
    subject = "word " * 200 + "end"
    [message] = factories.archive(folder, factories.raw(subject))
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert message.subject == subject
    assert len(message.title) == 255
    assert message.title.endswith("…")
    assert len(message.slug) < 80


@pytest.mark.parametrize("date", ["", "Thu, 01 Jan 1970 00:00:00 +0000", "Sun, 01 Nov 2099 0:0"])
def test_missing_or_absurd_date_sorts_by_received_time(folder: EmailFolderPage, date: str) -> None:
    received = datetime(2026, 3, 5, 14, tzinfo=UTC)
    [message] = factories.archive(folder, factories.raw(Date=date), received_at=received)
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert message.sorted_at == received
    assert message.is_sorted_by_received


def test_wagtails_own_search_index_is_left_alone(folder: EmailFolderPage) -> None:
    from wagtail.search.models import IndexEntry

    before = IndexEntry.objects.count()
    factories.archive(folder, factories.raw())
    assert IndexEntry.objects.count() == before


def test_month_counts_follow(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw(), factories.raw())
    assert MonthCount.objects.get(folder=folder).messages == 2
