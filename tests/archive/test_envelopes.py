"""What is in quarantine can be found by what its header says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.exceptions import MessageError, ParserFailed
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.models import Envelope, LedgerEntry, Mailbox
from wagtail_mailarchive.models.reference import message_id_digest

pytestmark = pytest.mark.django_db

Write = Callable[..., None]


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return Mailbox.objects.create(folder=factories.folder(), name="INBOX")


@pytest.fixture
def write(mailbox: Mailbox) -> Write:
    """`write(1, raw, error)` archives or quarantines one message."""
    writer = Writer(mailbox, 7, fence=lambda: None, also=lambda outcomes, size: None)

    def one(uid: int, raw: bytes, parsed: ParsedMessage | MessageError) -> None:
        writer.write([Incoming(uid, None, originals.prepare([raw]), parsed)])

    return one


def test_a_quarantined_message_keeps_its_envelope(write: Write) -> None:
    write(1, factories.raw("An offer", Message_ID="<offer@example.org>"), ParserFailed())
    envelope = Envelope.objects.get()
    assert (envelope.message_id, envelope.subject) == ("offer@example.org", "An offer")
    assert envelope.message_id_digest == message_id_digest("offer@example.org")
    assert envelope.sender == "Ada Lovelace ada@example.org"
    assert envelope.sent_at == datetime(2026, 3, 5, 13, 30, tzinfo=UTC)


def test_what_is_written_again_keeps_one_envelope(write: Write) -> None:
    write(1, factories.raw("First"), ParserFailed())
    write(1, factories.raw("Second"), ParserFailed())
    assert Envelope.objects.get().subject == "Second"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 100,
        b"Subject: a\x00\xed\xa0\x80b\n\n",
        b"Subject: " + b"x" * 2_000_000,
        b"Message-ID: <" + b"i" * 100_000 + b">\n\n",
        b"Date: Fri, 31 Dec 9999 23:59:59 -2359\n\n",
    ],
)
def test_no_header_keeps_a_message_out_of_the_quarantine(write: Write, raw: bytes) -> None:
    write(1, raw, ParserFailed())
    envelope = Envelope.objects.get()
    assert max(len(envelope.subject), len(envelope.sender), len(envelope.message_id)) <= 998


def test_what_the_database_refuses_has_an_envelope(write: Write) -> None:
    refused = parse(factories.raw("Refused"))
    refused.subject = "\ud800"
    write(1, factories.raw("Refused"), refused)
    assert LedgerEntry.objects.get().reason_code == "DatabaseRefusedMessage"
    assert Envelope.objects.get().subject == "Refused"


def test_it_costs_nothing_while_nothing_is_quarantined(write: Write) -> None:
    def queries(uid: int) -> list[str]:
        raw = factories.raw()
        with CaptureQueriesContext(connection) as captured:
            write(uid, raw, parse(raw))
        return [query["sql"] for query in captured]

    assert not any("envelope" in sql for sql in queries(1))
