"""What is too large stays and can be found; what is wanted all the same is fetched."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from tests import factories
from tests.fetching.test_run import crlf, fetch
from tests.servers.dovecot import Dovecot
from tests.servers.maildrop import Maildrop
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.fetching import pipeline
from wagtail_mailarchive.fetching.waiting import want
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    EmailMessagePage,
    Envelope,
    LedgerEntry,
    MailAccount,
    Outcome,
    Presence,
)
from wagtail_mailarchive.sources.imap import ImapSource

pytestmark = pytest.mark.django_db
LIMIT = 20_000


@pytest.fixture(autouse=True)
def small_limit(settings: LazySettings) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": LIMIT}


def large(subject: str, size: int = 2 * LIMIT) -> bytes:
    line = "All work and no play makes Jack a dull boy.\n"
    return crlf(factories.raw(subject, line * (size // len(line)), Message_ID=f"<{subject}@large>"))


@pytest.fixture
def too_large(account: MailAccount, dovecot: Dovecot, mail_user: str) -> LedgerEntry:
    """One of three messages that a fetch left for its size."""
    for raw in (factories.raw("before"), large("plans"), factories.raw("behind")):
        dovecot.deliver(mail_user, crlf(raw))
    report = fetch(account)
    assert (report.run.archived, report.run.too_large) == (2, 1)
    return LedgerEntry.objects.get(outcome=Outcome.TOO_LARGE)


def test_a_message_left_for_its_size_says_what_it_is(too_large: LedgerEntry) -> None:
    envelope = too_large.envelope
    assert (envelope.subject, envelope.message_id) == ("plans", "plans@large")
    assert envelope.sender == "Ada Lovelace ada@example.org"
    assert envelope.sent_at is not None


def test_what_is_wanted_is_archived_by_the_next_fetch(
    account: MailAccount, too_large: LedgerEntry
) -> None:
    assert want(LedgerEntry.objects.all()) == 1
    report = fetch(account)
    assert (report.run.archived, report.run.too_large) == (1, 0)
    page = EmailMessagePage.objects.get(subject="plans")
    assert originals.read(page.original) == large("plans")
    assert fetch(account).run.archived == 0


def test_a_wanted_message_is_read_in_pieces_if_it_is_huge(
    account: MailAccount, too_large: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_mailarchive.fetching.batches.HUGE", LIMIT)
    monkeypatch.setattr("wagtail_mailarchive.fetching.pipeline.HUGE", LIMIT)
    want(LedgerEntry.objects.all())
    assert fetch(account).run.archived == 1


def test_a_wanted_message_that_cannot_be_read_is_quarantined(
    account: MailAccount, too_large: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["/bin/sh", "-c", "printf '!'; exec head -c 9 >/dev/null"]
    monkeypatch.setattr(
        "wagtail_mailarchive.fetching.mailboxes.ParserProcess",
        lambda: ParserProcess(command=command),
    )
    want(LedgerEntry.objects.all())
    assert fetch(account).run.quarantined == 1
    too_large.refresh_from_db()
    assert (too_large.outcome, too_large.message) == (Outcome.QUARANTINED, None)
    assert Envelope.objects.get(entry=too_large).subject == "plans"


def test_nothing_is_wanted_beyond_what_memory_bears(
    account: MailAccount, too_large: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wagtail_mailarchive.fetching.waiting.LARGEST_WANTED", LIMIT + 1)
    assert want(LedgerEntry.objects.all()) == 0
    assert fetch(account).run.archived == 0


def test_what_is_gone_is_not_waited_for(too_large: LedgerEntry) -> None:
    LedgerEntry.objects.update(presence=Presence.GONE)
    assert want(LedgerEntry.objects.all()) == 0


def test_a_server_that_fails_at_headers_keeps_no_message_waiting(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.deliver(mail_user, large("plans"))
    dovecot.deliver(mail_user, large("drawings"))
    dovecot.deliver(mail_user, crlf(factories.raw("behind")))
    asked: list[Any] = []

    def failing(self: ImapSource, uids: Any) -> Any:
        asked.append(list(uids))
        return self._search(0, 0, ("NONSENSE",))

    monkeypatch.setattr(ImapSource, "headers", failing)
    report = fetch(account)
    assert asked == [[1, 2]]
    assert (report.run.archived, report.run.too_large) == (1, 2)
    assert set(Envelope.objects.values_list("subject", flat=True)) == {""}


def test_pop3_tells_what_was_left_and_hands_over_what_is_wanted() -> None:
    maildrop = Maildrop([crlf(factories.raw("before")), large("plans")])
    with ScriptedServer(maildrop) as server:
        account = factories.account(factories.folder(), server.endpoint(), protocol="pop3")
        assert fetch(account).run.too_large == 1
        assert Envelope.objects.get().subject == "plans"
        assert want(LedgerEntry.objects.all()) == 1
        assert fetch(account).run.archived == 1
    assert EmailMessagePage.objects.filter(subject="plans").exists()


def test_headers_are_asked_for_in_portions(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_HEADERS", 2)
    for number in range(5):
        dovecot.deliver(mail_user, large(f"plan {number}"))
    assert fetch(account).run.too_large == 5
    assert Envelope.objects.filter(subject__startswith="plan ").count() == 5
