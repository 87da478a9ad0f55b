"""A site's own code listens, and keeps mail out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.dispatch import Signal

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive import signals
from wagtail_mailarchive.archive.again import retry_entries
from wagtail_mailarchive.exceptions import ExcludedBySite, ParserTimedOut
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    MailAccount,
    Outcome,
    RunStatus,
)
from wagtail_mailarchive.models.account import AfterFetch
from wagtail_mailarchive.models.run import sentence

pytestmark = pytest.mark.django_db


@contextmanager
def received(signal: Signal, receiver: Callable[..., Any]) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@contextmanager
def heard(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []

    def receiver(**kwargs: Any) -> None:
        told.append(kwargs)

    with received(signal, receiver):
        yield told


def keep_out(message: Any, **kwargs: Any) -> None:
    if "newsletter" in message.subject:
        raise ExcludedBySite(reason="no newsletters\x00")


def test_a_receiver_keeps_a_message_out_and_the_ledger_says_why(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    for subject in ("A newsletter", "A letter"):
        dovecot.deliver(mail_user, factories.raw(subject))
    with received(signals.before_archiving, keep_out):
        run = fetch_now(account).run
        again = fetch_now(account).run
    assert (run.status, run.adds_up) == (RunStatus.SUCCEEDED, True)
    assert (run.archived, run.excluded) == (1, 1)
    # Asked once: what is decided does not wait.
    assert (again.archived, again.excluded, again.waiting) == (0, 0, 0)
    assert EmailMessagePage.objects.get().subject == "A letter"
    entry = LedgerEntry.objects.get(outcome=Outcome.EXCLUDED)
    assert entry.original is None
    told = sentence(entry.reason_code, entry.reason_params)
    assert told == "A rule of this site keeps this message out: no newsletters "


@pytest.mark.usefixtures("durable")
def test_what_is_kept_out_stays_on_the_server_though_archived_mail_is_deleted_there(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    MailAccount.objects.filter(pk=account.pk).update(after_fetch=AfterFetch.DELETE)
    for subject in ("A newsletter", "A letter"):
        dovecot.deliver(mail_user, factories.raw(subject))
    with received(signals.before_archiving, keep_out):
        for _ in range(2):
            assert fetch_now(MailAccount.objects.get()).run.adds_up
    [left] = dovecot.message_files(mail_user)
    assert b"A newsletter" in left.read_bytes()


def test_a_receiver_that_fails_stops_no_other_message_and_is_asked_again(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    for subject in ("First", "Second"):
        dovecot.deliver(mail_user, factories.raw(subject))

    def broken(message: Any, **kwargs: Any) -> None:
        if message.subject == "First":
            raise RuntimeError

    with received(signals.before_archiving, broken):
        run = fetch_now(account).run
    assert (run.status, run.archived, run.waiting) == (RunStatus.SUCCEEDED, 1, 1)
    entry = LedgerEntry.objects.get(outcome=Outcome.WAITING)
    assert entry.reason_code == "ExclusionUndecided"
    assert fetch_now(account).run.archived == 1


def test_mail_in_quarantine_is_asked_about_before_it_becomes_a_page() -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw("newsletter"), parsed=[ParserTimedOut(seconds=1)])
    entry = LedgerEntry.objects.get()
    with received(signals.before_archiving, keep_out):
        result = retry_entries([entry.pk])
    assert (result.archived, result.still) == (0, 1)
    entry.refresh_from_db()
    assert entry.reason_code == "ExcludedBySite"


def test_each_archived_message_and_the_end_of_the_run_are_told(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    folder: EmailFolderPage,
    django_capture_on_commit_callbacks: Any,
) -> None:
    for number in range(2):
        dovecot.deliver(mail_user, factories.raw(f"Number {number}"))
    with (
        heard(signals.message_archived) as archived,
        heard(signals.run_finished) as finished,
        heard(signals.account_failed) as failed,
        django_capture_on_commit_callbacks(execute=True),
    ):
        run = fetch_now(account).run
    assert {each["message_id"] for each in archived} == set(
        EmailMessagePage.objects.values_list("pk", flat=True)
    )
    assert {each["folder_id"] for each in archived} == {folder.pk}
    assert [(each["run"].pk, each["run"].status) for each in finished] == [
        (run.pk, RunStatus.SUCCEEDED)
    ]
    assert not failed


def test_a_duplicate_is_not_told_of_again(django_capture_on_commit_callbacks: Any) -> None:
    folder, raw = factories.folder(), factories.raw()
    with (
        heard(signals.message_archived) as archived,
        django_capture_on_commit_callbacks(execute=True),
    ):
        factories.archive(folder, raw)
        factories.archive(folder, raw)
    assert len(archived) == 1


def test_a_failed_account_is_told_with_its_reason(account: MailAccount) -> None:
    account.set_secret("wrong")
    account.save()

    def broken(**kwargs: Any) -> None:
        raise RuntimeError

    with (
        received(signals.run_finished, broken),
        heard(signals.account_failed) as failed,
    ):
        run = fetch_now(account).run
    assert run.status == RunStatus.FAILED
    [told] = failed
    assert (told["account"], told["run"].pk, told["error"]) == (account, run.pk, run.error)
    assert "wrong" not in told["error"]
