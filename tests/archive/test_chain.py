"""Each folder's chain: what came in, sealed entry by entry."""

from __future__ import annotations

import hashlib
from datetime import UTC

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_mailarchive.archive import chain
from wagtail_mailarchive.archive.chain import Arrival
from wagtail_mailarchive.archive.writer import Writer
from wagtail_mailarchive.exceptions import LeaseLost, ParserFailed
from wagtail_mailarchive.models import ChainEntry, EmailFolderPage, Mailbox

from .test_writer import incoming, writer_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def entries(folder: EmailFolderPage) -> list[ChainEntry]:
    return list(ChainEntry.objects.filter(folder=folder).order_by("number"))


def recomputed(entry: ChainEntry, before: str) -> str:
    """The recipe of docs/explanation/durability.md, not ours."""
    moment = entry.archived_at.astimezone(UTC)
    text = "\n".join(
        [
            before,
            str(entry.number),
            entry.sha256,
            f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}Z",
            entry.mailbox,
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def test_every_message_archived_or_quarantined_has_an_entry_that_follows_from_the_last(
    folder: EmailFolderPage,
) -> None:
    writer = writer_for(folder)
    writer.write([incoming(b"a"), incoming(b"b", ParserFailed()), incoming(b"a")])
    writer.write([incoming(b"c"), incoming(b"b", ParserFailed())])

    found = entries(folder)
    assert [entry.number for entry in found] == [1, 2, 3, 4]
    expected = [hashlib.sha256(raw).hexdigest() for raw in (b"a", b"b", b"c", b"b")]
    assert [entry.sha256 for entry in found] == expected
    digest = "0" * 64
    for entry in found:
        assert entry.mailbox == "INBOX"
        digest = recomputed(entry, digest)
        assert entry.digest == digest


def test_folders_have_chains_of_their_own(folder: EmailFolderPage) -> None:
    other = factories.folder()
    for each in (folder, other):
        factories.archive(each, factories.raw("a"))
        factories.archive(each, factories.raw("b"))
    assert [entry.number for entry in entries(folder)] == [1, 2]
    assert [entry.number for entry in entries(other)] == [1, 2]


def test_a_batch_that_is_rolled_back_leaves_no_entry(folder: EmailFolderPage) -> None:
    def lost(outcomes: object, size: int) -> None:
        raise LeaseLost(account="Office")

    mailbox = Mailbox.objects.create(folder=folder, name="INBOX")
    with pytest.raises(LeaseLost):
        Writer(mailbox, 1, fence=lambda: None, also=lost).write([incoming(b"a")])
    assert not ChainEntry.objects.exists()


def test_a_fork_is_refused_by_the_database(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw())
    [entry] = entries(folder)
    entry.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save(force_insert=True)


def test_appending_costs_two_queries_however_large_the_batch_and_none_for_duplicates(
    folder: EmailFolderPage,
) -> None:
    (page,) = factories.archive(folder, factories.raw())
    now = page.sorted_at
    with CaptureQueriesContext(connection) as queries:
        chain.append(folder.pk, [Arrival(f"{n:064x}", "INBOX") for n in range(100)], now)
    # SQLite splits inserts by its number of variables.
    assert len(queries) <= 3
    with CaptureQueriesContext(connection) as queries:
        chain.append(folder.pk, [], now)
    assert len(queries) == 0


def test_a_mailbox_named_with_a_line_break_cannot_be_taken_for_another_entry(
    folder: EmailFolderPage,
) -> None:
    (page,) = factories.archive(folder, factories.raw())
    moment, sha256 = page.sorted_at, "a" * 64
    stamp = chain.stamp(moment)
    plain = chain.digest_of("0" * 64, 1, sha256, moment, "INBOX")
    assert plain != chain.digest_of("0" * 64, 1, sha256, moment, f"INBOX\n{stamp}")
    assert plain == hashlib.sha256(f"{'0' * 64}\n1\n{sha256}\n{stamp}\nINBOX".encode()).hexdigest()


def test_the_head_is_the_last_entry_and_empty_folders_have_none(folder: EmailFolderPage) -> None:
    factories.folder()
    factories.archive(folder, factories.raw(), factories.raw())
    [head] = chain.heads()
    last = entries(folder)[-1]
    assert (head.folder_id, head.number, head.digest) == (folder.pk, 2, last.digest)
    assert head.as_dict()["archived_at"] == chain.stamp(last.archived_at)
