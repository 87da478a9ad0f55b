"""A run that nobody wants any more ends after the messages under way and keeps its numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching import batches, by_hand, lease, listing, run, schedule
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import FetchRun, MailAccount, Mailbox, RunStatus, Trigger
from wagtail_mailarchive.models.site_settings import ArchiveSiteSettings

pytestmark = pytest.mark.django_db


def switch_site(*, is_on: bool) -> None:
    row = ArchiveSiteSettings.objects.first() or ArchiveSiteSettings()
    row.is_on = is_on
    row.save()


def by_stop_button(current: FetchRun) -> None:
    by_hand.stop(current)


def by_the_sites_switch(current: FetchRun) -> None:
    switch_site(is_on=False)


def by_switching_the_account_off(current: FetchRun) -> None:
    MailAccount.objects.update(enabled=False)


@pytest.fixture
def opened(
    account: MailAccount, dovecot: Dovecot, mail_user: str, monkeypatch: pytest.MonkeyPatch
) -> FetchRun:
    """A run that finds eight messages, in batches of two."""
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    for number in range(8):
        dovecot.deliver(mail_user, factories.raw(f"Message {number}"))
    return open_run(account, trigger=Trigger.HAND)[0]


@pytest.mark.parametrize(
    "stop", [by_stop_button, by_the_sites_switch, by_switching_the_account_off]
)
def test_a_run_under_way_ends_after_its_batch(
    stop: Callable[[FetchRun], None], opened: FetchRun
) -> None:
    assert run.work_on(opened.pk, after_batch=stop) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.STOPPED, 2)
    assert (opened.waiting, opened.on_server, opened.adds_up) == (6, 8, None)
    assert opened.finished_at is not None
    assert opened.current_mailbox == ""


def test_a_stopped_run_is_followed_by_one_that_brings_the_rest(opened: FetchRun) -> None:
    run.work_on(opened.pk, after_batch=by_stop_button)
    account = opened.account
    assert account is not None
    report = fetch_now(account)
    assert report.run != opened
    assert (report.run.status, report.run.archived) == (RunStatus.SUCCEEDED, 6)


@pytest.mark.parametrize("stop", [by_stop_button, by_the_sites_switch])
def test_between_two_mailboxes_it_ends_too(
    stop: Callable[[FetchRun], None],
    opened: FetchRun,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dovecot.create_mailbox(mail_user, "Second")
    MailAccount.objects.update(mailboxes=["Second", "INBOX"])
    note = listing.note_listing

    def then_stop(*args: object, **kwargs: object) -> None:
        note(*args, **kwargs)  # type: ignore[arg-type]
        stop(opened)

    monkeypatch.setattr(listing, "note_listing", then_stop)
    run.work_on(opened.pk)
    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.STOPPED, 0)
    assert list(Mailbox.objects.values_list("name", flat=True)) == ["Second"]


def test_a_queued_run_is_stopped_without_a_worker_and_never_worked_on(opened: FetchRun) -> None:
    by_hand.stop(opened)
    opened.refresh_from_db()
    assert opened.status == RunStatus.STOPPED
    assert opened.finished_at is not None
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    assert not Mailbox.objects.exists()


def test_a_run_stopped_while_a_worker_takes_it_up_is_not_begun(
    opened: FetchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = lease.acquire

    def late(account: MailAccount) -> object:
        held = acquire(account)
        by_hand.stop(opened)
        return held

    monkeypatch.setattr(lease, "acquire", late)
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.started_at) == (RunStatus.STOPPED, None)
    assert not Mailbox.objects.exists()


def test_stopping_a_run_that_has_ended_changes_nothing(opened: FetchRun) -> None:
    run.work_on(opened.pk)
    by_hand.stop(opened)
    opened.refresh_from_db()
    assert (opened.status, opened.stop_requested) == (RunStatus.SUCCEEDED, False)


def test_while_the_site_is_switched_off_nothing_is_fetched(opened: FetchRun) -> None:
    switch_site(is_on=False)
    assert run.work_on(opened.pk) is run.Verdict.FINISHED
    opened.refresh_from_db()
    assert (opened.status, opened.archived) == (RunStatus.STOPPED, 0)
    assert schedule.dispatch_due() == []
    switch_site(is_on=True)
    account = opened.account
    assert account is not None
    assert fetch_now(account).run.archived == 8
