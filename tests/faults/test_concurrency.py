"""Several at once: hosts, deliveries of one task, clocks that differ, people who change accounts.

Also: tests/fetching/test_run.py (lost leases, redelivery, two accounts of one folder),
test_unwanted.py (stopping and switching off) and test_faults.py (accounts that are removed).
"""

from __future__ import annotations

from itertools import chain

import pytest
from django_q.models import OrmQ
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive import tasks
from wagtail_mailarchive.fetching import batches, run
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.schedule import open_run
from wagtail_mailarchive.models import (
    EmailFolderPage,
    FetchRun,
    MailAccount,
    RunStatus,
    Trigger,
)

from .databases import Databases
from .survival import connect, expect_whole, survive


@pytest.mark.parametrize(
    ("clocks", "action"),
    [([0, 0, 0], "delete"), ([24, -24, 0], "leave")],
    ids=["alike", "a day apart"],
)
def test_of_several_hosts_at_one_account_one_fetches_and_the_others_leave_it_alone(
    clocks: list[float], action: str, databases: Databases, dovecot: Dovecot
) -> None:
    connected = connect(dovecot, errand=action)
    with databases.fresh() as database:
        ended = databases.nursery.run(
            *("race", database),
            endpoint=connected.endpoint,
            account=connected.account,
            clocks=clocks,
        )
        assert ended.result is not None, ended.told
        assert ended.result == {"finished": 1, "busy": 2, "failed": 0}, ended.told
        told = databases.nursery.run("archived", database)
        delivered = chain.from_iterable(connected.server["delivered"].values())
        assert told.result == len({sha256 for sha256, kind in delivered if kind == "archived"})
        expect_whole(databases, database, connected, told=ended.told)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_lease_lost_in_the_middle_stops_writing_and_the_next_worker_brings_the_rest(
    protocol: str, databases: Databases, dovecot: Dovecot
) -> None:
    ended = survive(databases, connect(dovecot, protocol), "BATCH_COMMITTED", "lose_the_lease")
    # Not one batch more, although the next ones had been read.
    assert ended.result["BATCH_COMMITTED"] == 1


@pytest.mark.django_db
def test_a_hundred_dispatches_that_were_missed_fetch_each_account_once(
    folder: EmailFolderPage, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for _ in range(3):
        factories.account(folder)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(100):
            tasks.dispatch()
    assert FetchRun.objects.count() == OrmQ.objects.count() == 3


@pytest.mark.django_db
def test_an_account_given_another_server_in_the_middle_of_a_run_mixes_no_mail(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    other_user = dovecot.create_user(f"{mail_user}-other")
    for number in range(6):
        dovecot.deliver(mail_user, factories.raw(f"First {number}"))
        dovecot.deliver(other_user, factories.raw(f"Other {number}"))
    opened, _ = open_run(account, trigger=Trigger.HAND)

    def edit(current: FetchRun) -> None:
        edited = MailAccount.objects.get()
        edited.username = other_user
        edited.set_secret(dovecot.endpoint(other_user).secret)
        edited.save()

    run.work_on(opened.pk, after_batch=edit)
    first = account.folder.messages.count()
    report = fetch_now(MailAccount.objects.get())
    assert report.run.adds_up
    titles = set(account.folder.messages.values_list("title", flat=True))
    assert {f"Other {number}" for number in range(6)} <= titles
    assert account.folder.messages.count() == first + 6


@pytest.mark.django_db
def test_an_account_given_another_folder_in_the_middle_of_a_run_archives_nothing_twice(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 2)
    for number in range(6):
        dovecot.deliver(mail_user, factories.raw(f"Message {number}"))
    other = factories.folder()
    opened, _ = open_run(account, trigger=Trigger.HAND)

    def edit(current: FetchRun) -> None:
        MailAccount.objects.update(folder=other)

    run.work_on(opened.pk, after_batch=edit)
    report = fetch_now(MailAccount.objects.get())
    assert report.run.status == RunStatus.SUCCEEDED
    assert account.folder.messages.count() + other.messages.count() == 6
