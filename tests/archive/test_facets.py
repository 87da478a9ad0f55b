"""What a folder's messages are narrowed down by, counted while archiving."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Count, Max

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.archive.reprocessing import reprocess
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    AccountMessage,
    EmailFolderPage,
    EmailMessagePage,
    FacetCount,
    FacetKind,
    MailAccount,
    Mailbox,
    MessageText,
    Outcome,
)

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, 12, tzinfo=UTC)


def counted(folder: EmailFolderPage) -> dict[tuple[str, str], int]:
    rows = FacetCount.objects.filter(folder=folder, messages__gt=0)
    return {(kind, value): number for kind, value, number in rows.values_list(*_COLUMNS)}


_COLUMNS = ("kind", "value", "messages")


def came_by(account: MailAccount, box: str, *raws: bytes) -> None:
    """Archive `raws` as a fetch of the account's mailbox `box` would."""
    known, _ = Mailbox.objects.get_or_create(account=account, folder=account.folder, name=box)

    def ignore(outcomes: Counter[Outcome], size: int) -> None:
        """Nobody counts here."""

    Writer(known, 1, fence=lambda: None, also=ignore).write(
        [
            Incoming(uid, None, originals.prepare([each]), factories.storable(parse(each)))
            for uid, each in enumerate(raws, 1)
        ]
    )


def assert_right(folder: EmailFolderPage) -> None:
    texts = MessageText.objects.filter(folder=folder)
    senders = FacetCount.objects.filter(folder=folder, kind=FacetKind.SENDER, messages__gt=0)
    assert set(senders.values_list("value", "messages", "newest")) == set(
        texts.values("sender").annotate(n=Count("pk"), m=Max("pk")).values_list("sender", "n", "m")
    )


def test_senders_lists_and_attachments_are_counted_batch_by_batch() -> None:
    folder = factories.folder()
    announced = factories.raw(List_Id="News <news.example.org>", From="Bo <BO@example.org>")
    factories.archive(folder, announced, factories.raw(), mail.attached("a.pdf", b"%PDF"))
    factories.archive(folder, factories.raw(From=""), factories.raw(From="bo@example.org"))
    assert counted(folder) == {
        ("sender", "ada@example.org"): 2,
        ("sender", "bo@example.org"): 2,
        ("sender", ""): 1,
        ("list", "news.example.org"): 1,
        ("attachment", ""): 1,
    }
    assert_right(folder)


def test_a_message_counts_once_for_each_account_that_it_came_by() -> None:
    folder = factories.folder()
    sales, press = factories.account(folder), factories.account(folder)
    both, one = factories.raw(), factories.raw()
    came_by(sales, "INBOX", both, one)
    came_by(sales, "All Mail", both, one)
    came_by(press, "INBOX", both)
    found = counted(folder)
    assert (found["account", str(sales.pk)], found["account", str(press.pk)]) == (2, 1)
    assert AccountMessage.objects.count() == 3


def test_what_is_read_again_is_counted_as_it_says_now() -> None:
    folder = factories.folder()
    account = factories.account(folder)
    raws = mail.series(3, BEGIN, timedelta(days=1))
    came_by(account, "INBOX", *raws)
    newest = EmailMessagePage.objects.filter(folder=folder).order_by("-sorted_at")[0]
    text = MessageText.objects.get(message=newest)
    # As an older parser would have read it.
    wrong: dict[str, Any] = {"sender": "wrong@example.org", "list_id": "wrong", "pk": text.pk - 9}
    MessageText.objects.filter(pk=text.pk).update(id=wrong.pop("pk"), has_attachment=True, **wrong)
    AccountMessage.objects.filter(text=text.pk).update(text=text.pk - 9)
    FacetCount.objects.filter(kind=FacetKind.SENDER).update(messages=2)
    for kind, value in (("sender", "wrong@example.org"), ("list", "wrong"), ("attachment", "")):
        FacetCount.objects.create(
            folder=folder, kind=kind, value=value, messages=1, newest=text.pk - 9
        )
    FacetCount.objects.filter(kind=FacetKind.SENDER, value="ada@example.org").update(newest=1)
    with ParserProcess() as parser:
        reprocess([newest.pk], parser=parser)
    assert counted(folder) == {
        ("sender", "ada@example.org"): 3,
        ("account", str(account.pk)): 3,
    }
    assert_right(folder)
    texts = set(MessageText.objects.values_list("pk", flat=True))
    assert set(AccountMessage.objects.values_list("text", flat=True)) == texts
