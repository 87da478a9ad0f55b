"""A batch becomes pages, whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.archive import originals, search
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.exceptions import FolderFull, LeaseLost, ParserFailed
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.models import (
    Attachment,
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Mailbox,
    MessageReference,
    MessageText,
    MonthCount,
    Original,
    Outcome,
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


def incoming(raw: bytes, parsed: ParsedMessage | ParserFailed | None = None) -> Incoming:
    return Incoming(
        uid=next(uids),
        received_at=datetime(2026, 3, 5, 14, tzinfo=UTC),
        original=originals.prepare([raw]),
        parsed=parsed or ParsedMessage(subject="Subject", text="Body"),
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
    assert list(
        MessageReference.objects.filter(message=message)
        .order_by("position")
        .values_list("digest", flat=True)
    ) == [message_id_digest(name) for name in ("z@example.org", "a@example.org", "a@example.org")]
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
HOSTILE = {
    "2 MB word": ParsedMessage(subject="x" * 2_000_000, text="y" * 2_000_000),
    "5 kB Message-ID": ParsedMessage(message_id="i" * 5_000, references=["r" * 5_000]),
    "many words": ParsedMessage(text=" ".join(f"{n:x}é" for n in range(150_000))),
    "wide characters": ParsedMessage(text=" ".join(chr(0x20000 + n) for n in range(60_000))),
    "NUL": ParsedMessage(subject="a\x00b", text="c\x00d"),
    "lone surrogate": ParsedMessage(subject="\ud800"),
    "distant date": ParsedMessage(date=-62_000_000_000, date_offset=-1439),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_the_database_refuses_is_quarantined_alone(folder: EmailFolderPage, kind: str) -> None:
    batch = [incoming(b"%d" % n) for n in range(9)]
    batch.insert(5, incoming(kind.encode(), HOSTILE[kind]))
    writer_for(folder).write(batch)
    outcomes = dict(LedgerEntry.objects.values_list("uid", "outcome"))
    hostile = outcomes.pop(batch[5].uid)
    assert set(outcomes.values()) == {Outcome.ARCHIVED}
    assert hostile in (Outcome.ARCHIVED, Outcome.QUARANTINED)
    assert len(outcomes) == 9
    if kind in ("2 MB word", "5 kB Message-ID", "many words", "wide characters"):
        assert hostile == Outcome.ARCHIVED
    assert not any(Page.find_problems())


def test_a_lone_surrogate_is_refused_and_quarantined(folder: EmailFolderPage) -> None:
    writer_for(folder).write([incoming(b"a"), incoming(b"b", HOSTILE["lone surrogate"])])
    entry = LedgerEntry.objects.get(outcome=Outcome.QUARANTINED)
    assert entry.reason_code == "DatabaseRefusedMessage"
    assert entry.original is not None
    assert originals.read(entry.original) == b"b"


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
    assert counts[0] <= 24


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
